"""Wrong settings and ports, before anything is started."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from seccam.errors import SettingFault
from seccam_local import preflight
from seccam_local.preflight import deduplicated, port_conflicts, setting_faults
from seccam_local.stack import ListenAddress, Service, build_stack
from tests.waiting import eventually


def test_a_fault_found_by_several_services_is_reported_once() -> None:
    one, other = SettingFault("A", "bad"), SettingFault("B", "bad")

    assert deduplicated([one, other, one]) == [one, other]


def test_the_closest_suggestion_for_an_unknown_name_is_kept() -> None:
    names = ["", "SECCAM_LOCAL_MQTT_PORT", "SECCAM_MONITOR_PORT", "SECCAM_CAMERA_OPS_PORT"]
    faults = [SettingFault("SECCAM_MONITR_PORT", "unknown setting", name) for name in names]

    (kept,) = deduplicated(faults)

    assert str(kept) == "SECCAM_MONITR_PORT: unknown setting; did you mean SECCAM_MONITOR_PORT?"


def test_faults_name_the_settings_that_a_person_has_set() -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "SECCAM_CAMERAS": "Front=demo front=ftp://me:secret@x",
        "SECCAM_CAMERA_VIEW_HOURS": "Mo-Xx 25:00",
    }
    made = build_stack(environ, webcam=False)

    found = deduplicated([*made.faults, *setting_faults(made.services, environ)])

    assert [str(fault).partition("; ")[0].partition(" or ")[0] for fault in found] == [
        "SECCAM_CAMERAS: 'Front' is not a valid camera name",
        "SECCAM_CAMERAS: front=ftp://x: must be demo, a device (/dev/video0), rtsp://…, http://…",
        "SECCAM_CAMERA_VIEW_HOURS: Mo-Xx 25:00: expected a weekday at 'Xx'",
    ]


def test_faults_of_a_single_camera_name_its_own_settings() -> None:
    environ = {"PATH": os.environ["PATH"], "SECCAM_CAMERA_SOURCE": "ftp://x", "SECCAM_CAMERA_NAME": "Front"}
    made = build_stack(environ, webcam=False)

    found = setting_faults(made.services, environ)

    assert {fault.setting for fault in found} == {"SECCAM_CAMERA_SOURCE", "SECCAM_CAMERA_NAME"}


def test_an_unusable_detector_is_reported_before_anything_is_started(tmp_path: Path) -> None:
    """As on arm64, where the default detector has no library, and a worker would be restarted forever."""
    model = tmp_path / "model.onnx"
    model.write_text("no model")
    environ = {
        "PATH": os.environ["PATH"],
        "SECCAM_SECURITY_DETECTOR": "yunet",
        "SECCAM_SECURITY_YUNET_MODEL": str(model),
        "SECCAM_LOCAL_WORKERS": "2",
    }

    (fault,) = deduplicated(setting_faults(build_stack(environ, webcam=False).services, environ))

    assert str(fault).startswith(f"SECCAM_SECURITY_DETECTOR: {model} is not YuNet's model")


def test_a_wrong_visit_setting_is_reported_once_for_all_services() -> None:
    environ = {"PATH": os.environ["PATH"], "SECCAM_VISIT_GAP_SECONDS": "-1"}
    stack = build_stack(environ, webcam=False)

    (fault,) = deduplicated([*stack.faults, *setting_faults(stack.services, environ)])

    assert fault == SettingFault("SECCAM_VISIT_GAP_SECONDS", "-1: must be more than 0")


def test_an_address_of_another_machine_is_reported() -> None:
    (fault,) = port_conflicts([ListenAddress("SECCAM_MONITOR_PORT", "192.0.2.1", 8080)])
    assert str(fault).startswith("SECCAM_MONITOR_PORT: can't listen on 192.0.2.1:8080: ")


def test_a_host_without_an_address_is_reported() -> None:
    (fault,) = port_conflicts([ListenAddress("SECCAM_MONITOR_PORT", "no.such.host.invalid", 8080)])
    assert "no.such.host.invalid" in fault.why


def service(name: str, script: str) -> Service:
    return Service(name, "monitor", ["bash", "-c", script], name, ListenAddress("SECCAM_MONITOR_OPS_PORT", "127.0.0.1", 9101))


def test_a_check_that_hangs_is_reported_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 0.2)

    assert setting_faults([service("monitor", "exec sleep 60")], os.environ) == [
        SettingFault("monitor", "its check did not end within 0 s")
    ]


def test_all_checks_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that ended in time is reported although others used the time up."""
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 2.0)
    hanging = [service(f"camera-{n}", "exec sleep 60") for n in range(6)]
    began = time.monotonic()

    found = setting_faults([*hanging, service("monitor", "echo broken >&2; exit 1")], os.environ)

    late = [SettingFault(one.name, "its check did not end within 2 s") for one in hanging]
    assert found == [*late, SettingFault("monitor", "broken")]
    assert time.monotonic() - began < 6


def test_an_interrupt_ends_the_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def interrupted(*_: object, **__: object) -> None:
        eventually(lambda: pid.exists() and pid.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)

    with pytest.raises(KeyboardInterrupt):
        setting_faults([service("a", "exec sleep 60"), service("b", f"echo $$ > {pid}; exec sleep 60")], os.environ)

    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
