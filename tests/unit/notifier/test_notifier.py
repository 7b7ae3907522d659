"""The notifier and Nuclio's handler, with nuclio-sdk's own test platform; the broker is a list."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import nuclio_sdk
import nuclio_sdk.test
import pika
import pytest
from structlog.testing import capture_logs

from seccam import message
from seccam.broker import Message
from seccam.topology import EVENTS_QUEUE, PARKED_QUEUE
from seccam_notifier import handover, journal, nuclio, rate_limit
from seccam_notifier.channels import Answer
from seccam_notifier.memory import JournalEntry
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.retry import DELAYS
from tests.brokers import free_port
from tests.unit.notifier.events import TRACE, face, presence
from tests.unit.notifier.world import World, body, event
from tests.waiting import eventually


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[World]:
    """A parameter is the most notifications per minute."""
    monkeypatch.setattr(nuclio, "init_context", lambda context: None)  # the world is its context
    made = World(getattr(request, "param", 0))
    with capture_logs() as made.lines:
        yield made


@pytest.mark.parametrize("raw", [True, False])
def test_an_event_is_notified_recorded_and_answered_with_200(world: World, raw: bool) -> None:
    response = world.call(event(body(faces=2), raw=raw))

    assert response.status_code == 200
    assert [(sent.camera, sent.what) for sent in world.phone.sent] == [("front", "2")]
    assert world.outcomes() == ["notified"]
    assert world.value("events_total", type="face", outcome="notified") == 1
    assert world.value("events_received_total", attempt="first") == 1


def test_every_line_of_an_event_carries_its_names(world: World) -> None:
    world.phone.answers = [Answer("5xx")]

    world.call(event(body()))
    world.call(event(body(), headers={"x-seccam-attempt": 1}))
    world.call(event(body()))

    assert [line["event"] for line in world.lines] == [
        *("event_received", "channel_answered", "event_requeued"),
        *("event_received", "channel_answered", "event_notified"),
        *("event_received", "event_suppressed"),
    ]
    for line in world.lines:
        assert (line["event_id"], line["camera"], line["trace_id"]) == ("front-b-1", "front", TRACE)


@pytest.mark.parametrize("raw", [True, False])
def test_a_retry_keeps_body_id_and_headers_and_loses_the_broker_s_tale_of_its_death(world: World, raw: bool) -> None:
    world.phone.answers = [Answer("429", 30.0)]
    death: dict[str, Any] = {
        "x-death": [{"count": 1, "time": datetime.now(UTC)}],
        "x-first-death-queue": "q",
        "x-last-death-reason": "expired",
    }
    sent = body()

    response = world.call(event(sent, raw=raw, headers={"x-seccam-attempt": 1, "camera": "front", **death}))

    assert response.status_code == 200
    (message,) = world.outbox.to("seccam.events.retry.1m")
    assert json.loads(message.body) == sent
    assert message.expires_ms == 60_000
    assert (message.message_id, dict(message.headers)) == ("front-b-1", {"x-seccam-attempt": 2, "camera": "front"})
    assert world.value("requeued_total", delay="1m", cause="rate_limited") == 1
    assert world.outcomes() == ["requeued"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer("401"), "refused"), (Answer("4xx", detail="404"), "refused"), (RuntimeError("a bug"), "bug")],
)
def test_what_is_not_worth_a_retry_is_parked_with_its_reason(world: World, answer: Answer | Exception, reason: str) -> None:
    world.phone.answers = [answer]

    response = world.call(event(body()))

    assert response.status_code == 200
    (message,) = world.outbox.to(PARKED_QUEUE)
    assert str(message.headers["x-seccam-why"]).startswith(reason)
    assert json.loads(message.body)["id"] == "front-b-1"
    assert world.value("parked_total", reason=reason) == 1
    assert world.value("events_total", type="face", outcome="parked") == 1


def test_a_call_that_never_ends_is_given_up(world: World) -> None:
    """Each byte of an answer may come in time, so no timeout between bytes helps; nor does one help against a name server."""
    never = threading.Event()
    world.phone.seconds = 0.2
    world.phone.wait = never.wait

    assert world.call(event(body())).body == "requeued"

    assert len(world.outbox.to("seccam.events.retry.10s")) == 1
    assert world.value("attempts_total", result="timeout") == 1
    never.set()
    eventually(lambda: not [t for t in threading.enumerate() if t.name == "ifttt"])


def test_a_call_that_was_given_up_and_is_accepted_after_all_is_not_repeated(world: World) -> None:
    never = threading.Event()
    world.phone.seconds = 0.2
    world.phone.wait = never.wait
    world.call(event(body()))

    never.set()

    eventually(lambda: world.outcomes() == ["requeued", "notified"])
    (retry,) = world.outbox.to("seccam.events.retry.10s")
    assert world.call(event(body(), headers=dict(retry.headers))).body == "duplicate"
    assert len(world.phone.sent) == 1


def test_the_text_of_a_bug_is_in_no_log(world: World) -> None:
    world.phone.answers = [RuntimeError("https://maker.ifttt.com/with/key/SECRET")]

    world.call(event(body()))

    assert "SECRET" not in str(world.lines)
    assert "RuntimeError in send" in str(world.lines)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"{",
        b"[]",
        "text",
        7,
        {},
        {"id": "x"},
        body(data={"camera": "../etc", "faces": 1}),
        body(snapshot="A" * 200_000),
    ],
)
def test_what_is_no_event_is_parked_as_it_came(world: World, content: Any) -> None:
    response = world.call(event(content))

    assert response.status_code == 200
    (message,) = world.outbox.to(PARKED_QUEUE)
    sent = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()
    assert message.body == sent
    assert world.value("parked_total", reason="schema") == 1
    assert world.phone.sent == []


@pytest.mark.parametrize("id_", [b"\xff" * 128, "\ud800" * 9, "é" * 128, "x" * 300])
def test_what_is_no_event_is_parked_under_an_id_that_amqp_can_hold(world: World, id_: Any) -> None:
    world.call(nuclio_sdk.Event(body=b"{", headers={}, _id=id_, path="/seccam.events"))

    (message,) = world.outbox.to(PARKED_QUEUE)
    assert re.fullmatch(r"[!-~]{1,128}", message.message_id or "")


@pytest.mark.parametrize(
    "odd",
    [
        {b"\xff" * 100: 1},  # as text it is three times as long
        {"k" * 256: 1},
        {"k\ud800": 1},
        {"k": "\ud800"},
        {"k": 2**63},
        {"k": b"v" * 70_000},
        {f"k{n}": "v" * 1000 for n in range(200)},
    ],
)
def test_headers_that_amqp_can_not_hold_are_left_out_and_the_others_kept(world: World, odd: dict[Any, Any]) -> None:
    world.phone.answers = [Answer("5xx")]

    world.call(event(body(), raw=False, headers={"camera": "front", **odd}))

    (message,) = world.outbox.to("seccam.events.retry.10s")
    assert message.headers.items() >= {"camera": "front", "x-seccam-attempt": 1}.items()
    encoded = pika.BasicProperties(message_id=message.message_id, headers=dict(message.headers)).encode()
    assert sum(map(len, encoded)) < 100_000


def test_an_event_of_yesterday_is_parked(world: World) -> None:
    world.call(event(body(seconds=-25 * 3600)))

    assert len(world.outbox.to(PARKED_QUEUE)) == 1
    assert world.value("parked_total", reason="too_old") == 1


def test_five_workers_that_see_one_face_make_one_call_and_more_faces_another(world: World) -> None:
    for worker in range(5):
        world.call(event(body(f"front-b-{worker}", seconds=worker / 10)))
    world.call(event(body("front-b-9", faces=2, seconds=1)))

    assert [sent.what for sent in world.phone.sent] == ["1", "2"]
    assert world.value("events_total", type="face", outcome="suppressed") == 4
    assert world.outcomes() == ["notified", *["suppressed"] * 4, "notified"]


@pytest.mark.parametrize("world", [10], indirect=True)
def test_events_beyond_the_limit_wait_and_are_told_as_one_sum(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 10
    contents = [body(f"{number}-b-1", camera=f"cam-{number}") for number in range(limit + 30)]

    for content in contents:
        world.call(event(content))
    assert len(world.phone.sent) == limit
    waiting = world.outbox.to("seccam.events.retry.10s")
    assert [json.loads(one.body) for one in waiting] == contents[limit:]
    assert world.value("requeued_total", delay="10s", cause="limit") == 30

    monkeypatch.setattr(rate_limit, "WINDOW", 0.0)  # the minute is over
    for one in waiting:
        world.call(event(json.loads(one.body), headers=dict(one.headers)))

    assert [(sent.camera, sent.what) for sent in world.phone.sent[limit:]] == [
        (f"cam-{limit + 1}, cam-{limit + 2}, cam-{limit + 3} and 27 more", "1")
    ]
    assert world.phone.sent[-1].when.endswith("30 events")
    assert world.outcomes().count("notified") == limit + 30
    assert world.value("events_total", type="face", outcome="duplicate") == 29
    assert len(world.outbox.to("seccam.events.retry.10s")) == 30


@pytest.mark.parametrize("world", [10], indirect=True)
def test_a_sum_that_is_not_accepted_leaves_its_events_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 10
    for number in range(limit + 2):
        world.call(event(body(f"{number}-b-1", camera=f"cam-{number}")))
    waiting = world.outbox.to("seccam.events.retry.10s")
    monkeypatch.setattr(rate_limit, "WINDOW", 0.0)
    world.phone.answers = [Answer("5xx")]

    for one in waiting:
        world.call(event(json.loads(one.body), headers=dict(one.headers)))

    # the first call failed; the second event's told both
    assert [sent.when.rpartition(", ")[2] for sent in world.phone.sent[limit:]] == ["2 events", "2 events"]
    assert world.outcomes().count("notified") == limit + 2


def test_after_five_failures_in_a_row_calls_are_spared_and_no_event_is_lost(world: World) -> None:
    world.phone.answers = [Answer("5xx")] * 100

    for n in range(8):
        world.call(event(body(f"c{n}-b-1", camera=f"c{n}")))

    assert len(world.phone.sent) == 5
    assert len(world.outbox.to("seccam.events.retry.10s")) == 8
    assert world.value("requeued_total", delay="10s", cause="circuit_open") == 3
    assert world.value("circuit_open") == 1


def test_an_event_that_can_go_nowhere_is_held_until_the_broker_takes_it(world: World) -> None:
    world.phone.answers = [Answer("5xx")]
    world.outbox.confirming = False
    answers: list[nuclio_sdk.Response] = []
    handling = threading.Thread(target=lambda: answers.append(world.call(event(body()))), daemon=True)

    handling.start()

    eventually(lambda: world.value("holding") == 1)
    assert not answers
    world.outbox.confirm()
    handling.join(10)
    assert answers[0].status_code == 200
    assert world.value("holding") == 0


def test_a_journal_that_takes_no_writes_is_waited_for_once_and_said_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CONFIRM_SECONDS", 0.2)
    world.entries.confirming = False

    began = time.monotonic()
    assert world.call(event(body())).body == "notified"
    assert time.monotonic() - began >= 0.2
    world.entries.age = 0.3
    began = time.monotonic()
    for n in range(50):
        assert world.call(event(body(f"c{n}-b-1", camera=f"c{n}"))).body == "notified"
    assert world.call(event(body())).body == "duplicate"

    assert time.monotonic() - began < 5  # waiting for each would take 10
    (line,) = [line for line in world.lines if line["event"] == "journal_stalled"]
    assert (line["unconfirmed"], line["meaning"]) == (1, "a restart may repeat notifications")
    assert world.value("journal_unconfirmed") == 51
    world.entries.confirm()
    world.call(event(body("front-b-2", faces=2)))
    assert [line["event"] for line in world.lines].count("journal_recovered") == 1


def test_entries_beyond_those_that_may_wait_are_dropped_and_counted(world: World) -> None:
    world.entries.confirming, world.entries.limit, world.entries.age = False, 2, 5.0

    for n in range(5):
        world.call(event(body(f"c{n}-b-1", camera=f"c{n}")))

    assert world.value("journal_dropped_total") == 3
    assert world.value("journal_unconfirmed") == 2


def test_while_the_journal_is_stalled_only_entries_of_notifications_wait(world: World) -> None:
    world.entries.confirming, world.entries.age = False, 5.0

    for n in range(5):
        world.call(event(json.loads(presence(n, start=datetime.now(UTC)).encode())))
    world.call(event(body("yard-b-1", camera="yard")))

    assert world.value("journal_dropped_total") == 5
    assert world.outcomes() == ["notified"]


def test_presence_is_recorded_and_neither_notified_nor_parked_nor_waited_for(world: World) -> None:
    world.entries.confirming = False
    yesterday = presence(-25 * 3600, began=-26 * 3600, kind="seccam.face.present", start=datetime.now(UTC))

    began = time.monotonic()
    for _ in range(20):
        assert world.call(event(json.loads(yesterday.encode()))).body == "suppressed"

    assert time.monotonic() - began < journal.CONFIRM_SECONDS * 5
    assert world.outcomes() == ["suppressed"] * 20
    assert world.phone.sent == []
    assert world.outbox.messages == []
    assert world.value("events_total", type="face_present", outcome="suppressed") == 20
    assert world.value("event_age_seconds_count", stage="received") == 0


def gone() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(presence(0, start=datetime.now(UTC), kind="seccam.face.gone").encode())
    return content


# made when the test runs: within one visit
@pytest.mark.parametrize(("make", "why"), [(lambda: body("front-b-2"), "visit"), (gone, True)])
def test_a_suppressed_event_is_given_up_only_once_that_is_on_record(
    world: World, make: Callable[[], dict[str, Any]], why: str | bool
) -> None:
    world.call(event(body()))
    second = make()
    world.entries.confirming, world.entries.age = False, 5.0

    assert world.call(event(second)).body == "requeued"

    (waiting,) = world.outbox.to("seccam.events.retry.10s")
    assert (json.loads(waiting.body), waiting.headers["x-seccam-suppressed"]) == (second, why)
    assert "x-seccam-attempt" not in waiting.headers
    assert world.call(event(second, headers=dict(waiting.headers))).body == "requeued"
    world.entries.confirm()
    assert world.call(event(second, headers=dict(waiting.headers))).body == "suppressed"
    assert world.outcomes() == ["notified", "suppressed"]
    assert len(world.phone.sent) == 1


def test_what_can_never_be_recorded_is_given_up_after_a_day(world: World) -> None:
    world.entries.age = 5.0
    yesterday = presence(-25 * 3600, began=-26 * 3600, kind="seccam.face.gone", start=datetime.now(UTC))

    assert world.call(event(json.loads(yesterday.encode()))).body == "suppressed"

    assert world.outbox.messages == []


def test_an_event_that_was_requeued_several_times_is_recorded_once(world: World) -> None:
    world.phone.answers = [Answer("5xx")] * 3

    world.call(event(body()))
    for _ in range(2):
        world.call(event(body(), headers=dict(world.outbox.messages[-1].headers)))

    assert world.outcomes() == ["requeued"]
    assert [message.headers["x-seccam-attempt"] for message in world.outbox.messages] == [1, 2, 3]


def test_calls_that_were_spared_are_no_attempts(world: World) -> None:
    world.phone.answers = [Answer("5xx")] * 100
    for n in range(5):
        world.call(event(body(f"c{n}-b-1", camera=f"c{n}")))

    for _ in range(20):
        world.call(event(body("yard-b-1", camera="yard"), headers={"x-seccam-attempt": 0}))

    assert {message.headers["x-seccam-attempt"] for message in world.outbox.to("seccam.events.retry.10s")[5:]} == {0}
    assert world.value("events_received_total", attempt="retry") == 20


@pytest.mark.parametrize(
    ("refusing", "taking"),
    [
        ({"seccam.events.retry.10s"}, "seccam.events.retry.1m"),
        ({"seccam.events.retry.10s", "seccam.events.retry.1m"}, "seccam.events.retry.10m"),
        (set(DELAYS), PARKED_QUEUE),
        ({*DELAYS, PARKED_QUEUE}, EVENTS_QUEUE),
    ],
)
def test_a_retry_goes_to_the_next_queue_where_one_is_full_or_missing(world: World, refusing: set[str], taking: str) -> None:
    world.phone.answers = [Answer("5xx")]
    world.outbox.refusing = refusing

    assert world.call(event(body())).body == "requeued"

    (message,) = world.outbox.to(taking)
    assert message.headers["x-seccam-attempt"] == 1
    assert message.expires_ms == (10_000 if taking in DELAYS else None)
    assert world.value("holding") == (taking == EVENTS_QUEUE)


def test_poison_goes_round_where_it_can_not_be_parked_and_holds_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "PAUSE_SECONDS", 0.0)
    world.outbox.refusing = {PARKED_QUEUE, *DELAYS}

    began = time.monotonic()
    for n in range(8):
        assert world.call(event(b"poison %d" % n)).body == "parked"
    assert world.call(event(body())).body == "notified"

    assert time.monotonic() - began < 8
    assert len(world.outbox.to(EVENTS_QUEUE)) == 8
    assert world.value("holding") == 1
    world.outbox.refusing = set()
    assert world.call(event(b"poison 0")).body == "parked"
    assert world.value("holding") == 0
    assert len(world.outbox.to(PARKED_QUEUE)) == 1


def test_the_copy_of_an_event_that_an_old_binding_brings_is_passed_over(world: World) -> None:
    assert world.call(event(body(), headers={"x-seccam-copy": True})).body == "duplicate"

    assert world.phone.sent == []
    assert [line["event"] for line in world.lines] == ["copy_received"]


def test_a_probe_is_recorded_and_its_age_measured(world: World) -> None:
    probe = message.probe_event("worker-1")

    assert world.call(event(json.loads(probe.encode()))).body == "probed"

    assert world.outcomes() == ["probed"]
    assert world.phone.sent == []
    assert 0 <= world.value("probe_age_seconds") < 60
    assert world.value("last_probe_timestamp_seconds") >= probe.time.timestamp()
    assert world.value("events_total", type="probe", outcome="probed") == 1


def test_what_another_notifier_has_done_is_known_before_the_next_event(world: World) -> None:
    seen = face(0, start=datetime.now(UTC))
    other: Any = SimpleNamespace(headers={"x-seccam-writer": "another"}, body=JournalEntry.of(seen, "notified").encode())

    def read_both(message: Message) -> None:
        world.journal._on_entry(other)
        world._read_back(message)

    world.entries.echo = read_both

    assert world.call(event(json.loads(seen.encode()))).body == "duplicate"

    assert world.phone.sent == []


def test_a_visit_that_goes_on_is_one_notification(world: World) -> None:
    now = datetime.now(UTC)
    world.call(event(body("front-b-1", seconds=-3600)))
    for seconds in range(-3580, 0, 20):
        world.call(event(json.loads(presence(seconds, began=-3600, start=now).encode())))
    world.call(event(body("front-b-2", seconds=0)))

    assert len(world.phone.sent) == 1


def test_three_calls_without_an_event_in_a_row_end_the_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nuclio calls so for ever after its queue was deleted."""
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    nothing = nuclio_sdk.Event(body=b"", path=b"/")

    world.call(nothing)
    world.call(nothing)
    world.call(event(body()))
    world.call(nothing)
    world.call(nothing)
    assert left == []
    world.call(nothing)

    assert left == [1]
    assert world.value("empty_events_total") == 5
    assert world.value("events_received_total", attempt="first") == 1


def test_an_empty_message_that_did_come_is_parked(world: World) -> None:
    world.call(event(b"", path="/seccam.events"))

    assert len(world.outbox.to(PARKED_QUEUE)) == 1


def test_what_came_in_is_the_sum_of_what_became_of_it(world: World) -> None:
    world.phone.answers = [Answer("5xx"), Answer("2xx"), Answer("401")]
    contents: list[Any] = [
        body("a-1", camera="a"),
        body("b-1", camera="b"),
        body("c-1", camera="c"),
        b"x",
        body("b-1", camera="b"),
        body("b-2", camera="b"),
    ]
    for content in contents:
        world.call(event(content))

    def total(name: str) -> float:
        return sum(s.value for m in world.registry.collect() for s in m.samples if s.name == f"seccam_notifier_{name}_total")

    assert total("events_received") == total("events") == len(contents)


@pytest.mark.parametrize(
    "make", [lambda: {b"x-seccam-attempt": "many"}, lambda: {b"x-seccam-attempt": -1}, lambda: {b"x-seccam-attempt": True}, dict]
)
def test_an_attempt_that_is_no_count_is_the_first(make: Callable[[], dict[Any, Any]]) -> None:
    received = ReceivedMessage.of(b"{}", "", make())

    assert received.attempt in (0, 1)  # True is 1 in Python, and no harm


SCRIPT = """
import os, threading, nuclio_sdk, nuclio_sdk.test
from seccam_notifier import nuclio
context = nuclio_sdk.test.Platform().context
nuclio.init_context(context)
waiting = threading.Thread(target=nuclio.handler, args=(context, nuclio_sdk.Event(body=b"x", path="/seccam.events")), daemon=True)
waiting.start()
waiting.join(0.3)
os._exit(0 if waiting.is_alive() else 1)  # past the threads that write meanwhile
"""


def start_under_nuclio(**settings: str) -> subprocess.CompletedProcess[str]:
    environ = {"SECCAM_BROKER_URL": "amqp://127.0.0.1:1/", "SECCAM_NOTIFIER_OPS_PORT": str(free_port()), **settings}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_broker_the_context_is_made_and_events_wait() -> None:
    """Nuclio calls init_context before anything else; a late broker must not end the pod."""
    done = start_under_nuclio(SECCAM_NOTIFIER_PORT="tcp://10.0.0.1:9090", SECCAM_MONITOR_PORT_80_TCP="tcp://10.0.0.2:80")

    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines].count("no_channel") == 1
    assert {line["service"] for line in lines} == {"seccam-notifier"}


def test_without_its_ops_port_it_works_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start_under_nuclio(SECCAM_NOTIFIER_OPS_PORT=str(taken.getsockname()[1]))

    assert done.returncode == 0, done.stderr
    assert "ops_port_taken" in done.stdout


def test_wrong_settings_end_the_start_with_all_faults_and_no_secret() -> None:
    done = start_under_nuclio(
        SECCAM_NOTIFIER_COOLDOWN_SECONDS="60", SECCAM_NOTIFIER_OPS_PORT="99999", IFTTT_KEY="https://maker.ifttt.com/use/c4nary"
    )

    assert done.returncode == 1
    assert "SettingsError" in done.stderr
    for name in ("SECCAM_NOTIFIER_COOLDOWN_SECONDS", "SECCAM_NOTIFIER_OPS_PORT", "IFTTT_KEY"):
        assert f"{name}: " in done.stderr
    assert "c4nary" not in done.stdout + done.stderr


def test_a_thread_that_dies_ends_the_process_so_that_its_event_comes_again() -> None:
    script = SCRIPT.replace("waiting = ", "threading.Thread(target=lambda: 1 / 0).start(); import time; time.sleep(5)\nwaiting = ")
    environ = {"SECCAM_BROKER_URL": "amqp://127.0.0.1:1/", "SECCAM_NOTIFIER_OPS_PORT": str(free_port())}

    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "thread_died" in done.stdout
