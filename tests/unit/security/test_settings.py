"""The worker's settings."""

from __future__ import annotations

import os

import pytest

from seccam import settings
from seccam.errors import SettingsError
from seccam_security.settings import SecuritySettings


def load(**given: str) -> SecuritySettings:
    environment = {f"SECCAM_SECURITY_{name}": value for name, value in given.items()}
    [loaded] = settings.load(SecuritySettings, environ=environment)
    assert isinstance(loaded, SecuritySettings)
    return loaded


def test_without_any_the_defaults_hold() -> None:
    loaded = load()

    assert (loaded.detector, loaded.max_age_seconds) == ("libfacedetection", 2)
    assert loaded.worker_name.endswith(f"-{os.getpid()}")


def test_slow_cameras_are_separated_by_commas() -> None:
    assert load(SLOW_CAMERAS="porch, shed,").slow_camera_names == ["porch", "shed"]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"DETECTOR": "haar"}, "SECCAM_SECURITY_DETECTOR"),
        ({"DETECTOR": "yunet"}, "SECCAM_SECURITY_YUNET_MODEL: no readable file"),
        ({"DETECTOR": "yunet", "YUNET_MODEL": "/nowhere.onnx"}, "SECCAM_SECURITY_YUNET_MODEL: no readable file '/nowhere.onnx'"),
        ({"COVERED_SECONDS": "-1"}, "SECCAM_SECURITY_COVERED_SECONDS"),
        ({"FROZEN_SECONDS": "3601"}, "SECCAM_SECURITY_FROZEN_SECONDS"),
        ({"SLOW_CAMERAS": "porch, Back Yard"}, "Back Yard is not a valid camera name"),
        ({"MIN_SCORE": "70"}, "SECCAM_SECURITY_MIN_SCORE"),
        ({"COOLDOWN_SECONDS": "60"}, "SECCAM_SECURITY_COOLDOWN_SECONDS: replaced by SECCAM_VISIT_GAP_SECONDS"),
        ({"WHOLE_SECONDS": "3"}, "SECCAM_SECURITY_WHOLE_SECONDS: renamed to SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS"),
        ({"MAX_AGE_SECONDS": "2.1"}, "SECCAM_SECURITY_MAX_AGE_SECONDS: 2.1: must be at most 2"),
        ({"FULL_SCAN_INTERVAL_SECONDS": "0"}, "SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS"),
        ({"SNAPSHOT": "perhaps"}, "SECCAM_SECURITY_SNAPSHOT"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(**given)

    assert fault in str(refused.value)


def test_the_worker_may_be_named() -> None:
    assert load(WORKER="attic").worker_name == "attic"
