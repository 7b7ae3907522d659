"""Huffman tables for JPEGs without them."""

from __future__ import annotations

import simplejpeg

from seccam import jpeg
from seccam_camera.huffman import with_tables
from tests.unit.camera.pictures import picture, without_tables


def tables(data: bytes) -> list[jpeg.Segment]:
    return [segment for segment in jpeg.segments(data) if segment.marker == 0xC4]


def test_a_jpeg_without_tables_gets_the_standard_ones_and_decodes_to_the_same_picture() -> None:
    original = picture()
    bare = without_tables(original)
    assert not tables(bare)

    mended = with_tables(bare, jpeg.parse(bare))

    assert tables(mended)
    assert (simplejpeg.decode_jpeg(mended) == simplejpeg.decode_jpeg(original)).all()
    assert jpeg.parse(mended).size == (320, 180)


def test_a_jpeg_with_tables_is_not_changed() -> None:
    original = picture()

    assert with_tables(original, jpeg.parse(original)) is original
