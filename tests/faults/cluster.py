"""Three RabbitMQ nodes on one machine, which can be cut off from each other."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from seccam import topology
from seccam_local.node import Node, Ports
from tests.brokers import CAMERAS, RunningBroker, free_port
from tests.waiting import eventually

SIZE = 3
#: Seconds until all nodes run, on a busy machine.
PATIENCE = 180.0


class ClusterNode(Node):
    """A node that knows its peers."""

    peers: tuple[str, ...] = ()

    def _configuration(self) -> Iterator[str]:
        for line in super()._configuration():
            if not line.startswith("definitions."):  # loaded once all nodes are there
                yield line
        yield "cluster_formation.peer_discovery_backend = classic_config"
        for number, peer in enumerate(self.peers, start=1):
            yield f"cluster_formation.classic_config.nodes.{number} = {peer}"
        yield "cluster_partition_handling = pause_minority"


class Cluster:
    """The nodes, by number."""

    def __init__(self, folder: Path) -> None:
        epmd, cookie = free_port(), secrets.token_hex(32)
        names = tuple(f"seccam{number}@localhost" for number in range(SIZE))
        self.nodes: list[RunningBroker] = []
        for name in names:
            own = folder / name
            node = ClusterNode(own, Ports(free_port(), free_port(), free_port(), free_port(), epmd), cameras=CAMERAS, name=name)
            node.peers = names
            own.mkdir(parents=True)
            (own / ".erlang.cookie").write_text(cookie)
            (own / ".erlang.cookie").chmod(0o400)
            if self.nodes:
                shutil.copy(self.nodes[0].node.folder / "passwords.json", own)
            node.write()
            self.nodes.append(RunningBroker(node))
        self._cookie = cookie

    def start(self) -> None:
        """Start all nodes, wait until they are one cluster, and declare everything."""
        self.nodes[0].start_mapper()
        for node in self.nodes:
            self.start_node(node, wait=False)
        for node in self.nodes:
            self.wait_for(node)
        eventually(lambda: self._running(self.nodes[0]) == SIZE, within=PATIENCE, every=1, what="three running nodes")
        definitions = self.nodes[0].node.folder / "all.json"
        definitions.write_text(json.dumps(topology.definitions(self.nodes[0].node.passwords(), cameras=CAMERAS)))
        self.nodes[0].node.ctl("import_definitions", str(definitions))
        for node in self.nodes:
            node.ensure_running()

    def start_node(self, node: RunningBroker, *, wait: bool = True) -> None:
        """Start a node that doesn't run."""
        node.start_server()
        if wait:
            self.wait_for(node)

    def wait_for(self, node: RunningBroker) -> None:
        """Wait until a node listens."""
        eventually(lambda: _listens(node.ports.amqp), within=PATIENCE, every=0.5, what=f"{node.node.name} listens")

    def leader(self, queue: str) -> RunningBroker:
        """The node that leads a quorum queue."""
        told = self.nodes[0].node.ctl("--quiet", "--no-table-headers", "list_queues", "name", "leader")
        names = dict(line.split("\t") for line in told.splitlines() if "\t" in line)
        return next(node for node in self.nodes if node.node.name == names[queue])

    def others(self, *nodes: RunningBroker) -> list[RunningBroker]:
        """The other nodes."""
        return [node for node in self.nodes if node not in nodes]

    @contextlib.contextmanager
    def cut(self, pairs: Iterable[tuple[RunningBroker, RunningBroker]]) -> Iterator[None]:
        """No connection between the nodes of each pair: each takes the other's cookie for another one."""
        cut = list(pairs)
        for one, other in cut:
            for here, there in ((one, other), (other, one)):
                here.node.ctl(
                    "eval", f"erlang:set_cookie('{there.node.name}', wrong), erlang:disconnect_node('{there.node.name}')."
                )
        try:
            yield
        finally:
            for one, other in cut:
                for here, there in ((one, other), (other, one)):
                    here.node.ctl("eval", f"erlang:set_cookie('{there.node.name}', list_to_atom(\"{self._cookie}\")).")

    def stop(self) -> None:
        """Stop all nodes and the port mapper."""
        for node in reversed(self.nodes):
            node.kill_server()
        self.nodes[0].stop()

    def _running(self, node: RunningBroker) -> int:
        return len(json.loads(node.node.ctl("--quiet", "--formatter", "json", "cluster_status"))["running_nodes"])


def isolated(node: RunningBroker, cluster: Cluster) -> list[tuple[RunningBroker, RunningBroker]]:
    """The pairs that cut one node off from the others."""
    return list(itertools.product([node], cluster.others(node)))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
