"""Multipart streams, cut anywhere."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_camera.sources.multipart import MAX_HEADER, MultipartParser, NotMultipartError
from tests.unit.camera.pictures import picture

PICTURES = [picture(width, 48, quality) for width, quality in ((64, 80), (80, 30), (48, 95))]


def stream(
    *, length: bool, newline: bytes = b"\r\n", boundary: bytes = b"--frame", preamble: bytes = b"", behind: bytes | None = None
) -> bytes:
    """`behind` is what comes between a picture and the boundary, if not a newline."""
    parts = [preamble]
    for data in PICTURES:
        length_line = b"Content-Length: %d%b" % (len(data), newline) if length else b""
        parts.append(boundary + newline + b"Content-Type: image/jpeg" + newline + length_line + newline + data)
        parts.append(newline if behind is None else behind)
    return b"".join([*parts, boundary, newline])


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    parser, found = MultipartParser(), []
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    for at, (start, end) in enumerate(pairwise(edges)):
        found += [got for got, _ in parser.feed(data[start:end], at + 1.0)]
    return found


STREAMS = {
    "with length": stream(length=True),
    "without length": stream(length=False),
    "bare newlines": stream(length=False, newline=b"\n"),
    "dashes of its own": stream(length=False, boundary=b"----=_cam"),
    "blank lines first": stream(length=True, preamble=b"\r\n\r\n"),
    "boundary behind the picture only": stream(length=True).removeprefix(b"--frame\r\n"),
    "nothing between picture and boundary": stream(length=False, behind=b""),
    "with length, nothing between": stream(length=True, behind=b""),
}


@pytest.mark.parametrize("name", STREAMS)
@given(cuts=st.lists(st.integers(0, 100_000), max_size=12))
def test_pictures_are_complete_however_the_stream_is_split(name: str, cuts: list[int]) -> None:
    assert split(STREAMS[name], cuts) == PICTURES


@pytest.mark.parametrize("name", STREAMS)
def test_pictures_are_complete_when_the_stream_arrives_byte_by_byte(name: str) -> None:
    assert split(STREAMS[name], list(range(len(STREAMS[name])))) == PICTURES


def test_a_complete_jpeg_is_returned_before_the_boundary_after_it() -> None:
    parser = MultipartParser()
    part = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURES[0]

    assert [got for got, _ in parser.feed(part, 1.0)] == [PICTURES[0]]
    assert [got for got, _ in parser.feed(b"\r\n" + part, 2.0)] == [PICTURES[0]]


def test_the_end_of_a_preview_is_not_taken_for_the_end_of_the_picture() -> None:
    preview = b"\xff\xe1" + (4 + 2).to_bytes(2, "big") + b"\xff\xd8\xff\xd9"
    whole = PICTURES[0][:2] + preview + PICTURES[0][2:]
    parser = MultipartParser()
    head = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"

    assert list(parser.feed(head + whole[:10], 1.0)) == []
    assert [got for got, _ in parser.feed(whole[10:], 2.0)] == [whole]


def test_a_boundary_within_a_picture_does_not_end_it() -> None:
    comment = b"--frame\r\n"
    whole = PICTURES[0][:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + PICTURES[0][2:]
    data = stream(length=False).replace(PICTURES[0], whole)

    assert split(data, []) == [whole, *PICTURES[1:]]


def test_a_picture_has_the_time_of_its_first_byte() -> None:
    parser = MultipartParser()
    data = stream(length=True)
    start = data.index(PICTURES[0])

    assert list(parser.feed(data[:start], 1.0)) == []
    assert list(parser.feed(data[start : start + 10], 2.0)) == []
    assert [began for _, began in parser.feed(data[start + 10 :], 3.0)] == [2.0, 3.0, 3.0]


@pytest.mark.parametrize(
    "data",
    [
        b"<html>\r\n\r\n",
        b"Content-Type: image/jpeg\r\n\r\n",
        b"x" * (MAX_HEADER + 1),
        b"--frame\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
def test_an_invalid_stream_is_refused(data: bytes) -> None:
    with pytest.raises(NotMultipartError):
        list(MultipartParser().feed(data, 1.0))


def test_endless_blank_lines_are_not_buffered() -> None:
    parser = MultipartParser()
    for _ in range(100):
        assert list(parser.feed(b"\r\n" * MAX_HEADER, 1.0)) == []

    assert len(parser._buffer) <= MAX_HEADER
    assert [got for got, _ in parser.feed(stream(length=True), 2.0)] == PICTURES


@pytest.mark.parametrize("start", [b"\xff\xd8\xff\xe0\x00\x04ab", b"\xff\xd8" + b"\xff" * 100_000 + b"\xd9"], ids=["junk", "fill"])
def test_end_markers_that_end_nothing_are_little_work(start: bytes) -> None:
    parser = MultipartParser()
    list(parser.feed(b"--b\r\n\r\n" + start, 1.0))

    began = time.process_time()
    for _ in range(16_000):
        assert not list(parser.feed(b"x" * 60 + b"\xff\xd9", 1.0))

    assert time.process_time() - began < 1


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_split_or_refused(pieces: list[bytes]) -> None:
    parser = MultipartParser()
    try:
        for piece in pieces:
            list(parser.feed(piece, 1.0))
    except NotMultipartError:
        return
