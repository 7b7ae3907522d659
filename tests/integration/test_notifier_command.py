"""`seccam` against the real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from seccam import topology
from seccam.__main__ import main
from seccam.broker import Subscription
from seccam.broker.admin import BrokerAdmin
from seccam.errors import BrokerError
from tests.broker_clients import Received, clients_of, event
from tests.brokers import CAMERA, RunningBroker, free_port
from tests.waiting import eventually

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


def exported(broker: RunningBroker, folder: Path) -> str:
    """A file with the definitions as `rabbitmqctl export_definitions` writes them; Debian's 3.10 fails to encode them."""
    file = folder / "definitions.json"
    told = broker.node.ctl("eval", 'io:format("~s~n", [rabbit_json:encode(rabbit_definitions:all_definitions())]).')
    file.write_text(told.partition("\n")[0])  # a name in it may hold what str.splitlines takes for the end of a line
    return str(file)


def test_check_names_bindings_policies_and_an_exchange_that_are_missing(
    admin: BrokerAdmin, broker: RunningBroker, capsys: Capsys, tmp_path: Path
) -> None:
    assert main(["check", "--definitions", exported(broker, tmp_path)]) == 0
    admin.unbind(topology.EVENTS_EXCHANGE, topology.EVENTS_QUEUE, topology.every(topology.EVENTS))
    broker.node.ctl("clear_policy", "seccam.events.retry.10s")
    try:
        assert main(["check"]) == 0
        capsys.readouterr()
        assert main(["check", "--definitions", exported(broker, tmp_path)]) == 1
        assert capsys.readouterr().out.splitlines()[1:] == [
            "bindings: seccam.events → seccam.events → seccam.events.* is missing",
            "policies: seccam.events.retry.10s is missing",
        ]
        with broker.connection() as connection:
            connection.channel().exchange_delete(topology.EVENTS_EXCHANGE)
        assert main(["check"]) == 1
        assert "missing: exchange seccam.events" in capsys.readouterr().out
    finally:
        (tmp_path / "all.json").write_text(json.dumps(topology.definitions({})))
        broker.node.ctl("import_definitions", str(tmp_path / "all.json"))


@pytest.mark.parametrize("content", ["", "[]", '{"users": 1}', '{"queues": [1]}'])
def test_a_file_that_holds_no_definitions_is_refused(broker: RunningBroker, capsys: Capsys, tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)

    assert main(["check", "--definitions", str(tmp_path / "file")]) == 2

    assert "is not a definitions file of RabbitMQ" in capsys.readouterr().err


def test_apply_removes_the_binding_of_an_earlier_version(admin: BrokerAdmin, broker: RunningBroker, tmp_path: Path) -> None:
    (former,) = topology.former_bindings()
    admin.bind(*former)
    assert main(["check", "--definitions", exported(broker, tmp_path)]) == 1

    assert main(["broker", "apply"]) == 0

    assert main(["check", "--definitions", exported(broker, tmp_path)]) == 0


def test_check_end_to_end_says_whether_a_probe_reaches_the_journal(
    admin: BrokerAdmin, broker: RunningBroker, capsys: Capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("seccam.command.check.PROBE_SECONDS", 1.0)
    assert main(["check", "--end-to-end"]) == 1
    assert "no probe reached the notifier" in capsys.readouterr().out
    environ = {
        "PATH": os.environ["PATH"],
        "SECCAM_BROKER_URL": broker.url(topology.NOTIFIER_USER),
        "SECCAM_NOTIFIER_OPS_PORT": str(free_port()),
    }
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([sys.executable, "-m", "seccam_notifier"], env=environ, stdout=log, stderr=log) as notifier,
    ):
        monkeypatch.setattr("seccam.command.check.PROBE_SECONDS", 60.0)
        try:
            assert main(["check", "--end-to-end"]) == 0
        finally:
            notifier.terminate()
    assert "a probe reached the notifier and its journal within" in capsys.readouterr().out


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
    monkeypatch.setenv("SECCAM_BROKER_URL", broker.url(CAMERA))

    assert main(["parked", "list"]) == 1
    assert "auth" in capsys.readouterr().err


def waiting(queue: str, broker: RunningBroker, **events: tuple[str, str]) -> None:
    """Put events (id: camera, time) into a queue."""
    with broker.connection() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for name, (camera, time) in events.items():
            body = json.dumps({"id": name, "time": time, "data": {"camera": camera, "snapshot": "a face"}})
            properties = pika.BasicProperties(message_id=name, delivery_mode=2, timestamp=1_790_000_000)
            channel.basic_publish("", queue, body.encode(), properties)


@pytest.fixture
def some_events(broker: RunningBroker) -> None:
    old, new = "2026-11-01T10:00:00Z", "2026-11-20T10:00:00+00:00"
    waiting(topology.PARKED_QUEUE, broker, a=("front", old), b=("yard", old), c=("front", new))
    waiting("seccam.events.retry.10m", broker, d=("front", old), e=("yard", new))


@pytest.mark.usefixtures("some_events")
@pytest.mark.parametrize(
    ("conditions", "gone"),
    [
        (["--id", "a", "--id", "e"], "ae"),
        (["--camera", "front"], "acd"),
        (["--before", "2026-11-10"], "abd"),
        (["--before", "2026-11-01T11:00+01:00"], ""),
        (["--camera", "yard", "--before", "2026-11-10"], "b"),
        (["--camera", "nobody"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_events_are_deleted_by_id_camera_and_time(conditions: list[str], gone: str, broker: RunningBroker, capsys: Capsys) -> None:
    assert main(["events", "delete", *conditions]) == 0

    told = capsys.readouterr()
    assert told.out.split() == list(gone)
    assert f"deleted: {len(gone)}" in told.err
    assert topology.EVENTS_LOG in told.err
    left = {"a", "b", "c", "d", "e"} - set(gone)
    eventually(lambda: broker.depth(topology.PARKED_QUEUE) == len(left & {"a", "b", "c"}))
    eventually(lambda: broker.depth("seccam.events.retry.10m") == len(left & {"d", "e"}))


@pytest.mark.usefixtures("some_events")
def test_nothing_is_deleted_without_a_condition_and_an_unknown_id_is_told(broker: RunningBroker, capsys: Capsys) -> None:
    assert main(["events", "delete"]) == 2
    assert "--id, --camera and --before" in capsys.readouterr().err

    assert main(["events", "delete", "--id", "nobody"]) == 1
    assert "not found: nobody" in capsys.readouterr().err
    eventually(lambda: broker.depth(topology.PARKED_QUEUE) == 3)


@pytest.mark.usefixtures("some_events")
def test_a_parked_event_is_listed_with_the_day_until_which_it_is_kept(capsys: Capsys) -> None:
    assert main(["parked", "list"]) == 0

    assert {json.loads(line)["kept_until"] for line in capsys.readouterr().out.splitlines()} == {"2026-10-21T14:13:20+00:00"}


def test_the_log_of_events_is_emptied_and_goes_on(broker: RunningBroker) -> None:
    with clients_of(broker) as clients:
        publisher = clients.publisher(topology.SECURITY_USER)
        publisher.publish_durable(event(1))
        eventually(lambda: publisher.oldest_unconfirmed() == 0)

        assert main(["events", "empty-log"]) == 0

        publisher.publish_durable(event(2))
        received = Received()
        whole = Subscription(received, queue=topology.EVENTS_LOG, consume=lambda: {"x-stream-offset": "first"})
        clients.consumer(topology.MONITOR_USER, whole)
        eventually(lambda: received.deliveries)
    assert received.bodies == [b"event 2"]
