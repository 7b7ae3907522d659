"""Huffman tables for JPEGs without them.

A picture of a motion JPEG may rely on the standard tables, as in AVI files and from many webcams; a JPEG file may not, and not
every decoder adds them. Tables: ITU-T T.81 (JPEG), annex K.3.
"""

from __future__ import annotations

from seccam import jpeg

_START_OF_SCAN = 0xDA
_DEFINE_TABLES = 0xC4

_DC_VALUES = bytes(range(12))
_AC_LUMINANCE = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445"
    "464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6"
    "b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_AC_CHROMINANCE = bytes.fromhex(
    "0001020311040521310612415107617113223281081442 91a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a4344"
    "45464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4"
    "b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)

#: For each table: its class and number, the number of codes of each length from 1 to 16, the values.
_TABLES = (
    (0x00, (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), _DC_VALUES),
    (0x10, (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D), _AC_LUMINANCE),
    (0x01, (0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0), _DC_VALUES),
    (0x11, (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77), _AC_CHROMINANCE),
)
_BODY = b"".join(bytes((number, *lengths)) + values for number, lengths, values in _TABLES)
#: The segment that defines the four standard tables.
STANDARD = bytes((0xFF, _DEFINE_TABLES)) + (len(_BODY) + 2).to_bytes(2, "big") + _BODY


def with_tables(data: bytes, header: jpeg.Header) -> bytes:
    """The JPEG, with the standard tables if it has none; `header` is the JPEG's own."""
    if any(segment.marker == _DEFINE_TABLES for segment in header.segments):
        return data
    scan = header.segments[-1].start
    return data[:scan] + STANDARD + data[scan:]
