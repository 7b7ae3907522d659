"""SECCAM_CAMERAS, and what is started without it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_local.cameras import Camera, parse, select


def test_cameras_are_names_with_sources_in_the_order_given() -> None:
    assert parse("front=http://127.0.0.1:9901/?a=b yard=/dev/video0") == (
        [Camera("front", "http://127.0.0.1:9901/?a=b"), Camera("yard", "/dev/video0")],
        [],
    )


def test_a_source_with_a_space_is_quoted_as_in_a_shell() -> None:
    assert parse("film='/home/a b/c.mp4'") == ([Camera("film", "/home/a b/c.mp4")], [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/dev/video0", "'/dev/video0' is not name=source"),
        ("front=", "'front=' is not name=source"),
        ("Front=demo", "'Front' is not a valid camera name"),
        ("a.b=demo", "'a.b' is not a valid camera name"),
        ("-a=demo", "'-a' is not a valid camera name"),
        (f"{'a' * 33}=demo", "is not a valid camera name"),
        ("a=demo a=/dev/video0", "'a' appears twice"),
        ("a='demo", "No closing quotation"),
    ],
)
def test_what_is_no_camera_is_named(text: str, told: str) -> None:
    _, (fault,) = parse(text)
    assert fault.setting == "SECCAM_CAMERAS"
    assert told in fault.why


def test_all_faults_are_told_at_once_and_the_good_ones_stay() -> None:
    cameras, faults = parse("A=demo b c=demo c=demo d=x.mp4")
    assert cameras == [Camera("c", "demo"), Camera("d", "x.mp4")]
    assert len(faults) == 3


def test_a_cameras_password_is_in_no_fault() -> None:
    _, (fault,) = parse("rtsp://me:secret@10.0.0.1/stream?password=secret")
    assert "secret" not in fault.why
    assert "10.0.0.1" in fault.why


def test_what_a_fault_says_of_a_camera_has_no_password() -> None:
    (camera,), _ = parse("yard=ftp://me:secret@10.0.0.1/secret")
    assert camera.entry == "yard=ftp://10.0.0.1/…"


@pytest.mark.parametrize(
    ("environ", "webcam", "camera"),
    [
        ({}, False, Camera("demo", "demo")),
        ({}, True, Camera("webcam", "/dev/video0")),
        ({"SECCAM_CAMERAS": "  "}, False, Camera("demo", "demo")),
        ({"SECCAM_CAMERA_SOURCE": "demo"}, True, Camera("demo", "demo")),
        ({"SECCAM_CAMERA_NAME": "desk"}, True, Camera("desk", "/dev/video0")),
        ({"SECCAM_CAMERA_SOURCE": "a.mp4"}, True, Camera("camera", "a.mp4")),
        ({"SECCAM_CAMERAS": "a=b"}, True, Camera("a", "b")),
    ],
)
def test_one_camera_runs_unless_told_otherwise(environ: dict[str, str], webcam: bool, camera: Camera) -> None:
    assert select(environ, webcam=webcam) == ([camera], [])


def test_one_cameras_settings_and_several_cameras_contradict_each_other() -> None:
    environ = {"SECCAM_CAMERAS": "a=demo", "SECCAM_CAMERA_NAME": "b", "SECCAM_CAMERA_SOURCE": "c"}
    cameras, faults = select(environ, webcam=False)
    assert cameras == [Camera("a", "demo")]
    assert [fault.setting for fault in faults] == ["SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE"]


@given(st.text())
def test_any_text_is_cameras_or_faults(text: str) -> None:
    cameras, faults = parse(text)
    names = [camera.name for camera in cameras]
    assert len(set(names)) == len(names)
    assert names or faults or not text.strip()
