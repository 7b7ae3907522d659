"""The handler as Nuclio calls it, with nuclio-sdk's own test platform; the broker is a list."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import notifier
import nuclio_sdk
import nuclio_sdk.test
import pika
import pytest
from notifier import JOURNAL, PARKED_QUEUE, Answer, Letter, Metrics, Notifier, Post, Record, Settings
from nuclio_sdk.event import TriggerInfo
from prometheus_client import CollectorRegistry

from tests.waiting import eventually


@dataclass
class Posts:
    """An outbox that confirms at once, or when told to."""

    confirming: bool = True
    all: list[Post] = field(default_factory=list)

    def put(self, post: Post) -> threading.Event:
        self.all.append(post)
        if self.confirming:
            post.confirmed.set()
        return post.confirmed

    def to(self, queue: str) -> list[Post]:
        return [p for p in self.all if p.queue == queue]

    def outcomes(self) -> list[str]:
        """What the journal says."""
        records = [Record.decode(p.body) for p in self.to(JOURNAL)]
        return [r.outcome for r in records if r]


@dataclass
class Phone:
    """A channel that gives these answers, then yes."""

    answers: list[Answer | Exception] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    name: str = "ifttt"

    def tell(self, told: Any) -> Answer:
        self.told.append(told)
        answer = self.answers.pop(0) if self.answers else Answer("2xx")
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    """A notifier in Nuclio's hands."""

    def __init__(self, cooldown: float = 60.0) -> None:
        self.posts, self.phone, self.stream, self.registry = Posts(), Phone(), io.StringIO(), CollectorRegistry()
        self.waits = 0
        self.notifier = Notifier(
            Settings(cooldown_seconds=cooldown),
            metrics=Metrics(self.registry, "ifttt"),
            channel=self.phone,  # type: ignore[arg-type]  # it has a name and tells
            outbox=self.posts,  # type: ignore[arg-type]  # it is used for put() alone
            log=notifier.JsonLog(self.stream, self.registry),
            on_wait=self._waited,
        )
        self.notifier._may_begin.set()
        self._platform = nuclio_sdk.test.Platform()

    def call(self, event: nuclio_sdk.Event) -> nuclio_sdk.Response:
        def with_notifier(context: nuclio_sdk.Context) -> nuclio_sdk.Context:
            context.user_data.notifier = self.notifier
            return context

        return self._platform.call_handler_with_context_mutation(notifier.handler, event, with_notifier)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"seccam_notifier_{name}", labels) or 0.0

    def _waited(self) -> None:
        self.waits += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(notifier, "init_context", lambda context: None)  # the world is its context
    return World()  # type: ignore[return-value]  # nothing to tear down


def body(id_: str = "front-b-1", *, faces: int = 1, camera: str = "front", seconds: float = 0, **changes: Any) -> dict[str, Any]:
    taken = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    data = {"camera": camera, "faces": faces}
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    return {"specversion": "1.0", "id": id_, "type": "seccam.face", "time": taken, "traceparent": trace, "data": data, **changes}


def event(
    content: Any, *, raw: bool = True, headers: dict[str, Any] | None = None, path: str = "amq.topic/seccam.events.front"
) -> nuclio_sdk.Event:
    """As Nuclio's Python wrapper hands it over: JSON parsed; texts as bytes (`raw`, its default) or not."""
    headers = headers or {}
    id_ = content.get("id", "") if isinstance(content, dict) else "message-1"
    if raw:
        coded = {k.encode(): v.encode() if isinstance(v, str) else v for k, v in headers.items()}
        return nuclio_sdk.Event(
            body=content, headers=coded, _id=str(id_).encode(), path=path.encode(), trigger=TriggerInfo(b"rabbit-mq", b"e")
        )
    return nuclio_sdk.Event(body=content, headers=headers, _id=id_, path=path, trigger=TriggerInfo("rabbitMq", "e"))


@pytest.mark.parametrize("raw", [True, False])
def test_an_event_is_told_recorded_and_answered_with_200(world: World, raw: bool) -> None:
    response = world.call(event(body(faces=2), raw=raw))

    assert response.status_code == 200
    assert [(t["value1"], t["value2"]) for t in world.phone.told] == [("front", "2")]
    assert world.posts.outcomes() == ["notified"]
    assert world.value("events_total", type="face", outcome="notified") == 1
    assert world.value("events_received_total", attempt="first") == 1


def test_every_line_of_an_event_carries_its_names(world: World) -> None:
    world.phone.answers = [Answer("5xx")]

    world.call(event(body()))
    world.call(event(body(), headers={"x-seccam-attempt": 1}))
    world.call(event(body()))

    lines = world.lines()
    assert [line["event"] for line in lines] == [
        *("event_received", "channel_answered", "event_requeued"),
        *("event_received", "channel_answered", "event_notified"),
        *("event_received", "event_suppressed"),
    ]
    for line in lines:
        assert (line["event_id"], line["camera"], line["trace_id"]) == ("front-b-1", "front", "0123456789abcdef0123456789abcdef")


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
    (post,) = world.posts.to("seccam.events.retry.1m")
    assert json.loads(post.body) == sent
    assert (post.message_id, dict(post.headers)) == ("front-b-1", {"x-seccam-attempt": 2, "camera": "front"})
    assert world.value("requeued_total", delay="1m", cause="rate_limited") == 1
    assert world.posts.outcomes() == ["requeued"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer("401"), "refused"), (Answer("4xx", detail="404"), "refused"), (RuntimeError("a bug"), "bug")],
)
def test_what_is_not_worth_a_retry_is_parked_with_its_reason(world: World, answer: Answer | Exception, reason: str) -> None:
    world.phone.answers = [answer]

    response = world.call(event(body()))

    assert response.status_code == 200
    (post,) = world.posts.to(PARKED_QUEUE)
    assert str(post.headers["x-seccam-why"]).startswith(reason)
    assert json.loads(post.body)["id"] == "front-b-1"
    assert world.value("parked_total", reason=reason) == 1
    assert world.value("events_total", type="face", outcome="parked") == 1


def test_the_text_of_a_bug_is_in_no_log(world: World) -> None:
    world.phone.answers = [RuntimeError("https://maker.ifttt.com/with/key/SECRET")]

    world.call(event(body()))

    assert "SECRET" not in world.stream.getvalue()
    assert "RuntimeError in tell" in world.stream.getvalue()


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
    (post,) = world.posts.to(PARKED_QUEUE)
    sent = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()
    assert post.body == sent
    assert world.value("parked_total", reason="schema") == 1
    assert world.phone.told == []


@pytest.mark.parametrize("id_", [b"\xff" * 128, "\ud800" * 9, "é" * 128, "x" * 300])
def test_what_is_no_event_is_parked_under_an_id_that_amqp_can_hold(world: World, id_: Any) -> None:
    world.call(nuclio_sdk.Event(body=b"{", headers={}, _id=id_, path="/seccam.events"))

    (post,) = world.posts.to(PARKED_QUEUE)
    assert re.fullmatch(r"[!-~]{1,128}", post.message_id)


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

    (post,) = world.posts.to("seccam.events.retry.10s")
    assert post.headers.items() >= {"camera": "front", "x-seccam-attempt": 1}.items()
    encoded = pika.BasicProperties(message_id=post.message_id, headers=dict(post.headers)).encode()
    assert sum(map(len, encoded)) < 100_000


def test_an_event_of_yesterday_is_parked(world: World) -> None:
    world.call(event(body(seconds=-25 * 3600)))

    assert len(world.posts.to(PARKED_QUEUE)) == 1
    assert world.value("parked_total", reason="too_old") == 1


def test_five_workers_that_see_one_face_make_one_call_and_more_faces_another(world: World) -> None:
    for worker in range(5):
        world.call(event(body(f"front-b-{worker}", seconds=worker / 10)))
    world.call(event(body("front-b-9", faces=2, seconds=1)))

    assert [t["value2"] for t in world.phone.told] == ["1", "2"]
    assert world.value("events_total", type="face", outcome="cooldown") == 4
    assert world.posts.outcomes() == ["notified", *["cooldown"] * 4, "notified"]


def test_after_five_failures_in_a_row_calls_are_spared_and_no_event_is_lost(world: World) -> None:
    world.phone.answers = [Answer("5xx")] * 100

    for n in range(8):
        world.call(event(body(f"c{n}-b-1", camera=f"c{n}")))

    assert len(world.phone.told) == 5
    assert len(world.posts.to("seccam.events.retry.10s")) == 8
    assert world.value("requeued_total", delay="10s", cause="circuit_open") == 3
    assert world.value("circuit_open") == 1


def test_an_event_that_can_go_nowhere_is_held_until_the_broker_takes_it(world: World) -> None:
    world.phone.answers = [Answer("5xx")]
    world.posts.confirming = False
    answers: list[nuclio_sdk.Response] = []
    handling = threading.Thread(target=lambda: answers.append(world.call(event(body()))), daemon=True)

    handling.start()

    eventually(lambda: world.waits >= 1)
    assert not answers
    assert world.value("holding") == 1
    world.posts.confirming = True
    world.posts.all[0].confirmed.set()
    handling.join(10)
    assert answers[0].status_code == 200
    assert world.value("holding") == 0


def test_a_journal_that_does_not_answer_holds_nothing_up_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "JOURNAL_TIMEOUT", 0.05)
    world.posts.confirming = False

    assert world.call(event(body())).status_code == 200
    assert world.call(event(body())).body == "duplicate"
    assert "journal_late" in world.stream.getvalue()


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

    assert len(world.posts.to(PARKED_QUEUE)) == 1


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
    letter = Letter.of(nuclio_sdk.Event(body=b"{}", headers=make()))

    assert letter.attempt in (0, 1)  # True is 1 in Python, and no harm


@pytest.mark.parametrize("settings", [{}, {"SECCAM_NOTIFIER_OPS_PORT": "99999"}, {"SECCAM_NOTIFIER_COOLDOWN_SECONDS": "9" * 400}])
def test_without_a_broker_the_context_is_made_and_events_wait(settings: dict[str, str]) -> None:
    """Nuclio calls init_context before anything else; neither a late broker nor odd numbers may end the pod."""
    script = """
import os, threading, nuclio_sdk, nuclio_sdk.test, notifier
context = nuclio_sdk.test.Platform().context
notifier.init_context(context)
waiting = threading.Thread(target=notifier.handler, args=(context, nuclio_sdk.Event(body=b"x", path="/q")), daemon=True)
waiting.start()
waiting.join(0.3)
os._exit(0 if waiting.is_alive() else 1)  # past the threads that write meanwhile
"""
    environ = {"SECCAM_BROKER_URL": "amqp://127.0.0.1:1/", "PYTHONPATH": str(Path(notifier.__file__).parent), "IFTTT_KEY": ""}
    environ |= settings

    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines].count("no_ifttt_key") == 1
