from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.errors import BadMessage
from seccam.frame import Frame
from seccam.message import MAX_BYTES, SCHEMAS, CameraEvent, Detection, FaceData, FaceEvent, Status, face_event, schema

FRAME = Frame("front", "a1", 7, b"", 640, 480, 1_700_000_000_123, "Europe/Berlin")
DETECTION: dict[str, Any] = {
    "camera": "front",
    "frame": {"boot_id": "a1", "seq": 7, "ts_ms": 1_700_000_000_123},
    "size": [640, 480],
    "faces": 1,
    "boxes": [[10, 20, 30, 40]],
    "scores": [0.9],
    "worker": "w1",
}
STATUS: dict[str, Any] = {
    "camera": "front",
    "state": "live",
    "since": 1,
    "why": "",
    "zone": "UTC",
    "topics": {"view": {"open": True, "fps": 15.0}, "security": {"open": True, "until": 9, "fps": 2.0}},
    "ts_ms": 2,
}


def test_a_face_event_names_its_frame_time_and_trace() -> None:
    event = face_event(FRAME, 1_700_000_000_100, FaceData(**DETECTION))

    assert event.id == "front-a1-7"
    assert event.time == datetime.fromtimestamp(1_700_000_000.1, UTC)
    assert event.traceparent is not None
    version, trace, span, flags = event.traceparent.split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")


@pytest.mark.parametrize(("model", "body"), [(Detection, DETECTION), (Status, STATUS)])
def test_a_message_comes_back_as_it_was_sent(model: type[Detection | Status], body: dict[str, Any]) -> None:
    message = model.decode(json.dumps(body).encode())

    assert model.decode(message.encode()) == message
    jsonschema.validate(json.loads(message.encode()), schema(model))


def test_what_a_newer_sender_adds_is_ignored() -> None:
    assert Detection.decode(json.dumps({**DETECTION, "colour": "red"}).encode()) == Detection.decode(json.dumps(DETECTION).encode())


BAD: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    b'"' + b"a" * (MAX_BYTES + 1) + b'"',
    *(json.dumps({**DETECTION, **change}).encode() for change in (
        {"camera": "Front"}, {"camera": "a.b"}, {"faces": -1}, {"faces": 1.5}, {"scores": [1.1]}, {"scores": [float("nan")]},
        {"boxes": [[1, 2, 3]]}, {"boxes": [[1, 2, 3, float("inf")]]}, {"size": [1]}, {"frame": {"boot_id": "", "seq": 1}},
        {"frame": {"boot_id": "a", "seq": -1}}, {"worker": None},
    )),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_does_not_keep_to_the_schema_is_refused_with_one_error(body: bytes) -> None:
    with pytest.raises(BadMessage) as raised:
        Detection.decode(body)

    assert str(raised.value).startswith("Detection: ")
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("never", [4_102_444_800_000, 10**400])
@pytest.mark.parametrize("field", ["since", "ts_ms", "until"])
def test_a_time_that_no_clock_shows_is_refused(field: str, never: int) -> None:
    view = {"open": True, "fps": 15.0, **({"until": never} if field == "until" else {})}

    with pytest.raises(BadMessage, match=field):
        Status.decode(json.dumps({**STATUS, "topics": {"view": view}, **({} if field == "until" else {field: never})}).encode())


def test_an_event_without_a_time_zone_is_refused() -> None:
    event = {"id": "x", "source": "s", "type": "seccam.camera.offline", "time": "2026-01-01T12:00:00", "data": {"camera": "front"}}
    with pytest.raises(BadMessage, match="time"):
        CameraEvent.decode(json.dumps(event).encode())

    assert CameraEvent.decode(json.dumps({**event, "time": "2026-01-01T12:00:00Z"}).encode()).data.camera == "front"


@pytest.mark.parametrize("id_", ["", "x" * 129, "two words", "é", "\ud800"])
def test_an_id_that_no_message_id_can_hold_is_refused(id_: str) -> None:
    event = {"id": id_, "source": "s", "type": "seccam.camera.offline", "time": "2026-01-01T12:00:00Z", "data": {"camera": "front"}}

    with pytest.raises(BadMessage):
        CameraEvent.decode(json.dumps(event).encode())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(event, schema(CameraEvent))


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda i: st.one_of(st.lists(i), st.dictionaries(st.sampled_from([*DETECTION, *STATUS, "id", "data"]), i)),
        max_leaves=12,
    )
)
def test_no_json_raises_anything_but_a_bad_message(value: Any) -> None:
    for model in SCHEMAS.values():
        with pytest.raises(BadMessage):
            model.decode(json.dumps(value).encode())


def test_the_schemas_are_valid_ones_and_a_face_event_keeps_to_its() -> None:
    for model in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema(model))
    event = face_event(FRAME, 1_700_000_000_100, FaceData(**DETECTION, zone="UTC", ms={"done": 61}, snapshot="YQ=="))
    jsonschema.validate(json.loads(event.encode()), schema(FaceEvent), format_checker=jsonschema.FormatChecker())
