"""The cameras of `make run`, with and without SECCAM_CAMERAS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam_local.cameras import Camera, parse, select


def test_cameras_are_parsed_in_their_order() -> None:
    assert parse("front=http://127.0.0.1:9901/?a=b yard=/dev/video0") == (
        [Camera("front", "http://127.0.0.1:9901/?a=b"), Camera("yard", "/dev/video0")],
        [],
    )


def test_a_source_with_a_space_is_quoted_as_in_a_shell() -> None:
    assert parse("film='/home/a b/c.mp4'") == ([Camera("film", "/home/a b/c.mp4")], [])


@pytest.mark.parametrize(
    ("text", "why"),
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
def test_an_invalid_camera_is_reported(text: str, why: str) -> None:
    _, (fault,) = parse(text)
    assert fault.setting == "SECCAM_CAMERAS"
    assert why in fault.why


def test_all_invalid_cameras_are_reported_and_valid_ones_kept() -> None:
    cameras, faults = parse("A=demo b c=demo c=demo d=x.mp4")
    assert cameras == [Camera("c", "demo"), Camera("d", "x.mp4")]
    assert len(faults) == 3


def test_a_fault_does_not_contain_a_cameras_password() -> None:
    _, (fault,) = parse("rtsp://me:secret@10.0.0.1/stream?password=secret")
    assert "secret" not in fault.why
    assert "10.0.0.1" in fault.why


def test_a_cameras_entry_does_not_contain_its_password() -> None:
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
def test_one_camera_runs_by_default(environ: dict[str, str], webcam: bool, camera: Camera) -> None:
    assert select(environ, webcam=webcam) == ([camera], [])


def test_a_single_cameras_settings_cant_be_combined_with_several_cameras() -> None:
    environ = {"SECCAM_CAMERAS": "a=demo", "SECCAM_CAMERA_NAME": "b", "SECCAM_CAMERA_SOURCE": "c"}
    cameras, faults = select(environ, webcam=False)
    assert cameras == [Camera("a", "demo")]
    assert [fault.setting for fault in faults] == ["SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE"]


@given(st.text())
def test_any_text_yields_cameras_or_faults(text: str) -> None:
    cameras, faults = parse(text)
    names = [camera.name for camera in cameras]
    assert len(set(names)) == len(names)
    assert names or faults or not text.strip()
