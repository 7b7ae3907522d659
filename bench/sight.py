"""What a worker measures of pictures in which something can be seen, and of those of a covered lens: `python -m bench.sight`.

The pictures are made as a camera makes them: the scene, the noise of its sensor, which demosaicing spreads over neighbouring
pixels, and JPEG. An hour of each scene at two frames a second shows what is reported.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skimage.io
from numpy.typing import NDArray

from seccam.frame import Frame
from seccam_camera.sources.demo import PICTURES
from seccam_security.decode import Picture
from seccam_security.sight import ONE_TONE, Look, Sight, detail
from tests.scenes import backdrop, jpeg

WIDTH, HEIGHT = 1280, 720
#: Pictures of each scene, and frames of its hour, each of which is one of them.
PICTURES_EACH, FRAMES, FPS = 24, 7200, 2.0
#: Standard deviation in pixels of the blur that demosaicing gives the noise.
_DEMOSAICING = 0.7

Light = NDArray[np.float32]
Scenes = dict[str, tuple[Light, float]]


@dataclass(frozen=True)
class Measured:
    """One scene: the detail of its pictures, grey levels, and how often its hour was reported."""

    scene: str
    least: float
    median: float
    most: float
    reports: int


def visible() -> Scenes:
    """Scenes in which something can be seen, and the standard deviation of the sensor's noise in each, grey levels."""
    room, rocket, coffee = _room(), _light(backdrop("rocket")), _light(backdrop("coffee"))
    wall = _flat(205, 200, 190) * _vignette()
    wall[600:700, 100:160] *= 0.9  # a socket
    return {
        "a photo by day (coffee)": (coffee, 2),
        "a photo by day (rocket)": (rocket, 2),
        "a photo by day (chelsea)": (_light(backdrop("chelsea")), 2),
        "the demo's room": (room, 2),
        "the room at night, 5 % of the light": (room * 0.05 + 4, 4),
        "the room at night, 3 %": (room * 0.03 + 4, 2),
        "the rocket at night, 5 %": (rocket * 0.05 + 4, 4),
        "black, with one lamp": (_flat(4, 4, 4) + 200 * _spot(0.02, across=0.7), 6),
        "the room in fog, 10 % of the contrast": (_fog(room, 0.1), 2),
        "the rocket in fog, 10 %": (_fog(rocket, 0.1), 2),
        "the room in fog, 5 %": (_fog(room, 0.05), 2),
        "the rocket in fog, 5 %": (_fog(rocket, 0.05), 2),
        "a white wall with a socket": (wall, 2),
    }


def hidden() -> Scenes:
    """The same where a lens is covered, or where there is nothing to be seen."""
    skin = _flat(150, 95, 80)
    hand = _flat(25, 8, 6) * _vignette()
    return {
        "a lens cap, noise 1": (_flat(2, 2, 2), 1),
        "a lens cap, noise 8": (_flat(16, 16, 16), 8),
        "a hand on the lens": (hand, 6),
        "a hand, light at its edge": (hand + 40 * _spot(0.3), 6),
        "a hand before the lens, out of focus": (skin * _vignette() * (0.9 + 0.2 * _down()), 3),
        "tape": (_flat(120, 120, 118) * _vignette(), 2),
        "paint": (_flat(180, 180, 180), 2),
    }


def unclear() -> Scenes:
    """Scenes on the border: what is reported of them is neither right nor wrong."""
    room, hand = _room(), _flat(25, 8, 6) * _vignette()
    return {
        "the room at night, 2 %": (room * 0.02 + 4, 2),
        "the room in fog, 3 %": (_fog(room, 0.03), 2),
        "the rocket in fog, 3 %": (_fog(_light(backdrop("rocket")), 0.03), 2),
        "a white wall, nothing else": (_flat(205, 200, 190) * _vignette(), 2),
        "a lens cap, noise 16": (_flat(24, 24, 24), 16),
        "a hand, bright light at its edge": (hand + 100 * _spot(0.3), 6),
    }


def measured(name: str, light: Light, noise: float) -> Measured:
    """The detail of a scene's pictures, and the reports in an hour of them."""
    random_ = np.random.default_rng(sum(name.encode()))
    details = [detail(_miniature(_taken(light, noise, random_))) for _ in range(PICTURES_EACH)]
    return Measured(name, min(details), statistics.median(details), max(details), sum(_hour(details).values()))


def microseconds(pictures: int = 200) -> dict[str, float]:
    """What a frame of 1280×720 costs: its detail, its digest, the judgement, and its miniature, which motion needs anyway."""
    body = jpeg(_shot(_room(), 2, np.random.default_rng(1)))
    miniature, copies = _miniature(body), iter([bytes(bytearray(body)) for _ in range(2 * pictures)])
    looks, sight = iter(_looks([1.0], pictures * 2)), Sight()
    return {
        "detail": _each(lambda: detail(miniature), pictures),
        "digest": _each(lambda: hash(next(copies)), pictures),  # of a copy each, because Python keeps the hash of one
        "judgement": _each(lambda: sight.see(next(looks), covered=10, frozen=30), pictures),
        "miniature": _each(lambda: _miniature(body), pictures),
    }


def section() -> str:
    """The results as a section of docs/benchmarks.md."""
    costs = microseconds()
    added = sum(cost for name, cost in costs.items() if name != "miniature")
    lines = [
        "## Cameras that can't see",
        "",
        f"Detail of {PICTURES_EACH} pictures of each scene, 1280×720, with a sensor's noise and JPEG, in grey levels: least,",
        f"median, most. Below {ONE_TONE} a picture counts as one tone. The reports are those of an hour at {FPS:.0f} frames",
        "per second.",
        "",
        f"A frame costs {added:.0f} µs (detail {costs['detail']:.0f}, digest {costs['digest']:.0f}, judgement "
        f"{costs['judgement']:.0f}), beside {costs['miniature']:.0f} µs for the small picture that motion needs anyway.",
    ]
    groups: list[tuple[str, Scenes, Callable[[int], bool] | None]] = [
        ("something can be seen: no report", visible(), lambda reports: reports == 0),
        ("the lens is covered: one report", hidden(), lambda reports: reports == 1),
        ("on the border", unclear(), None),
    ]
    for title, scenes, expected in groups:
        lines += ["", f"| {title} | detail | reports | as expected |", "| --- | --- | --- | --- |"]
        for name, (light, noise) in scenes.items():
            one = measured(name, light, noise)
            met = "" if expected is None else "yes" if expected(one.reports) else "**no**"
            lines.append(f"| {name} | {one.least:.2f}, {one.median:.2f}, {one.most:.2f} | {one.reports} | {met} |")
    return "\n".join(lines)


def _hour(details: list[float]) -> Counter[str]:
    """What a worker says of an hour of such pictures, apart from its first word that it can see."""
    sight, said = Sight(), Counter[str]()
    for look in _looks(details, FRAMES):
        change, sight = sight.see(look, covered=10, frozen=30)
        if change and not (change.initial and change.state.endswith("cleared")):
            said[change.state] += 1
    return said


def _looks(details: list[float], frames: int) -> Iterator[Look]:
    chance = random.Random(1)
    return (Look(seq / FPS, "boot", seq, chance.choice(details), seq) for seq in range(frames))


def _taken(light: Light, noise: float, random_: np.random.Generator) -> bytes:
    """A picture of a scene whose light varies by a tenth."""
    return jpeg(_shot(light * random_.uniform(0.95, 1.05), noise, random_))


def _shot(light: Light, noise: float, random_: np.random.Generator) -> NDArray[np.uint8]:
    grain = cv2.GaussianBlur(random_.normal(0, 1, light.shape).astype(np.float32), (0, 0), _DEMOSAICING)
    return np.asarray(np.clip(light + grain * (noise / grain.std()), 0, 255), np.uint8)


def _miniature(body: bytes) -> NDArray[np.uint8]:
    return Picture(Frame("bench", "boot", 1, body, WIDTH, HEIGHT, None)).miniature()


def _each(call: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def _light(pixels: NDArray[np.uint8]) -> Light:
    return pixels.astype(np.float32)


def _room() -> Light:
    return _light(skimage.io.imread(PICTURES / "room.png")[:, :, :3])


def _flat(red: float, green: float, blue: float) -> Light:
    return np.full((HEIGHT, WIDTH, 3), (red, green, blue), np.float32)


def _fog(light: Light, contrast: float) -> Light:
    return light * contrast + 190 * (1 - contrast)


def _down() -> Light:
    return np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]


def _across() -> Light:
    return np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]


def _vignette() -> Light:
    """Half the light in the corners."""
    return 1 - (_across() - 0.5) ** 2 - (_down() - 0.5) ** 2


def _spot(size: float, across: float = 1) -> Light:
    """Light from this part of the width (1: the right edge) that falls off within another."""
    return np.asarray(np.clip(1 - np.hypot(_across() - across, _down() - 0.3) / size, 0, 1), np.float32)


if __name__ == "__main__":
    print(section())
