"""What is taken for an event, and what is refused."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.errors import BadMessage
from seccam.message import AnyEvent, CameraEvent, FaceEvent, PresenceEvent, decode_event


def event_body(**changes: Any) -> dict[str, Any]:
    data = {
        "camera": "front",
        "frame": {"boot_id": "b", "seq": 1},
        "size": [640, 360],
        "faces": 2,
        "boxes": [],
        "scores": [],
        "worker": "w",
        "zone": "Europe/Berlin",
    } | changes.pop("data", {})
    base = {"specversion": "1.0", "id": "front-b-1", "type": "seccam.face", "source": "/x", "time": "2026-03-10T12:00:00Z"}
    return {**base, "data": data, **changes}


def decoded(body: object) -> AnyEvent:
    return decode_event(json.dumps(body).encode())


def test_each_type_of_event_is_decoded_as_what_it_is() -> None:
    presence = {"frame": {"boot_id": "b", "seq": 1}, "visit_began": "2026-03-10T11:59:00Z", "worker": "w"}

    assert isinstance(decoded(event_body()), FaceEvent)
    for kind in ("present", "gone"):
        assert isinstance(decoded(event_body(type=f"seccam.face.{kind}", data=presence)), PresenceEvent)
    for kind in ("offline", "online"):
        assert isinstance(decoded(event_body(type=f"seccam.camera.{kind}", data={"why": "unplugged"})), CameraEvent)


def test_times_are_in_utc_whatever_zone_they_were_written_in() -> None:
    assert decoded(event_body(time="2026-03-10T13:00:00+01:00")).time == datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert decoded(event_body(time="2026-03-10T13:00:00+01:00")).time.tzinfo == UTC


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        ("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "0123456789abcdef0123456789abcdef"),
        ("00-0123456789abcdef-0123456789abcdef-01", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_trace_id_is_that_of_the_traceparent(traceparent: str | None, trace_id: str) -> None:
    assert decoded(event_body(traceparent=traceparent)).trace_id == trace_id


@pytest.mark.parametrize(
    "body",
    [None, "text", [], 7, {}, {"data": 1}]
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
    with pytest.raises(BadMessage, match=r"\w"):
        decoded(body)


def test_a_face_event_without_a_count_is_refused() -> None:
    body = event_body()
    del body["data"]["faces"]

    with pytest.raises(BadMessage, match=r"data\.faces"):
        decoded(body)


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
    with contextlib.suppress(BadMessage):  # refused, as nearly all of it should be
        decoded(body)


@given(
    st.dictionaries(st.sampled_from(["camera", "faces", "zone"]), json_values),
    st.dictionaries(st.sampled_from(["time", "id", "traceparent"]), json_values),
)
def test_no_field_breaks_the_decoder(data: dict[str, Any], attributes: dict[str, Any]) -> None:
    with contextlib.suppress(BadMessage):
        assert decoded({**event_body(data=data), **attributes}).time.tzinfo == UTC
