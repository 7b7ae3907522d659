"""A client of an MJPEG stream that records when each picture arrives: `python -m bench.reader URL SECONDS FILE`.

Writes lines `number born_ns arrived_ns`. If the pictures were encoded again and have lost their comment, the number is read
from the pixels, and born_ns is 0.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import simplejpeg

from bench import stamp


def parts(response: HTTPResponse) -> Iterator[bytes]:
    """The pictures in a multipart/x-mixed-replace response whose parts have a Content-Length."""
    length = 0
    while line := response.readline():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif line in (b"\r\n", b"\n") and length:
            yield response.read(length)
            length = 0


def main(url: str, seconds: float, file: Path) -> None:
    """Read for `seconds`, then write the file."""
    end = time.monotonic() + seconds
    lines: list[str] = []
    unread: list[tuple[bytes, int]] = []
    with urllib.request.urlopen(url, timeout=20) as response:
        for data in parts(response):
            arrived = time.monotonic_ns()
            try:
                number, born = stamp.birth(data)
                lines.append(f"{number} {born} {arrived}\n")
            except ValueError:
                unread.append((data, arrived))
            if time.monotonic() > end:
                break
    # decoded afterwards, so that it doesn't delay the next picture
    for data, arrived in unread:
        number = stamp.read(simplejpeg.decode_jpeg(data, colorspace="GRAY")[:, :, 0])
        lines.append(f"{number} 0 {arrived}\n")
    file.write_text("".join(lines))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
