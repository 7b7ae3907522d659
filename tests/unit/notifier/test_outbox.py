"""In what order, and how, the outbox publishes; the broker is a list."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import notifier
import pika
import pytest
from notifier import JOURNAL, PARKED_QUEUE, Outbox, Post
from prometheus_client import CollectorRegistry


class Broker:
    """A connection and its channel that take everything but for some queues."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.taken: list[tuple[str, pika.BasicProperties]] = []
        self.missing: set[str] = set()
        self.over = threading.Event()

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def channel(self) -> Broker:
        return self

    def confirm_delivery(self) -> None:
        """It always confirms."""

    def basic_publish(self, _: str, queue: str, body: bytes, properties: pika.BasicProperties, *, mandatory: bool) -> None:
        assert isinstance(body, bytes)
        assert mandatory
        properties.encode()
        self.tried.append(queue)
        if queue in self.missing:
            raise pika.exceptions.UnroutableError([])
        self.taken.append((queue, properties))

    def sleep(self, seconds: float) -> None:
        self.over.wait(seconds)

    def process_data_events(self, _: float) -> None:
        if self.over.is_set():
            threading.Event().wait()  # an outbox has no end: its thread rests here


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    made = Broker()
    monkeypatch.setattr(pika, "BlockingConnection", lambda _: made)
    yield made
    made.over.set()


@pytest.fixture
def outbox(broker: Broker) -> Outbox:  # which connects to it
    registry = CollectorRegistry()
    return Outbox(notifier.Settings(), notifier.BrokerMetrics(registry), notifier.JsonLog(io.StringIO(), registry))


def test_a_letter_does_not_wait_behind_entries_of_a_journal_that_is_gone(broker: Broker, outbox: Outbox) -> None:
    broker.missing = {JOURNAL}
    for n in range(20):
        outbox.put(Post(JOURNAL, b"{}", f"front-b-{n}", {}))
    letter = outbox.put(Post(PARKED_QUEUE, b"{}", "front-b-20", {}))

    outbox.start()

    assert letter.wait(30)
    assert broker.tried[0] == PARKED_QUEUE  # each refusal of an entry would cost half a second


def test_entries_are_published_in_their_order_once_there_is_a_journal(broker: Broker, outbox: Outbox) -> None:
    entries = [outbox.put(Post(JOURNAL, b"{}", f"front-b-{n}", {})) for n in range(3)]
    outbox.start()

    assert all(confirmed.wait(30) for confirmed in entries)
    assert [properties.message_id for _, properties in broker.taken] == ["front-b-0", "front-b-1", "front-b-2"]


@pytest.mark.parametrize(
    ("message_id", "headers"), [("\ud800", {}), ("x" * 256, {}), ("x", {"n": 2**64}), ("x", {"k" * 256: 1}), ("x", {"k": "\ud800"})]
)
def test_a_head_that_amqp_can_not_hold_stops_neither_its_post_nor_the_next(
    broker: Broker, outbox: Outbox, message_id: str, headers: dict[str, Any]
) -> None:
    odd, next_ = outbox.put(Post(PARKED_QUEUE, b"odd", message_id, headers)), outbox.put(Post(PARKED_QUEUE, b"", "next", {}))
    outbox.start()

    assert odd.wait(30)
    assert next_.wait(30)
    assert [properties.message_id for _, properties in broker.taken] == [None, "next"]
