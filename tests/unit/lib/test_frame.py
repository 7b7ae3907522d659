from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from pika.compat import long

from seccam import topology
from seccam.errors import BadFrame
from seccam.frame import Frame, FrameDecoder

PICTURE = simplejpeg.encode_jpeg(np.zeros((48, 64, 3), np.uint8))
KEY = "seccam.view.front"


def decoded(headers: Any = None, key: str = KEY, body: bytes = PICTURE) -> Frame:
    return FrameDecoder("here").decode(topology.VIEW, key, headers, body)


def test_a_frame_comes_back_as_it_was_sent() -> None:
    frame = Frame("front", "a1b2", 7, PICTURE, 64, 48, 1_700_000_000_123, "Europe/Berlin")

    assert decoded(frame.headers()) == frame


def test_what_is_not_known_is_left_out_of_the_headers() -> None:
    headers = Frame("front", "a1b2", 7, PICTURE, 64, 48, None).headers()

    assert headers == {"camera": "front", "seq": 7, "boot_id": "a1b2", "width": 64, "height": 48}


def test_a_bare_picture_is_numbered_by_its_receiver() -> None:
    decoder = FrameDecoder("here")

    frames = [decoder.decode(topology.VIEW, KEY, {"x-mqtt-publish-qos": 0}, PICTURE) for _ in range(3)]

    assert [(f.boot_id, f.seq, f.ts_ms) for f in frames] == [("here", 1, None), ("here", 2, None), ("here", 3, None)]


def test_the_camera_and_the_size_are_the_topics_and_the_pictures_whatever_the_headers_say() -> None:
    frame = decoded({"camera": "yard", "width": 1, "height": 1, "seq": 1, "boot_id": "a"})

    assert (frame.camera, frame.width, frame.height) == ("front", 64, 48)


def test_padding_is_cut_off() -> None:
    assert decoded(body=PICTURE + bytes(100)).jpeg == PICTURE


def test_exif_is_cut_out() -> None:
    exif = b"\xff\xe1\x00\x08Exif\x00\x00"

    assert decoded(body=PICTURE[:2] + exif + PICTURE[2:]).jpeg == PICTURE


@pytest.mark.parametrize(
    "key",
    [
        "seccam.view.",
        "seccam.view",
        "seccam.view.Front",
        "seccam.view.a.b",
        "seccam.view.-a",
        "seccam.security.front",
        "",
        "seccam.view.front\n",
        "seccam.view." + "a" * 33,
    ],
)
def test_a_key_that_names_no_camera_is_refused(key: str) -> None:
    with pytest.raises(BadFrame) as raised:
        decoded(key=key)

    assert raised.value.reason == "unknown_camera"


@pytest.mark.parametrize("seq", [True, -1, 2**53, 2**63 - 1, -(2**63), Decimal(1), 1.0, "1", b"1", None, [1], {"a": 1}])
def test_a_number_that_is_none_makes_the_receiver_number_the_frame(seq: Any) -> None:
    assert decoded({"seq": seq, "boot_id": "a"}).boot_id == "here"


@pytest.mark.parametrize("boot_id", ["", "a" * 33, "a b", "ä", "a/b", "<b>", "١", b"abc", 7, None, True])
def test_a_run_that_has_no_plain_name_makes_the_receiver_number_the_frame(boot_id: Any) -> None:
    assert decoded({"seq": 1, "boot_id": boot_id}).boot_id == "here"


@pytest.mark.parametrize("ts_ms", [True, 0, -1, 4_102_444_800_000, 2**63 - 1, Decimal(1), "1", b"1", [], {}])
def test_a_time_that_is_none_is_no_time(ts_ms: Any) -> None:
    assert decoded({"ts_ms": ts_ms}).ts_ms is None


@pytest.mark.parametrize(
    "zone", ["", "a" * 65, "Europe/Berlin\n", "../etc/passwd", "/etc", "<script>", "Europe//Berlin", b"UTC", 1]
)
def test_a_zone_that_is_none_is_no_zone(zone: Any) -> None:
    assert decoded({"zone": zone}).zone is None


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince"])
def test_a_zone_is_passed_on(zone: str) -> None:
    assert decoded({"zone": zone}).zone == zone


def test_the_client_librarys_own_integers_are_integers() -> None:
    frame = decoded({"seq": long(7), "boot_id": "a", "ts_ms": long(1_700_000_000_123)})

    assert (frame.seq, frame.ts_ms) == (7, 1_700_000_000_123)
    assert {type(frame.seq), type(frame.ts_ms)} == {int}


NUMBERS = st.one_of(st.booleans(), st.integers(), st.integers().map(long), st.floats(), st.decimals())
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, st.text(max_size=40), st.binary(max_size=40), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.one_of(st.sampled_from(["camera", "seq", "boot_id", "ts_ms", "zone", "width", "height"]), st.binary(max_size=5))


@given(st.one_of(st.none(), st.dictionaries(NAMES, VALUES, max_size=8)))
def test_no_header_of_any_type_harms(headers: dict[Any, Any] | None) -> None:
    frame = decoded(headers)

    assert frame.camera == "front"
    assert 0 <= frame.seq < 2**53
    assert frame.boot_id.isascii()
    assert frame.boot_id.isalnum()
    assert frame.ts_ms is None or 0 < frame.ts_ms < 4_102_444_800_000
    assert decoded(frame.headers()) == frame


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_body_and_no_key_raise_anything_but_a_bad_frame(body: bytes, name: str) -> None:
    with pytest.raises(BadFrame):
        decoded(key=f"seccam.view.{name}", body=body)


def test_ids_are_the_same_wherever_they_are_made() -> None:
    one, again, other = (Frame("front", "a1", seq, b"", 1, 1, None) for seq in (7, 7, 8))

    assert one.event_id == "front-a1-7"
    assert one.trace_id == again.trace_id != other.trace_id
    assert len(bytes.fromhex(one.trace_id)) == 16
