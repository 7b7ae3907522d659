from __future__ import annotations

import contextlib
import io

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seccam import jpeg
from seccam.errors import BadFrame

PICTURE = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def pil(**options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PICTURE).save(out, "JPEG", **options)
    return out.getvalue()


def with_exif() -> bytes:
    """As a camera writes it: turned, and with a thumbnail, which is a JPEG in the JPEG."""
    exif = Image.Exif()
    exif[0x0112] = 6
    thumbnail = pil(quality=5)
    app1 = b"Exif\0\0" + exif.tobytes()[6:] + thumbnail
    plain = pil()
    return plain[:2] + b"\xff\xe1" + (len(app1) + 2).to_bytes(2, "big") + app1 + plain[2:]


def without_tables() -> bytes:
    """As many webcams send it: no Huffman tables, those of the standard are meant."""
    data = pil()
    for segment in reversed(jpeg.segments(data)):
        if segment.marker == 0xC4:
            data = data[: segment.start] + data[segment.end :]
    return data


REAL = {
    "pillow": pil(),
    "pillow grey": pil(subsampling=0),
    "progressive": pil(progressive=True),
    "optimised": pil(optimize=True, quality=95),
    "restart markers": pil(restart_marker_blocks=2),
    "comment": pil(comment=b"\xff\xd9 said the comment"),
    "icc": pil(icc_profile=bytes(70_000)),
    "exif with thumbnail": with_exif(),
    "without tables": without_tables(),
    "simplejpeg": simplejpeg.encode_jpeg(PICTURE),
    "opencv": cv2.imencode(".jpg", PICTURE)[1].tobytes(),
    "fill bytes": pil()[:2] + b"\xff\xff\xff" + pil()[2:],
}


@pytest.mark.parametrize("name", REAL)
def test_the_size_of_real_pictures_is_read_without_decoding(name: str) -> None:
    assert jpeg.parse(REAL[name]).size == (64, 48)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("padding", [b"\0", b"\0" * 4096, b"\xff" * 7, b"\xff\xd9", b"garbage"], ids=len)
def test_what_a_camera_pads_behind_the_end_is_cut_off(name: str, padding: bytes) -> None:
    padded = jpeg.trim(REAL[name] + padding)

    assert padded[: len(REAL[name])] == REAL[name]
    assert padded in (REAL[name], REAL[name] + b"\xff\xd9")  # a second end marker does no harm
    assert jpeg.parse(padded).size == (64, 48)


def test_exif_is_cut_out_and_nothing_else() -> None:
    data = REAL["exif with thumbnail"]
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == 6

    bare = jpeg.without_exif(data, jpeg.parse(data))

    assert bare == pil()
    assert b"Exif" not in bare
    plain = REAL["simplejpeg"]
    assert jpeg.without_exif(plain, jpeg.parse(plain)) is plain


@pytest.mark.parametrize("name", REAL)
def test_a_picture_cut_short_anywhere_is_corrupt(name: str) -> None:
    data = REAL[name]
    for end in [*range(0, min(len(data), 700)), *range(700, len(data) - 1, 97), len(data) - 1]:
        with pytest.raises(BadFrame) as raised:
            jpeg.parse(jpeg.trim(data[:end]))
        assert raised.value.reason == "corrupt"


def resized(width: int, height: int) -> bytes:
    data = bytearray(pil())
    frame = next(s for s in jpeg.segments(bytes(data)) if s.marker == 0xC0)
    data[frame.start + 5 : frame.start + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def many(segment: bytes, count: int) -> bytes:
    return pil()[:2] + segment * count + pil()[2:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "corrupt"),
        (b"\xff\xd8", "corrupt"),
        (b"\xff\xd8\xff\xd9", "corrupt"),
        (b"GIF89a" + bytes(100) + b"\xff\xd9", "corrupt"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100) + b"\xff\xd9", "corrupt"),
        (resized(65535, 65535), "oversize"),
        (resized(4097, 1), "oversize"),
        (resized(0, 48), "corrupt"),
        (resized(64, 0), "corrupt"),
        (pil()[:-2] + bytes(jpeg.MAX_BYTES) + b"\xff\xd9", "oversize"),
        (many(b"\xff\xe5\x00\x02", 600), "corrupt"),
        (many(b"\xff\xd0", 600), "corrupt"),
        (many(b"\xff\x00\x00\x02", 1), "corrupt"),
        (many(b"\xff\xd8", 1), "corrupt"),
        (resized(4096, 4096)[:-2] + b"\xff\xda\x00\x02" * 40 + b"\xff\xd9", "oversize"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_is_no_picture_or_too_much_of_one_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BadFrame) as raised:
        jpeg.parse(data)

    assert raised.value.reason == reason


HOSTILE = st.one_of(
    st.binary(max_size=400),
    st.binary(max_size=200).map(lambda inner: b"\xff\xd8" + inner + b"\xff\xd9"),
    st.tuples(st.sampled_from(sorted(REAL)), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8)).map(
        lambda drawn: damaged(REAL[drawn[0]], drawn[1])
    ),
)


def damaged(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    result = bytearray(data)
    for at, value in changes:
        result[at % len(result)] = value
    return bytes(result)


@given(HOSTILE)
def test_whatever_comes_is_a_size_within_bounds_or_a_bad_frame(data: bytes) -> None:
    with contextlib.suppress(BadFrame):
        width, height = jpeg.parse(jpeg.trim(data)).size
        assert 1 <= width <= jpeg.MAX_SIDE
        assert 1 <= height <= jpeg.MAX_SIDE


@given(HOSTILE)
def test_trimming_and_cutting_exif_twice_changes_no_more(data: bytes) -> None:
    once = jpeg.trim(data)
    assert jpeg.trim(once) == once
    try:
        header = jpeg.parse(once)
    except BadFrame:  # it is refused, and nothing is cut out of it
        return
    bare = jpeg.without_exif(once, header)
    assert jpeg.without_exif(bare, jpeg.parse(bare)) == bare


@given(HOSTILE)
def test_a_header_is_the_decoders_header_as_well(data: bytes) -> None:
    """Where a size is given and the decoder reads the picture, both mean the same picture."""
    try:
        size = jpeg.parse(data).size
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (BadFrame, ValueError):
        return
    except KeyError:  # simplejpeg has no name for a subsampling that it doesn't know, and reads no such picture
        return
    assert size == (width, height)
