"""Sources as settings name them."""

from __future__ import annotations

import pytest

from seccam_camera.sources.address import parse


@pytest.mark.parametrize(
    ("text", "kind", "redacted"),
    [
        ("demo", "demo", "demo"),
        ("/dev/video0", "device", "/dev/video0"),
        ("clips/yard.mp4", "file", "clips/yard.mp4"),
        ("yard.mp4", "file", "yard.mp4"),
        ("http://127.0.0.1:9901/", "http", "http://127.0.0.1:9901"),
        ("https://cam.lan/video?user=admin&pwd=hunter2", "http", "https://cam.lan"),
        ("rtsp://admin:hunter2@10.0.0.9:8554/ch1", "rtsp", "rtsp://10.0.0.9:8554"),
        ("rtsp://10.0.0.9/user=admin_password=hunter2_channel=1", "rtsp", "rtsp://10.0.0.9"),
        ("RTSPS://u:hunter2@cam/", "rtsp", "rtsps://cam"),
        ("http://[fe80::1%25eth0]:81/h\u00f6f", "http", "http://fe80::1%25eth0:81"),
        (f"http://{'c' * 63}.lan./", "http", f"http://{'c' * 63}.lan."),
    ],
)
def test_the_kind_of_a_source_is_recognized_and_its_login_redacted(text: str, kind: str, redacted: str) -> None:
    address = parse(text)

    assert address.kind == kind
    assert address.target == text
    assert address.redacted == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dmeo",
        "ftp://u:hunter2@cam/",
        "htp://cam",
        "http://",
        "rtsp://u:hunter2@cam:99999/",
        "http://cam:0/",
        "http://u:hunter2@[cam/",
        f"http://u:hunter2@{'c' * 64}.lan/",
        "http://u:hunter2@cam..lan/",
        "http://u:hunter2@cam/\udcff",
    ],
)
def test_an_invalid_source_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as fault:
        parse(text)

    assert "hunter2" not in str(fault.value)
