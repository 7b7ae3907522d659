"""The camera's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam.errors import SettingsError
from seccam.settings import BrokerSettings, load
from seccam_camera.settings import CameraSettings


def loaded(**settings: str) -> CameraSettings:
    environ = {"SECCAM_CAMERA_NAME": "front", **{f"SECCAM_CAMERA_{name}": value for name, value in settings.items()}}
    _, camera = load(BrokerSettings, CameraSettings, environ=environ)
    assert isinstance(camera, CameraSettings)
    return camera


def faults(**settings: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        loaded(**settings)
    return list(error.value.lines)


def test_only_the_name_is_required() -> None:
    settings = loaded()

    assert settings.address.kind == "demo"
    assert settings.rates() == {"view": 15, "security": 2}
    assert settings.hours() == {"view": "24/7", "security": "24/7"}


def test_all_wrong_settings_are_reported_together() -> None:
    wrong = faults(
        NAME="Front Door",
        SOURCE="ftp://u:hunter2@cam/",
        ZONE="Europe/Atlantis",
        HOLIDAYS="XX",
        VIEW_FPS="0",
        QUALITY="101",
        WIDTH="wide",
        TYPO="1",
    )

    names = {fault.partition(":")[0].removeprefix("SECCAM_CAMERA_") for fault in wrong}
    assert names == {"NAME", "SOURCE", "ZONE", "HOLIDAYS", "VIEW_FPS", "QUALITY", "WIDTH", "TYPO"}
    assert "hunter2" not in "".join(wrong)


@pytest.mark.parametrize("rate", ["0", "5e-324", "0.0009", "60.1", "inf", "nan", "-1"])
def test_a_rate_without_a_sensible_interval_is_refused(rate: str) -> None:
    wrong = faults(VIEW_FPS=rate, SECURITY_FPS=rate)

    assert [fault.partition(":")[0] for fault in wrong] == ["SECCAM_CAMERA_VIEW_FPS", "SECCAM_CAMERA_SECURITY_FPS"]
    assert loaded(VIEW_FPS="0.001").view_fps == 0.001


def test_wrong_schedules_are_reported_with_the_reason() -> None:
    wrong = faults(VIEW_HOURS="24/24", SECURITY_HOURS="PH off")

    assert [fault.partition(":")[0] for fault in wrong] == ["SECCAM_CAMERA_VIEW_HOURS", "SECCAM_CAMERA_SECURITY_HOURS"]
    assert "need a country" in wrong[1]


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("Mo-Xx 25:00", "Mo-Xx 25:00: expected a weekday at 'Xx'; "),
        ("Mo-Fr 08:00-", "Mo-Fr 08:00-: expected a time at its end; "),
        ("Mo-Fr 08:00-12:00 foo", "Mo-Fr 08:00-12:00 foo: can't be parsed from 'foo' on; "),
    ],
)
def test_a_wrong_schedule_is_reported_in_one_line_with_the_place(hours: str, message: str) -> None:
    (fault,) = faults(VIEW_HOURS=hours)

    assert fault.startswith(f"SECCAM_CAMERA_VIEW_HOURS: {message}")
    assert "\n" not in fault


def test_a_wrong_country_does_not_hide_a_wrong_schedule() -> None:
    wrong = faults(HOLIDAYS="XX", VIEW_HOURS="24/24", SECURITY_HOURS="PH off")

    assert [fault.partition(":")[0] for fault in wrong] == ["SECCAM_CAMERA_HOLIDAYS", "SECCAM_CAMERA_VIEW_HOURS"]


def test_an_invalid_name_is_reported_in_plain_words() -> None:
    (fault,) = faults(NAME="Front")
    assert fault.startswith("SECCAM_CAMERA_NAME: Front: is not a valid camera name; use 1 to 32 of a-z")


def test_holidays_may_be_given_in_any_case() -> None:
    assert loaded(HOLIDAYS="de", VIEW_HOURS="PH off; 24/7").holidays == "de"


def test_a_file_that_has_no_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")

    for path in (tmp_path / "ca.pem", tmp_path / "missing"):
        with pytest.raises(SettingsError, match=r"SECCAM_CAMERA_CA_FILE: .*has no certificates"):
            loaded(CA_FILE=str(path))


def test_no_representation_of_the_settings_contains_a_login() -> None:
    settings = loaded(SOURCE="rtsp://admin:hunter2@cam/")

    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.address.target == "rtsp://admin:hunter2@cam/"


def test_a_configured_zone_takes_precedence() -> None:
    assert loaded(ZONE="Asia/Kathmandu").tz.key == "Asia/Kathmandu"
