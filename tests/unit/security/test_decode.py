"""Bytes of strangers."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seccam.errors import BadFrame
from seccam.frame import FrameDecoder
from seccam.jpeg import MAX_SCAN_PIXELS
from seccam_security.decode import Picture, cut
from tests.scenes import backdrop, jpeg, photo
from tests.unit.security.frames import SIZES, frame

GOOD = jpeg(photo("astronaut"))


def saved(kind: str, side: int = 256, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(file, kind, **options)
    return file.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A good JPEG whose header lies about its size."""
    at = GOOD.index(b"\xff\xc0") + 5
    return GOOD[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + GOOD[at + 4 :]


def decoded(body: bytes) -> Picture:
    """What the worker does with a message."""
    picture = Picture(FrameDecoder("0ddba11").decode("seccam.security", "seccam.security.front", {}, body))
    picture.miniature()
    picture.colour(1.0)
    return picture


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "corrupt", id="nothing"),
        pytest.param(b"hello", "corrupt", id="text"),
        pytest.param(np.random.default_rng(1).bytes(50_000), "corrupt", id="random bytes"),
        pytest.param(b"\xff\xd8" + np.random.default_rng(2).bytes(50_000) + b"\xff\xd9", "corrupt", id="random bytes in markers"),
        pytest.param(GOOD[: len(GOOD) // 2], "corrupt", id="truncated"),
        pytest.param(GOOD[: len(GOOD) // 2] + b"\xff\xd9", "corrupt", id="truncated, with an end marker"),
        pytest.param(GOOD[: len(GOOD) // 2] + bytes(2000) + GOOD[len(GOOD) // 2 :], "corrupt", id="zeros in the middle"),
        pytest.param(claiming(65_535, 65_535), "oversize", id="65,535 x 65,535 pixels"),
        pytest.param(claiming(4096, 4096), "corrupt", id="claims more pixels than it has"),
        pytest.param(claiming(0, 512), "corrupt", id="no pixels"),
        pytest.param(GOOD[:-2] + bytes(3 * 1024 * 1024) + GOOD[-2:], "oversize", id="3 MB"),
        pytest.param(saved("PNG"), "corrupt", id="PNG"),
        pytest.param(saved("GIF"), "corrupt", id="GIF"),
        pytest.param(saved("WEBP"), "corrupt", id="WebP"),
        pytest.param(saved("JPEG", 4096, progressive=True), "oversize", id="progressive bomb: too many scans of too many pixels"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadFrame) as refused:
        decoded(body)

    assert refused.value.reason == reason


def test_a_progressive_bomb_of_thousands_of_scans_is_refused_before_it_is_decoded() -> None:
    progressive = saved("JPEG", 1024, progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    bomb = progressive[:-2] + scan * 200 + progressive[-2:]

    with pytest.raises(BadFrame, match="scans of 1024x1024"):
        decoded(bomb)


@pytest.mark.parametrize("side", [1, 7, 8, 9, 250, 1024])
@pytest.mark.parametrize("progressive", [False, True])
def test_honest_pictures_of_any_size_are_decoded(side: int, progressive: bool) -> None:
    picture = decoded(saved("JPEG", side, progressive=progressive))

    assert picture.miniature().shape == (max(1, side // 8), max(1, side // 8))
    assert picture.colour(1.0).shape == (side, side, 3)


def test_a_grey_jpeg_is_a_picture_too() -> None:
    file = io.BytesIO()
    Image.fromarray(photo("astronaut")).convert("L").save(file, "JPEG")

    assert decoded(file.getvalue()).colour(1.0).shape == (512, 512, 3)


def test_the_largest_baseline_picture_is_within_the_bounds() -> None:
    assert MAX_SCAN_PIXELS >= 4096 * 4096 * 3


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_file_is_a_picture_or_a_bad_frame_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded(bytes(damaged))
    except BadFrame as e:
        assert e.reason in ("corrupt", "oversize")  # noqa: PT017  # not raising is as good


@given(st.binary(max_size=200))
def test_short_rubbish_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        decoded(b"\xff\xd8" + body + b"\xff\xd9")


def test_colours_come_scaled_down_and_as_red_green_blue() -> None:
    pixels = Picture(frame(np.full((720, 1280, 3), (200, 100, 20), np.uint8))).colour(0.5)

    assert pixels.shape == (360, 640, 3)
    assert np.abs(pixels.astype(int) - (200, 100, 20)).max() <= 4


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_the_miniature_made_of_colours_is_the_decoders_own_within_a_grey_level_or_two(size: tuple[int, int], scale: float) -> None:
    picture = Picture(frame(backdrop("coffee", *size)))

    assert np.abs(picture.shrunk(picture.colour(scale)).astype(int) - picture.miniature()).max() <= 2


def test_a_part_is_cut_out_at_its_scale() -> None:
    pixels = np.zeros((720, 1280, 3), np.uint8)
    pixels[100:200, 300:400] = 255
    whole = (0, 0, 1280, 720)

    assert cut(pixels, whole, (300, 100, 100, 100), 1.0).min() == 255
    assert cut(pixels, whole, (300, 100, 100, 100), 1.5).shape == (150, 150, 3)
    assert cut(pixels[::2, ::2], whole, (300, 100, 100, 100), 0.5).min() == 255
