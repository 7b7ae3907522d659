"""The demo's scene."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from seccam_camera import encode
from seccam_camera.sources.base import SourceLost, SourceNotOpened, StopToken
from seccam_camera.sources.demo import CYCLE, PATHS, PICTURES, Demo, Scene, position
from seccam_security.detectors import LibFaceDetection
from tests.scenes import scaled


@pytest.fixture(scope="module")
def scene() -> Scene:
    if not (PICTURES / "room.png").exists():
        pytest.fail("the demo's pictures are missing: run `make setup`")
    return Scene()


def faces(scene: Scene, second: float) -> int:
    data = encode.from_planes(*scene.render(second, "12:34:56"), 80)
    small = scaled(simplejpeg.decode_jpeg(data), 640, 360)
    return len(LibFaceDetection().find(small))


@pytest.mark.parametrize(("second", "count"), [(0.0, 0), (6.0, 1), (14.0, 2), (23.0, 1), (31.0, 0), (40.0, 1), (57.0, 0)])
def test_people_come_and_go(scene: Scene, second: float, count: int) -> None:
    assert faces(scene, second) == count


def test_the_scene_is_the_same_at_the_same_second_of_each_cycle(scene: Scene) -> None:
    for plane, again in zip(scene.render(14.0), scene.render(14.0 + CYCLE), strict=True):
        assert (plane == again).all()


def test_rendering_the_scene_does_not_change_it(scene: Scene) -> None:
    before = [plane.copy() for plane in scene.render(0.0)]
    scene.render(14.0, "00:00:00")

    assert all((a == b).all() for a, b in zip(before, scene.render(0.0), strict=True))


def test_the_clock_looks_different_each_second(scene: Scene) -> None:
    seen = {scene.render(0.0, f"12:34:{second:02}")[0].tobytes() for second in range(60)}

    assert len(seen) == 60


def test_people_move_without_jumps() -> None:
    for person in PATHS:
        positions = [position(person, n / 15) for n in range(round(CYCLE * 15))]
        for before, after in itertools.pairwise(positions):
            if before and after:
                assert np.abs(np.subtract(before, after)).max() <= 30


def test_missing_pictures_are_reported_with_the_remedy(tmp_path: Path) -> None:
    shutil.copy(PICTURES / "room.png", tmp_path)

    with pytest.raises(SourceNotOpened, match="make setup"):
        Scene(tmp_path)


def test_the_demo_yields_a_picture_each_second_even_at_lower_rates() -> None:
    class Hasty(StopToken):
        """Doesn't sleep, but tells how long it was to."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waits.append(timeout)
            return False

    waits: list[float] = []
    demo = Demo(0.001, Hasty())
    demo.read()
    demo.read()

    assert [round(wait, 1) <= 1 + n for n, wait in enumerate(waits)] == [True, True]


def test_the_demo_runs_in_real_time_until_stopped() -> None:
    stop = StopToken()
    began = time.monotonic()
    demo = Demo(50, stop)
    captures = [demo.read() for _ in range(5)]

    assert captures[-1].monotonic - began >= 4 / 50
    stop.set()
    with pytest.raises(SourceLost):
        demo.read()
