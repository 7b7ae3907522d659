"""Huffman tables for JPEGs without."""

from __future__ import annotations

import pytest
import simplejpeg

from seccam import jpeg
from seccam.errors import BadFrame
from seccam_camera.huffman import with_tables
from tests.unit.camera.pictures import picture, without_tables


def tables(data: bytes) -> list[jpeg.Segment]:
    return [segment for segment in jpeg.segments(data) if segment.marker == 0xC4]


def test_a_jpeg_without_tables_gets_the_standard_ones_and_is_the_picture_it_was() -> None:
    original = picture()
    bare = without_tables(original)
    assert not tables(bare)

    mended = with_tables(bare)

    assert tables(mended)
    assert (simplejpeg.decode_jpeg(mended) == simplejpeg.decode_jpeg(original)).all()
    assert jpeg.size(mended) == (320, 180)


def test_a_jpeg_with_tables_is_passed_on_as_it_is() -> None:
    original = picture()

    assert with_tables(original) is original


def test_a_damaged_header_is_refused() -> None:
    with pytest.raises(BadFrame):
        with_tables(picture()[:100] + b"\xff\xd9")
