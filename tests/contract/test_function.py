from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import notifier
import pytest
import runner
from hypothesis import given
from hypothesis import strategies as st

from seccam import __main__ as operator
from seccam import message, metrics, settings, topology
from seccam.frame import Frame, trace_id
from seccam.version import __version__
from seccam_security.alarm import Alarm, Verdict

SPECIFICATION = (Path(__file__).parents[2] / "functions" / "ifttt_notifier" / "function.yaml").read_text()
#: Its lines without their comments.
LINES = [line.partition(" #")[0].strip() for line in SPECIFICATION.splitlines()]
FRAME = Frame("front", "a1", 7, b"", 640, 480, 1_767_225_600_123, "Europe/Berlin")
SEEN = {
    "camera": "front",
    "frame": {"boot_id": "a1", "seq": 7, "ts_ms": 1_767_225_600_123},
    "size": (640, 480),
    "faces": 2,
    "boxes": [(1, 2, 3, 4), (5, 6, 7, 8)],
    "scores": [0.9, 0.8],
    "worker": "w",
}


def test_the_function_calls_the_queues_by_their_names() -> None:
    assert {f"{seconds * 1000}": name for seconds, name in notifier.RETRY_QUEUES.items()} == {
        str(delay): name for name, delay in topology.RETRY_QUEUES.items()
    }
    assert notifier.PARKED_QUEUE == topology.PARKED_QUEUE
    assert notifier.JOURNAL == topology.JOURNAL
    assert (notifier.REPLAYED_HEADER, notifier.WHY_HEADER) == (operator.REPLAYED_HEADER, operator.WHY_HEADER)


def test_the_function_and_the_library_agree_on_limits_labels_and_version() -> None:
    assert notifier.MAX_BYTES == message.MAX_BYTES
    assert notifier._TYPES == metrics.EVENT_TYPES
    assert set(notifier._CAUSES) == set(metrics.CAUSES)
    assert f"^{notifier._CAMERA.pattern}$" == topology.CAMERA_PATTERN
    assert f"^{notifier._ID.pattern}$" == message.schema(message.FaceEvent)["properties"]["id"]["pattern"]
    assert __version__ == notifier.VERSION


def test_nuclios_trigger_consumes_the_events_queue_and_declares_nothing() -> None:
    assert f"queueName: {topology.EVENTS_QUEUE}" in LINES
    assert not [line for line in LINES if line.startswith(("topics:", "exchangeName:", "prefetchCount:", "password:"))]
    assert "url: $ref:/spec/triggers/events/url" in LINES


def test_nuclio_is_given_variables_that_are_settings() -> None:
    known = {name for g in (settings.BrokerSettings, runner.IftttSettings, runner.NotifierSettings) for name in settings.names(g)}
    given = {line.removeprefix("- name: ") for line in LINES if re.match(r"- name: [A-Z]", line)}

    assert given
    assert given <= known


@pytest.mark.parametrize("field", ["cooldown_seconds", "timeout_seconds"])
def test_the_function_has_the_defaults_of_the_settings(field: str) -> None:
    told = notifier.Settings.read({})

    assert getattr(told, field) == runner.NotifierSettings.model_fields[field].default
    assert (told.ifttt_event, told.ifttt_url) == tuple(runner.IftttSettings.model_fields[n].default for n in ("event", "url"))


def test_the_function_reads_the_face_events_that_workers_write() -> None:
    event = message.face_event(FRAME, 1_767_225_600_123, message.FaceData.model_validate({**SEEN, "zone": "Europe/Berlin"}))

    news = notifier.parse(json.loads(event.encode()))

    assert (news.id, news.kind, news.camera, news.faces, news.zone) == ("front-a1-7", "face", "front", 2, "Europe/Berlin")
    assert news.time == datetime.fromtimestamp(1_767_225_600.123, UTC)
    assert news.trace_id == trace_id("front", "a1", 7)


@pytest.mark.parametrize("kind", ["seccam.camera.offline", "seccam.camera.online"])
def test_the_function_reads_camera_events(kind: str) -> None:
    event = message.CameraEvent.model_validate(
        {"id": "front-off-1", "source": "/seccam/monitor", "type": kind, "time": datetime.now(UTC), "data": {"camera": "front"}}
    )

    assert notifier.parse(json.loads(event.encode())).camera == "front"


@given(st.lists(st.integers(-30, 30), min_size=50, max_size=50), st.integers(1, 4))
def test_who_stays_is_told_of_once_a_cooldown_whatever_jitter_the_frames_have(jitter: list[int], workers: int) -> None:
    """Worker and notifier end a window with the same frame; did they not, nobody would be told until the next one's end."""
    cooldown, step = 4.0, 500
    alarms, memory, told = [Alarm()] * workers, notifier.Memory(cooldown), []
    for n, off in enumerate(jitter):
        taken_ms = 1_767_225_600_123 + n * step + off
        verdict, alarms[n % workers] = alarms[n % workers].judge(1, taken_ms / 1000, cooldown)
        event = message.face_event(replace(FRAME, seq=n), taken_ms, message.FaceData.model_validate(SEEN))
        news = notifier.parse(json.loads(event.encode()))
        if verdict is Verdict.ANNOUNCE:
            tells = notifier.judge(news, memory, news.time) == "tell"
            memory.record(notifier.Record(news, "notified" if tells else "cooldown"))
            told += [taken_ms] if tells else []

    assert max(after - before for before, after in pairwise(told)) <= 1000 * cooldown + workers * step + 2 * 30
