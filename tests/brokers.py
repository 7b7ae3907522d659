"""A private RabbitMQ node under test."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pika
import pytest

from seccam import topology
from seccam.settings import BrokerSettings
from seccam_local.node import Node, Ports, installed
from tests.waiting import eventually

#: The configured cameras of the node, and the broker user of the first one.
CAMERAS = ("front", "yard")
CAMERA = topology.camera_user(CAMERAS[0])

#: Below the ports that the kernel gives to outgoing connections.
_RANGE = range(15_000, 32_000)
_BLOCK = 200
#: Four apart, as some servers also use the next ones.
_STEP = 4


def _ports_of_this_process() -> Iterator[int]:
    """Ports that no other process with this function hands out: each block belongs to the process that has its first port bound."""
    for first in random.sample(_RANGE[::_BLOCK], k=len(_RANGE) // _BLOCK):
        owner = socket.socket()
        try:
            owner.bind(("127.0.0.1", first))
        except OSError:
            owner.close()
            continue
        _OWNED.append(owner)
        yield from range(first + _STEP, first + _BLOCK, _STEP)


_OWNED: list[socket.socket] = []
_PORTS = _ports_of_this_process()


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now; no other test gets it, in this process or in another."""
    for port in _PORTS:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port is left")


class RunningBroker:
    """The processes of a node; tests stop, kill and start them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ports = node.ports
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process of the node."""
        return int((self.node.folder / "pid").read_text())

    def url(self, user: str) -> str:
        """The broker's URL for one of the services' users."""
        return self.node.url(user)

    def settings(self, user: str) -> BrokerSettings:
        """The same URL, as settings of a service."""
        return BrokerSettings(url=self.url(user))

    def connection(self, user: str = topology.OPERATOR_USER) -> pika.BlockingConnection:
        """A new connection for the test itself."""
        return pika.BlockingConnection(pika.URLParameters(self.url(user)))

    def ensure_running(self) -> None:
        """Start what is not running, and wait until the node accepts connections."""
        self.start_mapper()
        self.start_server()
        eventually(self._answers, within=120, every=0.2, what="broker up")

    def start_mapper(self) -> None:
        """Start the port mapper, if none runs at its port."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.ports.epmd)) != 0:
                self._epmd = self._started(self.node.epmd_command())

    def start_server(self) -> None:
        """Start the node, if it doesn't run; without waiting."""
        if self._server is None or self._server.poll() is not None:
            self._server = self._started(self.node.server_command())

    def process(self) -> int:
        """The id of the node's process."""
        assert self._server is not None
        return self._server.pid

    def kill(self) -> None:
        """Kill the node with SIGKILL, like a power cut."""
        self.save_list()
        self.kill_server()

    def save_list(self) -> None:
        """Save the list of quorum queues and streams.

        RabbitMQ 3.10 does so late, and a queue that was killed before never accepts a message again.
        """
        self.node.ctl("eval", "[dets:sync(Table) || Table <- dets:all()].")

    def kill_server(self) -> None:
        """Kill the node as it is."""
        self._end(signal.SIGKILL)

    def shut_down(self) -> None:
        """Stop the node in an orderly way."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """Stop the node and its port mapper."""
        self.shut_down()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def empty(self) -> None:
        """Empty every durable queue and stream; waits for streams that still recover from the last test."""
        eventually(self._emptied, within=30, every=0.2, what="an empty broker")

    def _emptied(self) -> bool:
        with contextlib.suppress(pika.exceptions.AMQPChannelError), self.connection() as connection:
            channel = connection.channel()
            for name, arguments in topology.queues().items():
                if arguments["x-queue-type"] == "stream":
                    channel.queue_delete(name)
                    channel.queue_declare(name, durable=True, arguments=arguments)
                else:
                    channel.queue_purge(name)
            for name, kind in topology.exchanges().items():
                channel.exchange_declare(name, kind, durable=True)
            for exchange, queue, key in topology.bindings():
                channel.queue_bind(queue, exchange, key)
            for source, destination, key in topology.forwards():
                channel.exchange_bind(destination, source, key)
            return True
        return False

    def depth(self, queue: str) -> int:
        """Ready messages in a durable queue."""
        with self.connection() as connection:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)

    @contextlib.contextmanager
    def policy(self, queue: str, **changes: object) -> Iterator[None]:
        """The queue has its own policy with these changes: `max_length=1`."""
        definition = {**topology.policies()[queue][1], **{name.replace("_", "-"): value for name, value in changes.items()}}
        pattern = f"^{queue.replace('.', '[.]')}$"
        self.node.ctl("set_policy", "--apply-to", "queues", "--priority", "9", "changed", pattern, json.dumps(definition))
        try:
            yield
        finally:
            self.node.ctl("clear_policy", "changed")

    @contextlib.contextmanager
    def hanging(self, queue: str) -> Iterator[None]:
        """The process that writes this quorum queue or stream hangs, as on a disk that doesn't answer."""
        find = (
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)),'
            " Writer = case amqqueue:get_pid(Q) of {Name, _} -> whereis(Name); Pid -> Pid end"
        )
        # it is suspended for as long as the suspending process lives, so not by the one that evaluates this
        hang = "register(seccam_hang, spawn(fun() -> erlang:suspend_process(Writer), receive stop -> ok end end))."
        self.node.ctl("eval", f"{find}, {hang}")
        try:
            yield
        finally:
            self.node.ctl("eval", "seccam_hang ! stop.")

    def _end(self, number: signal.Signals) -> None:
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, number)
            self._server.wait(60)

    def _started(self, command: list[str]) -> subprocess.Popen[bytes]:
        command = ["setpriv", "--pdeathsig", "KILL", "--", *command]  # if pytest is killed, the broker ends too
        with (self.node.folder / "broker.log").open("ab") as log:
            return subprocess.Popen(command, env=self.node.environment(), stdout=log, stderr=log, start_new_session=True)

    def _answers(self) -> bool:
        if self._server is not None and self._server.poll() is not None:
            pytest.fail(f"the broker ended while it started:\n{(self.node.folder / 'broker.log').read_text()[-4000:]}")
        try:
            self.connection().close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True


def start_broker(folder: Path, *, cameras: Collection[str] = CAMERAS) -> RunningBroker:
    """A running node in this folder. Skips the test on a machine without RabbitMQ; in CI, fails it."""
    if not installed():
        if os.environ.get("CI"):
            pytest.fail("RabbitMQ is not installed")
        pytest.skip("RabbitMQ is not installed: run `make setup`")
    node = Node(folder, Ports(*(free_port() for _ in range(5))), cameras=cameras)
    node.write()
    broker = RunningBroker(node)
    try:
        broker.ensure_running()
    except AssertionError:
        print((folder / "broker.log").read_text()[-4000:], file=sys.stderr)
        broker.stop()
        raise
    return broker
