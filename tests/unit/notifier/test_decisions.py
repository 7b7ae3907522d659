"""What is decided of an event, and in what words it is told: values in, values out."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import notifier
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifier import Answer, Breaker, EventError, Memory, News, Record, classify, judge, parse, retry_after, retry_delay, values

from seccam import message

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
COOLDOWN = 60.0


def news(seconds: float = 0, *, faces: int = 1, camera: str = "front", id_: str = "", kind: Any = "face", zone: str = "") -> News:
    """An event taken `seconds` after noon."""
    return News(id_ or f"{camera}-b-{seconds}-{faces}", kind, camera, NOON + timedelta(seconds=seconds), faces, zone)


def remembering(*records: tuple[News, Any]) -> Memory:
    memory = Memory(COOLDOWN)
    for told, outcome in records:
        memory.record(Record(told, outcome))
    return memory


FIRST = news(0, id_="first")


@pytest.mark.parametrize(
    ("known", "event", "verdict"),
    [
        # the first of a camera is told
        ([], news(0), "tell"),
        # within the cooldown of its time another one is not, be it a little older
        ([(FIRST, "notified")], news(59.9), "cooldown"),
        ([(FIRST, "notified")], news(-5), "cooldown"),
        # unless it shows more faces than any told
        ([(FIRST, "notified")], news(5, faces=2), "tell"),
        ([(FIRST, "notified"), (news(5, faces=3), "notified")], news(6, faces=3), "cooldown"),
        ([(FIRST, "notified"), (news(5, faces=3), "notified")], news(6, faces=4), "tell"),
        # what was suppressed raises nothing
        ([(FIRST, "notified"), (news(5, faces=1), "cooldown")], news(6, faces=2), "tell"),
        # after it, it is told again; the cooldown counts from the first
        ([(FIRST, "notified"), (news(50, faces=2), "notified")], news(60), "tell"),
        # another camera's cooldown is its own
        ([(FIRST, "notified")], news(5, camera="yard"), "tell"),
        # an event that waits for its next try has begun the cooldown; one that was parked has not
        ([(FIRST, "requeued")], news(5), "cooldown"),
        ([(FIRST, "requeued"), (FIRST, "parked")], news(5), "tell"),
        (
            [(FIRST, "notified"), (news(5, faces=2, id_="two"), "requeued"), (news(5, faces=2, id_="two"), "parked")],
            news(6, faces=2),
            "tell",
        ),
        # the same event again
        ([(FIRST, "notified")], FIRST, "duplicate"),
        ([(FIRST, "notified"), (news(3), "cooldown")], news(3), "duplicate"),
        # the same event again, before anybody was told of it
        ([(FIRST, "requeued")], FIRST, "tell"),
        # word of a camera is always told, once
        ([(FIRST, "notified")], news(5, kind="camera_offline"), "tell"),
        ([(news(5, kind="camera_offline"), "notified")], news(6, kind="camera_offline"), "tell"),
        ([(news(5, kind="camera_offline"), "notified")], news(5, kind="camera_offline"), "duplicate"),
        ([(news(5, kind="camera_offline"), "notified")], news(6), "tell"),
        # a camera's clock that is ahead changes nothing
        ([], news(7200), "tell"),
        # too old to be news
        ([], news(-86_401), "too_old"),
        ([], news(-86_399), "tell"),
    ],
)
def test_what_becomes_of_an_event(known: list[tuple[News, Any]], event: News, verdict: str) -> None:
    assert judge(event, remembering(*known), NOON) == verdict


def test_a_retry_is_not_judged_again() -> None:
    """Another copy was suppressed while it waited: that was not the word on this one."""
    memory = remembering((FIRST, "notified"), (news(3), "cooldown"))

    assert judge(news(3), memory, NOON, attempt=1) == "tell"
    assert judge(news(7), memory, NOON, attempt=1) == "tell"
    assert judge(FIRST, memory, NOON, attempt=1) == "duplicate"
    assert judge(news(-90_000), memory, NOON, attempt=1) == "too_old"


def test_a_replayed_event_is_told_however_old_unless_it_was_told() -> None:
    memory = remembering((FIRST, "notified"))

    assert judge(news(5), memory, NOON, replayed=True) == "tell"
    assert judge(news(-90_000), memory, NOON, replayed=True) == "tell"
    assert judge(FIRST, memory, NOON, replayed=True) == "duplicate"


def test_an_event_that_was_told_stays_told_when_a_copy_is_suppressed() -> None:
    memory = remembering((FIRST, "notified"), (FIRST, "cooldown"))

    assert judge(FIRST, memory, NOON, attempt=1) == "duplicate"


def test_without_a_cooldown_everything_is_told() -> None:
    memory = Memory(0)
    memory.record(Record(FIRST, "notified"))

    assert judge(news(0), memory, NOON) == "tell"


arrivals = st.lists(
    st.tuples(st.integers(0, 600), st.integers(1, 5), st.sampled_from(["front", "yard"])),
    min_size=1,
    max_size=60,
    unique_by=lambda a: a[0],
)


@given(arrivals, st.randoms())
def test_a_camera_is_told_of_once_a_cooldown_and_once_more_for_each_higher_count(
    seen: list[tuple[int, int, str]], random: Any
) -> None:
    """In whatever order they come: none is told without reason, and a cooldown's highest count is always told."""
    events = [news(at, faces=faces, camera=camera) for at, faces, camera in seen]
    random.shuffle(events)
    memory, told = Memory(COOLDOWN), []
    for event in events:
        if judge(event, memory, NOON) == "tell":
            memory.record(Record(event, "notified"))
            told.append(event)
        else:
            near = [t for t in told if t.camera == event.camera and abs((t.time - event.time).total_seconds()) < 2 * COOLDOWN]
            assert max(t.faces for t in near) >= event.faces  # suppressed for one at least as high
    for camera in ("front", "yard"):
        mine = [t for t in told if t.camera == camera]
        starts = len({(t.time - NOON).total_seconds() // COOLDOWN for t in mine})
        assert len(mine) <= 5 * 2 * starts  # a bucket meets two cooldowns at most, each rises five times at most
    assert {e.camera for e in told} == {e.camera for e in events}


@given(arrivals)
def test_a_memory_read_from_the_journal_judges_as_the_one_that_lived_through_it(seen: list[tuple[int, int, str]]) -> None:
    lived, journal = Memory(COOLDOWN), []
    for at, faces, camera in seen:
        event = news(at, faces=faces, camera=camera)
        record = Record(event, "notified" if judge(event, lived, NOON) == "tell" else "cooldown")
        lived.record(record)
        journal.append(record.encode())
    read = Memory(COOLDOWN)
    for entry in journal:
        decoded = Record.decode(entry)
        assert decoded is not None
        read.record(decoded)

    for at in range(-70, 700, 35):
        for faces in (1, 3):
            assert judge(news(at, faces=faces), read, NOON) == judge(news(at, faces=faces), lived, NOON)


def test_the_memory_is_bounded() -> None:
    memory = Memory(COOLDOWN, ids=10, cameras=3)
    for n in range(100):
        memory.record(Record(news(n * 100, camera=f"c{n}"), "notified"))

    known = [n for n in range(100) if memory.outcome(f"c{n}-b-{n * 100}-1")]
    assert known == list(range(90, 100))
    assert memory.window(news(9900, camera="c99")) is not None
    assert memory.window(news(0, camera="c0")) is None


def test_a_readers_mark_in_the_journal_is_no_entry() -> None:
    for body in (b'{"mark": "1"}', b"", b"[]", b'{"id": 1}', b"\xff"):
        assert Record.decode(body) is None


def test_the_breaker_opens_after_five_failures_in_a_row_and_tries_once_in_ten_seconds() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(100.0)
    breaker.answered()
    for _ in range(4):
        breaker.failed(100.0)
    assert breaker.allows(100.0)

    breaker.failed(100.0)

    assert breaker.open
    assert not breaker.allows(109.9)
    assert breaker.allows(110.0)
    breaker.failed(110.0)
    assert not breaker.allows(119.9)
    breaker.answered()
    assert breaker.allows(120.0)


@pytest.mark.parametrize(
    ("attempt", "wish", "delay"),
    [
        (0, None, 10),
        (2, None, 10),
        (3, None, 60),
        (7, None, 60),
        (8, None, 600),
        (99, None, 600),
        (0, 5, 10),
        (0, 10, 10),
        (0, 11, 60),
        (0, 61, 600),
        (0, 9999, 600),
        (8, 1, 600),
        (0, 0, 10),
    ],
)
def test_the_delay_grows_with_the_attempts_and_keeps_to_retry_after(attempt: int, wish: float | None, delay: int) -> None:
    assert retry_delay(attempt, wish) == delay


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30),
        (" 0 ", 0),
        ("Tue, 10 Mar 2026 12:00:45 GMT", 45),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 40, None),
        ("Tue, 10 Mar 2026 12:00:45 +9999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOON) == seconds


@pytest.mark.parametrize(
    ("status", "result", "cause"),
    [
        (200, "2xx", None),
        (204, "2xx", None),
        (301, "4xx", None),
        (400, "4xx", None),
        (401, "401", None),
        (404, "4xx", None),
        (408, "timeout", "timeout"),
        (429, "429", "rate_limited"),
        (500, "5xx", "server"),
        (503, "5xx", "server"),
    ],
)
def test_what_a_status_means(status: int, result: str, cause: str | None) -> None:
    answer = classify(status)

    assert (answer.result, answer.cause, answer.told) == (result, cause, result == "2xx")


def test_network_and_tls_errors_are_worth_another_try() -> None:
    assert Answer("network").cause == "network"
    assert Answer("tls").cause == "network"


@pytest.mark.parametrize(
    ("event", "late", "told"),
    [
        (news(faces=2, zone="Europe/Berlin"), 1, ("front", "2", "2026-03-10 13:00:00 CET")),
        (news(zone="America/New_York"), 59, ("front", "1", "2026-03-10 08:00:00 EDT")),
        (news(zone="Europe/Berlin"), 14 * 60 + 5, ("front", "1", "2026-03-10 13:00:00 CET, delayed 14 min")),
        (news(zone="Europe/Berlin"), 125 * 60, ("front", "1", "2026-03-10 13:00:00 CET, delayed 2 h 5 min")),
        (news(kind="camera_offline", zone="UTC"), 0, ("front", "offline", "2026-03-10 12:00:00 UTC")),
        (news(kind="camera_online", zone="UTC"), -3600, ("front", "online", "2026-03-10 12:00:00 UTC")),
        (news(), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (news(zone="No/Where"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (news(zone="../../etc/passwd"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (news(zone="\0"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
    ],
)
def test_what_the_phone_is_told(event: News, late: float, told: tuple[str, str, str]) -> None:
    got = values(event, NOON + timedelta(seconds=late), "Asia/Tokyo")

    assert tuple(got.values()) == told
    assert list(got) == ["value1", "value2", "value3"]


def event_body(**changes: Any) -> dict[str, Any]:
    data = {"camera": "front", "faces": 2, "zone": "Europe/Berlin"} | changes.pop("data", {})
    base = {"specversion": "1.0", "id": "front-b-1", "type": "seccam.face", "source": "/x", "time": "2026-03-10T12:00:00Z"}
    return {**base, "data": data, **changes}


def test_an_event_of_the_library_is_understood() -> None:
    data = message.FaceData(
        camera="front",
        frame=message.FrameIdentity(boot_id="b", seq=1),
        size=(4, 4),
        faces=3,
        boxes=[],
        scores=[],
        worker="w",
        zone="Asia/Tokyo",
    )
    trace = "0123456789abcdef0123456789abcdef"
    sent = message.FaceEvent(id="front-b-1", source="/s", time=NOON, traceparent=f"00-{trace}-{trace[:16]}-01", data=data)

    assert parse(json.loads(sent.encode())) == News("front-b-1", "face", "front", NOON, 3, "Asia/Tokyo", trace)


@pytest.mark.parametrize("kind", ["offline", "online"])
def test_word_of_a_camera_is_understood(kind: str) -> None:
    sent = message.CameraEvent.model_validate(
        {"id": "i", "source": "/s", "time": NOON, "type": f"seccam.camera.{kind}", "data": {"camera": "front", "why": "unplugged"}}
    )

    assert parse(json.loads(sent.encode())).kind == f"camera_{kind}"


@pytest.mark.parametrize(
    "body",
    [None, b"", "text", [], 7, {}, {"data": 1}]
    + [
        event_body(**c)
        for c in (
            {"specversion": "0.3"},
            {"type": "seccam.cat"},
            {"type": ["seccam.face"]},
            {"id": ""},
            {"id": 7},
            {"id": "x" * 129},
            {"id": "two words"},
            {"id": "line\n"},
            {"id": "é"},
            {"id": "\ud800"},
        )
    ]
    + [
        event_body(time=t)
        for t in (
            "yesterday",
            None,
            5,
            "2026-13-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59Z",
            "1969-12-31T23:59:59Z",
        )
    ]
    + [
        event_body(data=d)
        for d in (
            {"camera": "Front"},
            {"camera": "a.b"},
            {"camera": 1},
            {"faces": -1},
            {"faces": "2"},
            {"faces": True},
            {"faces": 1.5},
        )
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(body: object) -> None:
    with pytest.raises(EventError, match=r"\w"):
        parse(body)


def test_a_face_event_without_a_count_is_refused() -> None:
    body = event_body()
    del body["data"]["faces"]

    with pytest.raises(EventError, match=r"data\.faces"):
        parse(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "id", "type", "time", "camera", "faces"]), inner, max_size=5)
    ),
    max_leaves=10,
)


@given(json_values)
def test_no_json_breaks_the_parser(body: object) -> None:
    with contextlib.suppress(EventError):  # refused, as nearly all of it should be
        parse(body)


@given(
    st.dictionaries(st.sampled_from(["camera", "faces", "zone"]), json_values),
    st.dictionaries(st.sampled_from(["time", "id", "traceparent"]), json_values),
)
def test_no_field_breaks_the_parser_or_the_words(data: dict[str, Any], attributes: dict[str, Any]) -> None:
    try:
        told = parse({**event_body(data=data), **attributes})
    except EventError:
        return
    assert set(values(told, NOON)) == {"value1", "value2", "value3"}


def test_settings_leave_alone_what_they_do_not_know_or_can_not_read() -> None:
    environ = {
        "SECCAM_NOTIFIER_OPS_PORT": "tcp://10.0.0.1:9090",  # Kubernetes' own variable for a service of that name
        "SECCAM_NOTIFIER_COOLDOWN_SECONDS": "soon",
        "SECCAM_SURPRISE": "1",
        "IFTTT_KEY": " abc\n",
    }

    settings = notifier.Settings.read(environ)

    assert (settings.ops_port, settings.cooldown_seconds, settings.ifttt_key) == (None, 60.0, "abc")
    assert "abc" not in repr(settings)
