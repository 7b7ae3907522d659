"""A broker of three nodes, of which one dies or is cut off from the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from seccam import topology
from tests.broker_clients import through
from tests.brokers import RunningBroker
from tests.faults.cluster import Cluster, isolated
from tests.faults.row import Row, check
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow

#: Seconds that a partition lasts.
PARTITION = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@dataclass
class Ensemble:
    """The cluster under load: the events come through one node, the notifier prefers another, and a third one leads."""

    cluster: Cluster
    leader: RunningBroker
    notifiers: RunningBroker
    publishers: RunningBroker
    row: Row


@pytest.fixture
def ensemble(cluster: Cluster, tmp_path: Path) -> Iterator[Ensemble]:
    for node in cluster.nodes:
        node.ensure_running()
    cluster.nodes[0].empty()
    leader = cluster.leader(topology.EVENTS_QUEUE)
    first, second = cluster.others(leader)
    with service(cluster, first) as near_first, service(cluster, second) as near_second:
        row = Row(
            first,
            tmp_path,
            load_url=through(near_second, second, topology.SECURITY_USER).url.get_secret_value(),
            SECCAM_BROKER_URL=through(near_first, first, topology.NOTIFIER_USER).url.get_secret_value(),
        )
        yield Ensemble(cluster, leader, first, second, row)
        row.close()


@contextmanager
def service(cluster: Cluster, preferred: RunningBroker) -> Iterator[TcpProxy]:
    """As a Service of Kubernetes: it leads to a node that accepts connections, this one if it does."""
    proxy = TcpProxy(*(node.ports.amqp for node in (preferred, *cluster.others(preferred))))
    try:
        yield proxy
    finally:
        proxy.close()


def test_the_leading_node_is_killed(ensemble: Ensemble) -> None:
    row = ensemble.row
    with row.fault():
        ensemble.leader.kill()
        time.sleep(10)
        ensemble.cluster.start_node(ensemble.leader)
        row.over()

    check(row.settle("3 nodes: the leader kill -9", "back after 10 s"), doubled=1)


@pytest.mark.parametrize("isolate", ["publisher", "notifier", "leader", "two nodes from each other"])
def test_nodes_are_cut_off(ensemble: Ensemble, isolate: str) -> None:
    cluster, row = ensemble.cluster, ensemble.row
    cut: dict[str, list[tuple[RunningBroker, RunningBroker]]] = {
        "publisher": isolated(ensemble.publishers, cluster),
        "notifier": isolated(ensemble.notifiers, cluster),
        "leader": isolated(ensemble.leader, cluster),
        "two nodes from each other": [(ensemble.notifiers, ensemble.leader)],
    }
    with row.fault():
        with cluster.cut(cut[isolate]):
            time.sleep(PARTITION)
        row.over()

    check(row.settle(f"3 nodes: partition, {isolate}", f"{PARTITION:.0f} s"), doubled=1)
