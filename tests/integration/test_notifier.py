"""The notifier as a process, on the real broker, against a stand-in for IFTTT that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pika
import pika.exceptions
import pytest

from seccam import message, topology
from seccam_notifier.retry import Breaker
from tests.brokers import RunningBroker
from tests.integration.events import event, publish, set_delays
from tests.notifiers import KEY, NotifierProcess
from tests.servers import ifttt
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

PATIENCE = 30.0

Start = Callable[..., NotifierProcess]


@pytest.fixture
def stand_in() -> Iterator[Ifttt]:
    with Ifttt() as server:
        yield server


@pytest.fixture
def start(broker: RunningBroker, stand_in: Ifttt, tmp_path: Path) -> Iterator[Start]:
    """Starts notifiers that log to one file, waits until they are ready, and ends them; the key is in no log."""
    running: list[NotifierProcess] = []
    log = tmp_path / "notifier.log"

    def begin(*, wait: bool = True, **settings: str) -> NotifierProcess:
        url = settings.pop("IFTTT_URL", stand_in.url)
        running.append(NotifierProcess(broker, url, log, **settings))
        if wait:
            eventually(running[-1].ready, within=PATIENCE, what="notifier ready")
        return running[-1]

    yield begin
    for process in running:
        process.end()
    assert KEY not in log.read_text()


@pytest.fixture(scope="module", autouse=True)
def _short_delays(running_broker: RunningBroker) -> Iterator[None]:
    """Delay queues that take a fraction of a second."""
    running_broker.ensure_running()
    set_delays(running_broker, {"10s": 200, "1m": 400, "10m": 600})
    yield
    running_broker.ensure_running()  # a test that failed may have left it dead
    set_delays(running_broker, {name.rpartition(".")[2]: delay for name, delay in topology.RETRY_QUEUES.items()})


def publish_presence(broker: RunningBroker, *times: datetime) -> None:
    """Say as a worker does that faces seen since the first of these times are still there."""
    with broker.connection() as connection:
        channel = connection.channel()
        for seq, time_ in enumerate(times):
            frame = message.FrameIdentity(boot_id="b00t", seq=seq)
            data = message.PresenceData(camera="front", frame=frame, faces=1, visit_began=times[0], worker="w1")
            present = message.presence_event(data, round(time_.timestamp() * 1000), present=True)
            properties = pika.BasicProperties(content_type="application/json", message_id=present.id)
            channel.basic_publish(topology.EXCHANGE, topology.key(topology.PRESENCE, "front"), present.encode(), properties)


def test_an_event_in_the_queue_becomes_a_call_with_camera_count_and_local_time(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start()

    taken = datetime.now(UTC)

    publish(broker, event(8, faces=2, taken=taken))

    eventually(lambda: stand_in.calls, within=PATIENCE)
    call = stand_in.calls[-1]
    assert (call.event, call.key) == ("seccam", KEY)
    local = taken.astimezone(ZoneInfo("Europe/Berlin"))
    assert call.values == {"value1": "front", "value2": "2", "value3": f"{local:%Y-%m-%d %H:%M:%S %Z}"}
    eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)


def test_five_workers_that_see_one_face_make_one_notification_and_a_second_face_another(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start()
    now = datetime.now(UTC)

    publish(broker, *(event(n, taken=now + timedelta(milliseconds=40 * n)) for n in range(5)))
    publish(broker, event(5, faces=2, taken=now), event(6, faces=2, taken=now))
    eventually(lambda: len(notifier.lines("event_suppressed")) == 5, within=PATIENCE)

    assert stand_in.values() == [("front", "1"), ("front", "2")]
    # an outcome is counted after its line is written
    eventually(
        lambda: notifier.metric('seccam_notifier_events_total{channel="ifttt",outcome="suppressed",type="face"}') == 5,
        within=PATIENCE,
    )
    assert notifier.metric('seccam_notifier_events_received_total{attempt="first"}') == 7


def test_an_event_that_ifttt_fails_to_take_comes_again_through_the_delay_queues_until_it_is_told_once(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start(SECCAM_NOTIFIER_TIMEOUT_SECONDS="3")
    stand_in.script.extend([ifttt.status(500), ifttt.reset, ifttt.hang, ifttt.status(503)])

    publish(broker, event(1))
    (told,) = eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)

    assert told["attempts"] == 5
    assert len(stand_in.calls) == 5
    causes = ["server", "network", "timeout", "server"]
    assert [(line["delay"], line["cause"]) for line in notifier.lines("event_requeued")] == [("10s", cause) for cause in causes]
    assert {line["trace_id"] for line in notifier.lines("channel_answered")} == {f"{1:032x}"}
    assert_nothing_waits(broker)


def test_a_server_that_asks_to_wait_chooses_the_delay_queue(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    notifier = start()
    stand_in.script.extend([ifttt.status(429, Retry_After="45"), ifttt.status(429, Retry_After="3600")])

    publish(broker, event(1))

    eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)
    assert [(e["delay"], e["cause"]) for e in notifier.lines("event_requeued")] == [("1m", "rate_limited"), ("10m", "rate_limited")]


def test_a_refused_event_is_parked_listed_and_told_when_it_is_replayed(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start()
    stand_in.script.extend([ifttt.status(401), ifttt.status(400)])
    publish(broker, event(1, faces=3), event(2, camera="yard"))
    eventually(lambda: broker.depth(topology.PARKED_QUEUE) == 2, within=PATIENCE)

    listed = [json.loads(line) for line in operate(broker, "parked", "list").splitlines()]

    assert [(e["id"], e["camera"], e["faces"], e["why"]) for e in listed] == [
        ("front-b00t-1", "front", 3, "refused: 401: wrong IFTTT_KEY? Correct it, then: seccam parked replay"),
        ("yard-b00t-2", "yard", 1, "refused: 400"),
    ]
    assert operate(broker, "parked", "replay", "--id", "yard-b00t-2").split() == ["yard-b00t-2"]
    eventually(lambda: len(notifier.lines("event_notified")) == 1, within=PATIENCE)
    assert broker.depth(topology.PARKED_QUEUE) == 1
    assert operate(broker, "parked", "replay").split() == ["front-b00t-1"]
    eventually(lambda: len(notifier.lines("event_notified")) == 2, within=PATIENCE)
    assert stand_in.values()[2:] == [("yard", "1"), ("front", "3")]
    assert_nothing_waits(broker)


def test_what_is_no_event_or_too_old_is_parked_and_the_next_one_told(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    notifier = start()

    with broker.connection() as connection:
        for body in (b"", b"{", b"\xff" * 100, b'{"id": 1}'):
            connection.channel().basic_publish(
                "", topology.EVENTS_QUEUE, body, pika.BasicProperties(content_type="application/json")
            )
    publish(broker, event(1, taken=datetime.now(UTC) - timedelta(hours=25)), event(2))

    eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)
    assert stand_in.values() == [("front", "1")]
    assert broker.depth(topology.PARKED_QUEUE) == 5
    assert notifier.metric('seccam_notifier_parked_total{channel="all",reason="schema"}') == 4
    assert notifier.metric('seccam_notifier_parked_total{channel="ifttt",reason="too_old"}') == 1


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_an_event_that_a_device_sends_past_its_topics_is_dropped(
    broker: RunningBroker, start: Start, stand_in: Ifttt, header: str
) -> None:
    """RabbitMQ 3.10 takes it; 4.0 refuses it."""
    notifier, taken = start(), False
    with broker.connection(topology.DEVICE_USER) as connection, suppress(pika.exceptions.ChannelClosedByBroker):
        channel = connection.channel()
        channel.confirm_delivery()
        past = pika.BasicProperties(headers={header: [topology.key(topology.PRESENCE, "front")]})
        channel.basic_publish(topology.EXCHANGE, topology.key(topology.VIEW, "shed"), event(1).encode(), past)
        taken = True
    publish(broker, event(2, camera="yard"))

    eventually(lambda: stand_in.values() == [("yard", "1")], within=PATIENCE)
    forged = notifier.metric('seccam_notifier_events_total{channel="all",outcome="forged",type="unknown"}')
    assert forged == taken
    assert broker.depth(topology.PARKED_QUEUE) == 0


def test_ids_and_headers_that_can_not_be_sent_on_stop_nothing(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    """As texts they are longer than AMQP allows, or no Unicode."""
    notifier = start()
    odd = pika.BasicProperties(content_type="application/json", message_id=b"\xff" * 128, headers={"k": b"\xff" * 60_000})

    with broker.connection() as connection:
        for body in (b"{", event(1).encode().replace(b"front-b00t-1", b"\\ud800")):
            connection.channel().basic_publish("", topology.EVENTS_QUEUE, body, odd)
    publish(broker, event(2))

    eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)
    assert broker.depth(topology.PARKED_QUEUE) == 2


def test_an_old_event_that_was_replayed_is_told_once_even_after_a_kill(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    replayed, old = {"x-seccam-replayed": True}, event(1, taken=datetime.now(UTC) - timedelta(hours=25))
    first = start()
    publish(broker, old, headers=replayed)
    eventually(lambda: first.lines("event_notified"), within=PATIENCE)
    eventually(lambda: unacknowledged(broker) == 0, within=PATIENCE, every=0.2)
    first.end(signal.SIGKILL)

    second = start()
    publish(broker, old, headers=replayed)

    eventually(lambda: second.lines("event_suppressed"), within=PATIENCE)
    assert len(stand_in.calls) == 1


def test_the_same_event_twice_is_told_once_even_after_a_kill(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    first = start()
    publish(broker, event(1), event(1))
    eventually(lambda: first.lines("event_suppressed"), within=PATIENCE)
    # what it was killed before it could acknowledge would come a third time
    eventually(lambda: unacknowledged(broker) == 0, within=PATIENCE, every=0.2)
    first.end(signal.SIGKILL)

    second = start()
    publish(broker, event(1))

    eventually(lambda: len(second.lines("event_suppressed")) == 2, within=PATIENCE)
    assert [line["why"] for line in second.lines("event_suppressed")] == ["duplicate", "duplicate"]
    assert len(stand_in.calls) == 1


def test_a_notifier_killed_in_its_call_leaves_the_event_to_the_next(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    hold = ifttt.Hold()
    stand_in.script.append(hold)
    first = start()
    publish(broker, event(1))
    assert hold.taken.wait(PATIENCE)

    first.end(signal.SIGKILL)
    second = start()

    eventually(lambda: second.lines("event_notified"), within=PATIENCE)
    assert len(stand_in.calls) == 2  # IFTTT may have taken the first: nobody can know


def test_sigterm_during_a_call_that_hangs_ends_in_time_and_the_event_comes_again(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    stand_in.script.append(ifttt.hang)
    first = start()
    publish(broker, event(1))
    eventually(lambda: stand_in.calls, within=PATIENCE)

    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(10) == 0

    second = start()
    eventually(lambda: second.lines("event_notified"), within=PATIENCE)


@pytest.fixture
def whole(broker: RunningBroker) -> Iterator[RunningBroker]:
    """The broker, with all its queues again after the test."""
    yield broker
    operate(broker, "broker", "apply")


def test_a_retry_takes_the_next_delay_queue_while_its_own_is_gone(whole: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    notifier = start()
    stand_in.script.append(ifttt.status(500))
    with whole.connection() as connection:
        connection.channel().queue_delete("seccam.events.retry.10s")

    publish(whole, event(1))

    eventually(lambda: notifier.lines("event_notified"), within=PATIENCE)
    assert [line["queue"] for line in notifier.lines("event_requeued")] == ["seccam.events.retry.1m"]
    assert notifier.metric("seccam_notifier_holding") == 0


def test_an_event_that_no_queue_takes_goes_round_and_others_pass_it(whole: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    notifier = start()
    with whole.connection() as connection:
        for queue in (*topology.RETRY_QUEUES, topology.PARKED_QUEUE):
            connection.channel().queue_delete(queue)
        for n in range(8):
            connection.channel().basic_publish("", topology.EVENTS_QUEUE, b"poison %d" % n)

    publish(whole, *(event(n, camera=f"c{n}") for n in range(20)))

    eventually(lambda: len(stand_in.calls) == 20, within=PATIENCE)
    assert notifier.metric("seccam_notifier_holding") == 1
    assert notifier.get("/healthz")[0] == 200
    assert "rabbitmqctl import_definitions" in operate(whole, "broker", "apply")
    eventually(lambda: whole.depth(topology.PARKED_QUEUE) == 8, within=60)
    eventually(lambda: notifier.metric("seccam_notifier_holding") == 0, within=PATIENCE)


def test_a_stand_by_knows_what_the_active_notifier_has_done(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    active, stand_by = start(), start()
    sent = [event(n, camera=f"c{n}") for n in range(10)]
    publish(broker, *sent)
    eventually(lambda: len(stand_in.calls) == 10, within=PATIENCE)
    eventually(lambda: unacknowledged(broker) == 0, within=PATIENCE, every=0.2)
    active.end(signal.SIGKILL)

    publish(broker, *sent)

    eventually(lambda: len(stand_by.lines("event_suppressed")) == 10, within=PATIENCE)
    assert len(stand_in.calls) == 10


def test_a_deleted_events_queue_is_consumed_again_once_it_is_made_again(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start()
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.EVENTS_QUEUE)
    eventually(lambda: not notifier.ready(), within=PATIENCE)

    operate(broker, "broker", "apply")

    eventually(notifier.ready, within=PATIENCE)
    publish(broker, event(1))
    eventually(lambda: stand_in.calls, within=PATIENCE)


def test_a_journal_that_is_gone_slows_nothing_down_and_gets_its_entries_when_it_is_back(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    first = start()
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.JOURNAL)
    began = time.monotonic()

    publish(broker, *(event(n, camera=f"c{n}") for n in range(20)))
    eventually(lambda: len(stand_in.calls) == 20, within=PATIENCE)

    assert time.monotonic() - began < 20  # it was 5 s for each
    eventually(lambda: first.metric("seccam_notifier_journal_unconfirmed") == 20, within=PATIENCE)
    (line,) = first.lines("journal_stalled")
    assert line["meaning"] == "a restart may repeat notifications"
    assert len(first.lines("message_refused")) == 1
    operate(broker, "broker", "apply")
    eventually(lambda: first.metric("seccam_notifier_journal_unconfirmed") == 0, within=60)
    first.end(signal.SIGKILL)
    second = start()
    publish(broker, *(event(n, camera=f"c{n}") for n in range(20)))
    eventually(lambda: len(second.lines("event_suppressed")) == 20, within=PATIENCE)
    assert len(stand_in.calls) == 20


def test_without_a_journal_it_notifies_all_the_same_and_says_once_what_is_missing(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    with broker.connection() as connection:
        connection.channel().queue_delete(topology.JOURNAL)
    notifier = start(wait=False)

    publish(broker, event(1))

    eventually(lambda: stand_in.values() == [("front", "1")], within=PATIENCE)
    assert notifier.get("/readyz")[0] == 503
    assert len(notifier.lines("journal_missing")) == 1
    operate(broker, "broker", "apply")
    eventually(notifier.ready, within=PATIENCE)
    assert len(notifier.lines("journal_missing")) == 1


def test_a_visit_that_lasts_over_a_kill_is_one_notification(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    first = start()
    publish(broker, event(1, taken=began))
    publish_presence(broker, *(began + timedelta(seconds=seconds) for seconds in range(20, 3600, 20)))
    suppressed = 'seccam_notifier_events_total{channel="ifttt",outcome="suppressed",type="face_present"}'
    eventually(lambda: first.metric(suppressed) == 179, within=PATIENCE)
    eventually(lambda: unacknowledged(broker) == 0 and waiting(broker) == 0, within=PATIENCE, every=0.2)
    eventually(lambda: first.metric("seccam_notifier_journal_unconfirmed") == 0, within=PATIENCE)
    first.end(signal.SIGKILL)

    second = start()
    publish(broker, event(2, taken=began + timedelta(seconds=3630)), event(3, faces=2, taken=began + timedelta(seconds=3631)))

    eventually(lambda: second.lines("event_notified"), within=PATIENCE)
    eventually(lambda: len(stand_in.calls) == 2, within=PATIENCE)
    assert stand_in.values() == [("front", "1"), ("front", "2")]
    assert [line["event_id"] for line in second.lines("event_suppressed")] == ["front-b00t-2"]


def test_no_confirmed_event_is_lost_whatever_ifttt_and_the_notifier_do(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    """The ledger: acknowledged = notified + suppressed + parked; a call may come twice only where an answer was lost."""
    random = Random(7)
    faults = [ifttt.status(500), ifttt.status(429, Retry_After="1"), ifttt.reset, ifttt.half, ifttt.status(401)]
    for _ in range(12):
        stand_in.script.extend([random.choice(faults), ifttt.ok, ifttt.ok])
    sent = [event(n, camera=f"c{n}") for n in range(24)]
    copies = [
        *sent,
        *(event(n, camera=f"c{n}") for n in range(0, 24, 4)),
        *(event(100 + n, camera=f"c{n}") for n in range(0, 24, 3)),
    ]
    random.shuffle(copies)
    acknowledged = {e.id for e in copies}

    running = start(SECCAM_NOTIFIER_TIMEOUT_SECONDS="2")
    publish(broker, *copies[:20])
    eventually(lambda: len(stand_in.calls) >= 5, within=PATIENCE)
    running.end(signal.SIGKILL)
    running = start(SECCAM_NOTIFIER_TIMEOUT_SECONDS="2")
    publish(broker, *copies[20:])
    eventually(lambda: len(stand_in.calls) >= 15, within=PATIENCE)
    running.end(signal.SIGTERM)
    running = start(SECCAM_NOTIFIER_TIMEOUT_SECONDS="2")

    def lost() -> set[str]:
        parked = {json.loads(line)["id"] for line in operate(broker, "parked", "list").splitlines()}
        return acknowledged - ids(running, "event_notified") - ids(running, "event_suppressed") - parked

    eventually(lambda: not lost() and waiting(broker) == 0, within=60, every=0.5, what="all accounted for")
    notified = [line["event_id"] for line in running.lines("event_notified")]
    assert len(notified) - len(set(notified)) <= 2  # at most one for each end of a process


def test_a_failing_ifttt_is_spared_and_all_is_told_when_it_is_back(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    stand_in.default = ifttt.status(503)
    notifier = start()

    publish(broker, *(event(n, camera=f"c{n}") for n in range(8)))
    eventually(lambda: notifier.metric('seccam_notifier_circuit_open{channel="ifttt"}') == 1, within=PATIENCE)
    opened = time.monotonic()
    eventually(lambda: len([e for e in notifier.lines("event_requeued") if e["cause"] == "circuit_open"]) >= 3, within=PATIENCE)
    trials = 1 + (time.monotonic() - opened) // Breaker.SECONDS
    assert len(stand_in.calls) <= Breaker.LIMIT + trials
    stand_in.default = ifttt.ok

    eventually(lambda: len(ids(notifier, "event_notified")) == 8, within=60)
    assert notifier.metric('seccam_notifier_circuit_open{channel="ifttt"}') == 0


def test_a_call_that_can_not_be_made_is_tried_again_until_it_can(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    wrong = start(IFTTT_URL=f"https://127.0.0.1:{stand_in.port}")
    publish(broker, event(1))
    eventually(lambda: wrong.metric('seccam_notifier_attempts_total{channel="ifttt",result="tls"}') >= 2, within=PATIENCE)
    assert stand_in.calls == []
    wrong.end()

    start()

    eventually(lambda: stand_in.values() == [("front", "1")], within=PATIENCE)


def test_without_a_key_it_says_once_that_it_only_logs_and_logs_what_it_would_send(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    notifier = start(IFTTT_KEY="")

    publish(broker, event(1, faces=2), event(2))

    eventually(lambda: notifier.lines("event_suppressed"), within=PATIENCE)
    assert len(notifier.lines("no_channel")) == 1
    (line,) = notifier.lines("notification")
    assert (line["camera"], line["what"]) == ("front", "2")
    assert notifier.metric('seccam_notifier_attempts_total{channel="log",result="2xx"}') == 1
    assert stand_in.calls == []


def test_a_camera_that_goes_away_is_told(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    start()
    gone = {
        "id": "front-off-1",
        "source": "/s",
        "time": datetime.now(UTC),
        "type": message.CAMERA_OFFLINE,
        "data": {"camera": "front"},
    }

    with broker.connection() as connection:
        connection.channel().basic_publish(
            topology.EVENTS_EXCHANGE,
            "seccam.events.front",
            message.CameraEvent.model_validate(gone).encode(),
            pika.BasicProperties(content_type="application/json"),
        )

    eventually(lambda: stand_in.values() == [("front", "offline")], within=PATIENCE)


def test_a_change_that_several_workers_report_is_told_once_also_over_a_kill(
    broker: RunningBroker, start: Start, stand_in: Ifttt
) -> None:
    began = datetime.now(UTC)

    def say(seconds: float, kind: message.CameraEventType) -> None:
        data = message.CameraData(camera="front")
        camera_event = message.camera_event(kind, data, began + timedelta(seconds=seconds))
        properties = pika.BasicProperties(content_type="application/json", message_id=camera_event.id)
        with broker.connection() as connection:
            channel = connection.channel()
            channel.basic_publish(topology.EVENTS_EXCHANGE, "seccam.events.front", camera_event.encode(), properties)

    first = start()
    say(0, message.CAMERA_COVERED)
    eventually(lambda: first.lines("event_notified"), within=PATIENCE)
    eventually(lambda: first.metric("seccam_notifier_journal_unconfirmed") == 0, within=PATIENCE)
    first.end(signal.SIGKILL)

    second = start()
    for seconds, kind in ((1, message.CAMERA_COVERED), (20, message.CAMERA_CLEARED), (21, message.CAMERA_CLEARED)):
        say(seconds, kind)

    eventually(lambda: len(second.lines("event_suppressed")) == 2, within=PATIENCE)
    assert stand_in.values() == [("front", "covered"), ("front", "cleared")]
    assert {line["why"] for line in second.lines("event_suppressed")} == {"state"}


def test_a_wrong_password_is_told_without_it_and_the_right_one_helps(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    password = broker.node.passwords()[topology.NOTIFIER_USER]
    wrong = start(wait=False, SECCAM_BROKER_URL=broker.url(topology.NOTIFIER_USER).replace(password, "c4nary-wrong"))

    eventually(lambda: [e for e in wrong.lines("broker_lost") if e["cause"] == "auth"], within=PATIENCE)
    assert wrong.get("/readyz")[0] == 503
    assert wrong.get("/healthz")[0] == 200
    wrong.end()
    publish(broker, event(1))
    start()

    eventually(lambda: stand_in.calls, within=PATIENCE)
    assert "c4nary-wrong" not in wrong.text()
    assert password not in wrong.text()


def test_an_event_in_hand_survives_the_kill_of_the_broker(broker: RunningBroker, start: Start, stand_in: Ifttt) -> None:
    hold = ifttt.Hold(ifttt.status(500))
    stand_in.script.append(hold)
    notifier = start()
    broker.save_list()
    publish(broker, event(1), event(2, camera="yard"))
    assert hold.taken.wait(PATIENCE)

    broker.kill_server()  # at once: a call of ten seconds without an answer would be requeued
    hold.release()
    eventually(lambda: notifier.lines("event_held"), within=PATIENCE)
    broker.ensure_running()

    eventually(lambda: {"front-b00t-1", "yard-b00t-2"} <= ids(notifier, "event_notified"), within=60)
    eventually(lambda: waiting(broker) == 0, within=PATIENCE)  # copies of it, if any, are told apart
    assert sorted(stand_in.values()) == [("front", "1"), ("front", "1"), ("yard", "1")]
    assert notifier.metric('seccam_broker_reconnects_total{cause="refused",direction="publish"}') >= 1
    assert notifier.process.poll() is None


def operate(broker: RunningBroker, *arguments: str) -> str:
    """What the operator's command prints."""
    environ = {"SECCAM_BROKER_URL": broker.url(topology.OPERATOR_USER), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "seccam", *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(process: NotifierProcess, event_name: str) -> set[str]:
    return {line["event_id"] for line in process.lines(event_name)}


def waiting(broker: RunningBroker) -> int:
    """Events in the events queue and the delay queues, those in a handler's hands aside."""
    return sum(broker.depth(queue) for queue in (topology.EVENTS_QUEUE, *topology.RETRY_QUEUES))


def unacknowledged(broker: RunningBroker) -> int:
    """Events that a notifier has, and has not said that it is done with."""
    lines = broker.node.ctl("--quiet", "--no-table-headers", "list_queues", "name", "messages_unacknowledged").splitlines()
    return int(dict(line.split("\t") for line in lines)[topology.EVENTS_QUEUE])


def assert_nothing_waits(broker: RunningBroker) -> None:
    eventually(lambda: waiting(broker) == 0 and broker.depth(topology.PARKED_QUEUE) == 0)
