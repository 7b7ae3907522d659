"""The wire to viewers, as PROTOCOL.md has it."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_monitor.viewers import protocol
from seccam_monitor.viewers.protocol import Ack, NotUnderstood, Ping, Watch


def test_a_picture_has_twenty_bytes_before_its_jpeg() -> None:
    message = protocol.picture(flags=3, camera=258, sequence=2**32 + 5, captured_ms=-12.5, size=(1280, 720), jpeg=b"JPEG")
    assert message[:4] == bytes([1, 3, 2, 1])
    assert struct.unpack("<I", message[4:8]) == (5,)
    assert struct.unpack("<d", message[8:16]) == (-12.5,)
    assert struct.unpack("<HH", message[16:20]) == (1280, 720)
    assert message[20:] == b"JPEG"


def test_a_part_has_its_length_and_ends_with_the_boundary() -> None:
    assert protocol.OPENING + protocol.part(b"JPEG") == (
        b"--seccam-frame\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\nJPEG\r\n--seccam-frame\r\n"
    )


def test_hello_and_pong_carry_what_the_page_needs() -> None:
    hello = json.loads(protocol.hello("1.2.3", 5.5, "ann", [{"i": 0}], []))
    assert hello == {"type": "hello", "v": 1, "version": "1.2.3", "now": 5.5, "user": "ann", "cams": [{"i": 0}], "events": []}
    assert json.loads(protocol.pong(Ping(1.5), 7.0)) == {"type": "pong", "c": 1.5, "s": 7.0}


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ('{"type": "ping", "c": 1.5}', Ping(1.5)),
        ('{"type": "ping", "c": 1, "more": true}', Ping(1)),
        ('{"type": "watch", "cams": []}', Watch(frozenset())),
        ('{"type": "watch", "cams": [2, 0, 2]}', Watch(frozenset({0, 2}))),
        ('{"type": "ack", "f": [[0, 17], [2, 9]]}', Ack(((0, 17), (2, 9)))),
    ],
)
def test_messages_of_the_page_are_understood(message: str, meaning: object) -> None:
    assert protocol.understood(message) == meaning


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "nonsense",
        '{"type": "ping"}',
        '{"type": "ping", "c": "1"}',
        '{"type": "watch", "cams": [-1]}',
        '{"type": "watch", "cams": [true]}',
        '{"type": "watch", "cams": [[0]]}',
        '{"type": "watch", "cams": {"0": 1}}',
        '{"type": "ack", "f": [[0]]}',
        '{"type": "ack", "f": [0]}',
        '{"type": "hello"}',
        "[" * 4000,
    ],
)
def test_other_messages_are_refused(message: str) -> None:
    with pytest.raises(NotUnderstood):
        protocol.understood(message)


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_is_understood_or_refused(message: str) -> None:
    try:
        protocol.understood(message)
    except NotUnderstood as e:
        assert len(str(e)) < 500  # noqa: PT017  # either outcome is fine, a long one is not
