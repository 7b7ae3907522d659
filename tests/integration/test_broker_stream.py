"""Reading a stream of a real broker from its first message to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from seccam import topology
from seccam.broker import MissingStream, read_stream, stream
from tests.broker_clients import clients_of
from tests.brokers import RunningBroker
from tests.waiting import eventually


def write(broker: RunningBroker, *bodies: bytes) -> None:
    with broker.connection(topology.NOTIFIER_USER) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in bodies:
            channel.basic_publish("", topology.JOURNAL, body)


Read = Callable[[], list[bytes]]


@pytest.fixture
def read(broker: RunningBroker) -> Iterator[Read]:
    with clients_of(broker) as clients:
        publisher = clients.publisher(topology.NOTIFIER_USER)

        def bodies() -> list[bytes]:
            found: list[bytes] = []
            read_stream(broker.settings(topology.NOTIFIER_USER), "test", topology.JOURNAL, publisher, found.append)
            return found

        yield bodies


def test_all_that_is_in_a_stream_is_read_in_its_order(broker: RunningBroker, read: Read) -> None:
    written = [b"%d" % n for n in range(stream.PREFETCH * 2 + 50)]
    write(broker, *written)

    assert read() == written
    assert [body for body in read() if b"mark" not in body] == written


def test_an_empty_stream_is_read_at_once(read: Read) -> None:
    began = time.monotonic()

    assert read() == []
    assert time.monotonic() - began < stream.SILENCE


def test_a_stream_that_is_missing_is_told_from_a_broker_that_fails(broker: RunningBroker, read: Read) -> None:
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.JOURNAL)

    with pytest.raises(MissingStream):
        read()


def test_a_stream_that_takes_no_writes_is_read_as_far_as_it_goes(
    broker: RunningBroker, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILENCE", 1.0)
    written = [b"%d" % n for n in range(stream.PREFETCH + 50)]
    write(broker, *written)
    broker.node.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        eventually(lambda: "memory" in broker.node.ctl("eval", "rabbit_alarm:get_alarms()."))

        assert read() == written
    finally:
        broker.node.ctl("set_vm_memory_high_watermark", "absolute", "512MB")
