"""`seccam` against the real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from seccam import topology
from seccam.__main__ import main
from seccam.broker.admin import BrokerAdmin
from seccam.errors import BrokerError
from tests.brokers import RunningBroker

Capsys = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _operator(broker: RunningBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECCAM_BROKER_URL", broker.url(topology.OPERATOR_USER))


@pytest.fixture
def admin(broker: RunningBroker) -> Iterator[BrokerAdmin]:
    with BrokerAdmin(broker.settings(topology.OPERATOR_USER), "test") as opened:
        yield opened


def park(broker: RunningBroker, *names: str) -> None:
    """Put events into the parked queue, with what the broker and the notifier note on them."""
    with broker.connection() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        headers = {"x-seccam-why": "refused: 401", "x-seccam-attempt": 2, "x-first-death-queue": "q", "kept": "yes"}
        for name in names:
            properties = pika.BasicProperties(content_type="application/json", message_id=name, headers=headers, delivery_mode=2)
            channel.basic_publish("", topology.PARKED_QUEUE, json.dumps({"id": name, "data": []}).encode(), properties)


def test_check_names_what_is_missing_and_apply_makes_it(admin: BrokerAdmin, broker: RunningBroker, capsys: Capsys) -> None:
    assert main(["check"]) == 0
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.EVENTS_QUEUE)

    assert main(["check"]) == 1
    assert f"missing: {topology.EVENTS_QUEUE};" in capsys.readouterr().out
    assert main(["broker", "apply"]) == 0

    assert main(["check"]) == 0
    with broker.connection() as connection:  # and it is bound
        connection.channel().basic_publish(topology.EVENTS_EXCHANGE, "seccam.events.front", b"x")
        assert admin.depth(topology.EVENTS_QUEUE) is not None
    assert broker.depth(topology.EVENTS_QUEUE) == 1


def test_apply_says_which_queue_is_there_with_other_arguments(broker: RunningBroker, capsys: Capsys) -> None:
    with broker.connection() as connection:
        channel = connection.channel()
        channel.queue_delete(topology.PARKED_QUEUE)
        channel.queue_declare(topology.PARKED_QUEUE, durable=True)

    try:
        assert main(["broker", "apply"]) == 1
        assert f"queue {topology.PARKED_QUEUE}" in capsys.readouterr().err
    finally:
        with broker.connection() as connection:
            connection.channel().queue_delete(topology.PARKED_QUEUE)
        assert main(["broker", "apply"]) == 0


def test_looking_at_parked_events_leaves_them_where_they_are(broker: RunningBroker, capsys: Capsys) -> None:
    park(broker, "a", "b")

    for _ in range(3):
        assert main(["parked", "list"]) == 0
        listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(e["id"], e["why"]) for e in listed] == [("a", "refused: 401"), ("b", "refused: 401")]
    assert main(["parked", "list", "--limit", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_is_parked_without_readable_texts_is_listed_and_replayed_all_the_same(broker: RunningBroker, capsys: Capsys) -> None:
    odd: Any = b"\xff"
    with broker.connection() as connection:
        properties = pika.BasicProperties(message_id=odd, headers={odd: 1, "x-seccam-why": odd}, delivery_mode=2)
        connection.channel().basic_publish("", topology.PARKED_QUEUE, b"\xff", properties)

    assert main(["parked", "list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["id"] == "\ufffd"
    assert main(["parked", "replay"]) == 0
    assert broker.depth(topology.EVENTS_QUEUE) == 1


def test_replay_keeps_id_and_headers_and_strips_what_the_broker_noted(broker: RunningBroker, capsys: Capsys) -> None:
    park(broker, "a", "b", "c")

    assert main(["parked", "replay", "--id", "b"]) == 0

    assert capsys.readouterr().out.split() == ["b"]
    with broker.connection() as connection:
        _, properties, body = next(connection.channel().consume(topology.EVENTS_QUEUE, auto_ack=True, inactivity_timeout=10))
    assert (properties.message_id, json.loads(body)["id"], properties.delivery_mode) == ("b", "b", 2)
    assert properties.headers == {"x-seccam-attempt": 2, "kept": "yes", "x-seccam-replayed": True}
    assert main(["parked", "replay", "--id", "nobody"]) == 1
    assert "not parked: nobody" in capsys.readouterr().err
    assert main(["parked", "list"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["a", "c"]


def test_a_replay_that_the_broker_does_not_take_loses_nothing(admin: BrokerAdmin, broker: RunningBroker) -> None:
    park(broker, "a")
    (held,) = admin.take(topology.PARKED_QUEUE, 5)

    with pytest.raises(BrokerError, match="does not exist"):
        admin.send("seccam.events.no-such-queue", held, {})

    admin.__exit__()
    assert broker.depth(topology.PARKED_QUEUE) == 1


def test_another_service_s_user_may_not_do_this(broker: RunningBroker, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    monkeypatch.setenv("SECCAM_BROKER_URL", broker.url(topology.CAMERA_USER))

    assert main(["parked", "list"]) == 1
    assert "auth" in capsys.readouterr().err
