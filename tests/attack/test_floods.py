"""Floods of connections, and clients that are slow on purpose, against a running monitor and broker: bounded, on loopback."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pika
import pika.exceptions
import pytest
from websockets.sync.client import ClientConnection

from seccam import topology
from tests import certificates
from tests.brokers import CAMERA, CAMERAS, RunningBroker
from tests.integration.houses import BASIC, House, open_house
from tests.integration.monitors import messages
from tests.processes import resident
from tests.waiting import eventually

#: More than the monitor admits in all (200), from addresses that may have 64 each.
CONNECTIONS, PER_ADDRESS = 250, 60
#: The monitor's deadline is 10 s; a busy machine may take longer to tell all of them.
PATIENCE = 60.0
MIB = 1024 * 1024

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2VjY2FtLXNlY2NhbS1zZQ==\r\n"
)
FORM = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
FLOODS = {
    "nothing": b"",
    "half a head": UPGRADE,
    "a socket's head of 129 headers": UPGRADE + b"".join(b"X-%d: 1\r\n" % n for n in range(129)) + b"\r\n",
    "a socket's header of 8 KiB": UPGRADE + b"X: " + b"x" * 8200 + b"\r\n\r\n",
    "a socket without a login": UPGRADE + b"\r\n",
    "a form that never comes": FORM + b"Content-Length: 1000\r\n\r\nname=a",
    "a form in pieces without end": FORM + b"Transfer-Encoding: chunked\r\n\r\n5\r\nname=\r\n",
}
UNREAD = b"GET /static/style.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000


class Flood:
    """Connections from many addresses of loopback that say the same and read nothing."""

    def __init__(self, port: int, words: bytes, number: int = CONNECTIONS) -> None:
        self._open = [self._connection(port, words, f"127.0.1.{1 + nth // PER_ADDRESS}") for nth in range(number)]

    def left(self) -> int:
        """Connections that the other side has not closed."""
        with selectors.DefaultSelector() as waiting:
            for one in self._open:
                waiting.register(one, selectors.EVENT_READ)
            for key, _ in waiting.select(0.1):
                readable = key.fileobj
                assert isinstance(readable, socket.socket)
                if self._is_over(readable):
                    readable.close()
                    self._open.remove(readable)
        return len(self._open)

    def close(self) -> None:
        """Leave."""
        for one in self._open:
            one.close()

    @staticmethod
    def _connection(port: int, words: bytes, address: str) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0))
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):  # what doesn't fit is left out; it may be refused already
            one.send(words)
        return one

    @staticmethod
    def _is_over(one: socket.socket) -> bool:
        try:
            return one.recv(4096) == b""  # a slow reader, not none, so that the end is seen
        except BlockingIOError:
            return False
        except ConnectionError:
            return True


@contextmanager
def flooded(port: int, words: bytes, number: int = CONNECTIONS) -> Iterator[Flood]:
    flood = Flood(port, words, number)
    try:
        yield flood
    finally:
        flood.close()


@pytest.fixture(scope="module")
def house(running_broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    running_broker.ensure_running()
    with open_house(running_broker, tmp_path_factory.mktemp("house"), trusted_proxies="") as house:
        yield house


@pytest.fixture
def page(house: House) -> Iterator[ClientConnection]:
    """A page that was open before."""
    with house.monitor.socket(additional_headers=BASIC) as page:
        yield page


@pytest.mark.slow
@pytest.mark.parametrize("words", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_connections_is_over_in_time_and_open_pages_and_probes_go_on(
    house: House, page: ClientConnection, words: bytes
) -> None:
    with flooded(house.monitor.port, words) as flood:
        began = time.monotonic()
        while flood.left() and time.monotonic() < began + PATIENCE:
            assert house.monitor.alive()
            next(messages(page, "status", within=30))
        assert flood.left() == 0

    assert eventually(lambda: house.monitor.http.get("/cameras", headers=BASIC).status_code == 200, within=PATIENCE)
    assert house.monitor.process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"], ids=["nothing", "half a handshake", "no TLS"]
)
def test_a_flood_of_connections_to_a_page_over_https_is_over_in_time(
    running_broker: RunningBroker, tmp_path: Path, words: bytes
) -> None:
    certificates.make(tmp_path, "IP:127.0.0.1")
    files = {"certificate_file": "broker.pem", "certificate_key_file": "broker.key", "authority": "ca.pem"}
    with (
        open_house(
            running_broker, tmp_path, trusted_proxies="", **{name: str(tmp_path / file) for name, file in files.items()}
        ) as house,
        flooded(house.monitor.port, words) as flood,
    ):
        eventually(lambda: house.monitor.alive() and flood.left() == 0, within=PATIENCE, every=0.5)
        assert eventually(lambda: house.monitor.http.get("/cameras", headers=BASIC).status_code == 200, within=PATIENCE)


@pytest.mark.slow
def test_answers_that_nobody_reads_hold_a_connection_for_seconds_only(house: House, page: ClientConnection) -> None:
    """As nothing is read, the end is seen in the monitor's open files."""
    before = open_files(house)
    with flooded(house.monitor.port, UNREAD, 40):
        eventually(lambda: open_files(house) >= before + 30, within=PATIENCE, every=0.1)
        eventually(lambda: open_files(house) <= before + 3, within=PATIENCE, every=0.5)
        next(messages(page, "status", within=30))


@pytest.mark.parametrize(
    "start",
    [UPGRADE + b"X: ", FORM + b"Content-Length: 99999999\r\n\r\n", FORM + b"Transfer-Encoding: chunked\r\n\r\n1400000\r\n"],
    ids=["socket's head", "form", "form in pieces"],
)
def test_heads_and_bodies_without_end_take_no_memory(house: House, start: bytes) -> None:
    before = resident(house.monitor.process.pid)
    highest = before
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", house.monitor.port), timeout=20) as one, contextlib.suppress(ConnectionError):
            one.sendall(start)
            for _ in range(20):
                one.sendall(b"x" * MIB)
                highest = max(highest, resident(house.monitor.process.pid))

    assert highest < before + 32 * MIB
    assert house.monitor.alive()


def open_files(house: House) -> int:
    return len(list(Path(f"/proc/{house.monitor.process.pid}/fd").iterdir()))


# the broker


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["amqp", "mqtt"])
def test_connections_to_the_broker_that_do_not_log_in_are_closed_and_others_get_in(broker: RunningBroker, protocol: str) -> None:
    for words in (b"", b"AMQP\0\0\x09\x01" if protocol == "amqp" else b"\x10\xff\xff\xff\x7f"):
        with flooded(getattr(broker.ports, protocol), words, 150) as flood:
            broker.connection(CAMERA).close()
            eventually(lambda flood=flood: flood.left() == 0, within=PATIENCE, every=0.5)  # type: ignore[misc]


def test_a_user_can_not_use_up_the_connections_and_channels_of_others(broker: RunningBroker) -> None:
    rights = topology.permissions(CAMERAS)[CAMERA]
    other = topology.camera_user(CAMERAS[1])
    with ExitStack() as held:
        for _ in range(rights.connections):
            held.enter_context(broker.connection(CAMERA))
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            held.enter_context(broker.connection(CAMERA))
        broker.connection(other).close()
    with broker.connection(other) as connection:
        for _ in range(rights.channels):
            connection.channel()
        with pytest.raises(pika.exceptions.AMQPError):
            connection.channel()
        broker.connection(topology.MONITOR_USER).close()
