"""The demo: a room in which two people come and go, for use without a camera.

The scene depends only on the seconds since the start; the clock on the wall shows the real time.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from seccam_camera import encode
from seccam_camera.encode import Plane
from seccam_camera.sources.base import Capture, SourceLost, SourceNotOpened, StopToken

PICTURES = Path(__file__).parent.parent / "pictures"

#: Least frames per second, so that the demo never seems stalled. Frames that no topic carries aren't drawn.
_MIN_RATE = 1.0
#: Seconds after which the scene repeats.
CYCLE = 60.0
#: The x of each person's left edge as (second, x), interpolated between points; outside a path the person isn't there.
PATHS: dict[str, tuple[tuple[tuple[float, int], ...], ...]] = {
    "astronaut": (
        ((1, -512), (4, 100), (18, 140), (21, -512)),
        ((34, -512), (46, 1280)),
    ),
    "hopper": (
        ((8, 1280), (11, 700), (26, 660), (29, 1280)),
        ((42, 1280), (53, -512)),
    ),
}

#: Pixels per second above which a person walks.
_WALKING_SPEED = 40
#: The segments of each digit: top, top left, top right, middle, bottom left, bottom right, bottom.
_DIGITS = ("1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011")
_STROKE, _LONG = 3, 15
_CLOCK_LEFT, _CLOCK_TOP, _INK = 1280 - 172, 24, 40


def position(person: str, second: float) -> tuple[int, int] | None:
    """A person's left edge, and how far they extend below the picture; even numbers of pixels. None: not in the scene."""
    now = second % CYCLE
    for path in PATHS[person]:
        for (t0, x0), (t1, x1) in itertools.pairwise(path):
            if t0 <= now < t1:
                walks = abs(x1 - x0) / (t1 - t0) > _WALKING_SPEED
                drop = abs(math.sin(now * 5)) * 12 if walks else 4 + 4 * math.sin(now * 1.5)
                return round((x0 + (x1 - x0) * (now - t0) / (t1 - t0)) / 2) * 2, round(drop / 2) * 2
    return None


class _Layer:
    """One plane of a person's cut-out picture."""

    def __init__(self, colour: Plane, alpha: Plane) -> None:
        opacity = alpha.astype(np.uint16)
        self._behind = 256 - opacity - (opacity >> 7)
        self._front = (colour.astype(np.uint16) * (256 - self._behind) >> 8).astype(np.uint8)

    def blend_onto(self, plane: Plane, left: int, top: int) -> None:
        """Draw the layer onto `plane`, cropped at its edges."""
        height, width = self._front.shape
        x0, x1, y1 = max(left, 0), min(left + width, plane.shape[1]), min(top + height, plane.shape[0])
        if x0 >= x1 or top >= y1:
            return
        part = (slice(0, y1 - top), slice(x0 - left, x1 - left))
        under = plane[top:y1, x0:x1]
        under[:] = (under * self._behind[part] >> 8) + self._front[part]


@dataclass(frozen=True)
class _Person:
    layers: tuple[_Layer, _Layer, _Layer]
    height: int


class Scene:
    """Draws the demo's pictures."""

    def __init__(self, folder: Path = PICTURES) -> None:
        """Raises SourceNotOpened if the cut-out pictures are missing."""
        try:
            self._room = encode.planes(_load(folder / "room.png"))
            self._people = {name: _person(_load(folder / f"{name}.png")) for name in PATHS}
        except (OSError, av.error.FFmpegError) as e:
            raise SourceNotOpened(
                "error",
                f"the demo's pictures are missing ({e.strerror}); run `make setup` or services/camera/cut_demo_pictures.py",
            ) from None

    def render(self, second: float, clock: str = "") -> tuple[Plane, Plane, Plane]:
        """The Y, U and V planes this many seconds after the start; `clock` (HH:MM:SS) is drawn on the wall."""
        picture = tuple(plane.copy() for plane in self._room)
        for name, person in self._people.items():
            where = position(name, second)
            if where:
                left, top = where[0], picture[0].shape[0] - person.height + where[1]
                for layer, plane, half in zip(person.layers, picture, (1, 2, 2), strict=True):
                    layer.blend_onto(plane, left // half, top // half)
        _draw_clock(picture[0], clock)
        y, u, v = picture
        return y, u, v


class Demo:
    """A source that shows the scene in real time."""

    def __init__(self, rate: float, stop: StopToken) -> None:
        self._scene, self._rate, self._stop = Scene(), max(rate, _MIN_RATE), stop
        self._start, self._count = time.monotonic(), 0

    def read(self) -> Capture:
        """Wait for the next picture's time; raises SourceLost when stopped."""
        elapsed = time.monotonic() - self._start
        self._count = max(self._count + 1, int(elapsed * self._rate))
        if self._stop.wait(self._start + self._count / self._rate - time.monotonic()):
            raise SourceLost("ended", "stopped")
        wall = time.time()
        return Capture(wall, time.monotonic(), functools.partial(self._draw, self._count / self._rate, wall))

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _draw(self, second: float, wall: float, quality: int) -> bytes:
        clock = time.strftime("%H:%M:%S", time.localtime(wall))
        return encode.from_planes(*self._scene.render(second, clock), quality)


def _load(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def _person(cut_out: av.VideoFrame) -> _Person:
    alpha = cut_out.to_ndarray(format="rgba")[:, :, 3].astype(np.uint8)
    half = alpha[::2, ::2]
    y, u, v = encode.planes(cut_out)
    return _Person((_Layer(y, alpha), _Layer(u, half), _Layer(v, half)), cut_out.height)


def _draw_clock(plane: Plane, clock: str) -> None:
    """Draw the time in seven-segment digits."""
    step, long = _LONG + 6, _LONG
    for n, character in enumerate(clock):
        left, top = _CLOCK_LEFT + n * step, _CLOCK_TOP
        bars = (
            (0, 0, long, _STROKE),
            (0, 0, _STROKE, long),
            (long - _STROKE, 0, _STROKE, long),
            (0, long - _STROKE, long, _STROKE),
            (0, long - _STROKE, _STROKE, long),
            (long - _STROKE, long - _STROKE, _STROKE, long),
            (0, 2 * long - 2 * _STROKE, long, _STROKE),
        )
        if character.isdigit():
            lit = [bar for bar, on in zip(bars, _DIGITS[int(character)], strict=True) if on == "1"]
        else:  # a colon
            lit = [(long // 2 - 1, long // 2, _STROKE, _STROKE), (long // 2 - 1, long + long // 2, _STROKE, _STROKE)]
        for x, y, width, height in lit:
            plane[top + y : top + y + height, left + x : left + x + width] = _INK
