"""What is told of wrong settings."""

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


def test_a_fault_that_several_services_find_is_told_once() -> None:
    one, other = SettingFault("A", "bad"), SettingFault("B", "bad")

    assert deduplicated([one, other, one]) == [one, other]


def test_of_several_known_names_proposed_for_an_unknown_one_the_closest_stays() -> None:
    names = ["", "SECCAM_LOCAL_MQTT_PORT", "SECCAM_MONITOR_PORT", "SECCAM_CAMERA_OPS_PORT"]
    faults = [SettingFault("SECCAM_MONITR_PORT", "unknown setting", name) for name in names]

    (kept,) = deduplicated(faults)

    assert str(kept) == "SECCAM_MONITR_PORT: unknown setting; did you mean SECCAM_MONITOR_PORT?"


def test_all_that_is_wrong_is_told_by_the_names_a_person_used() -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "SECCAM_CAMERAS": "Front=demo front=ftp://me:secret@x",
        "SECCAM_CAMERA_VIEW_HOURS": "Mo-Xx 25:00",
    }
    made = build_stack(environ, webcam=False)

    told = deduplicated([*made.faults, *setting_faults(made.services, environ)])

    assert [str(fault).partition("; ")[0].partition(" or ")[0] for fault in told] == [
        "SECCAM_CAMERAS: 'Front' is not a valid camera name",
        "SECCAM_CAMERAS: front=ftp://x: must be demo, a device (/dev/video0), rtsp://…, http://…",
        "SECCAM_CAMERA_VIEW_HOURS: Mo-Xx 25:00: expected a weekday at 'Xx'",
    ]


def test_the_one_cameras_own_setting_is_named_where_it_was_used() -> None:
    environ = {"PATH": os.environ["PATH"], "SECCAM_CAMERA_SOURCE": "ftp://x", "SECCAM_CAMERA_NAME": "Front"}
    made = build_stack(environ, webcam=False)

    told = setting_faults(made.services, environ)

    assert {fault.setting for fault in told} == {"SECCAM_CAMERA_SOURCE", "SECCAM_CAMERA_NAME"}


def test_a_detector_that_cant_be_used_is_told_before_anything_is_started(tmp_path: Path) -> None:
    """As on arm64, where nobody has built the default one's library, and a worker would be started again for ever."""
    model = tmp_path / "model.onnx"
    model.write_text("no model")
    environ = {
        "PATH": os.environ["PATH"],
        "SECCAM_SECURITY_DETECTOR": "yunet",
        "SECCAM_SECURITY_YUNET_MODEL": str(model),
        "SECCAM_LOCAL_WORKERS": "2",
    }

    (told,) = deduplicated(setting_faults(build_stack(environ, webcam=False).services, environ))

    assert str(told).startswith(f"SECCAM_SECURITY_DETECTOR: {model} is not YuNet's model")


def test_a_visit_that_cant_be_is_one_fault_however_many_services_read_it() -> None:
    environ = {"PATH": os.environ["PATH"], "SECCAM_VISIT_GAP_SECONDS": "-1"}
    stack = build_stack(environ, webcam=False)

    (fault,) = deduplicated([*stack.faults, *setting_faults(stack.services, environ)])

    assert fault == SettingFault("SECCAM_VISIT_GAP_SECONDS", "-1: must be more than 0")


def test_an_address_that_is_not_this_machines_is_told() -> None:
    (told,) = port_conflicts([ListenAddress("SECCAM_MONITOR_PORT", "192.0.2.1", 8080)])
    assert str(told).startswith("SECCAM_MONITOR_PORT: can't listen on 192.0.2.1:8080: ")


def test_a_host_that_has_no_address_is_told() -> None:
    (told,) = port_conflicts([ListenAddress("SECCAM_MONITOR_PORT", "no.such.host.invalid", 8080)])
    assert "no.such.host.invalid" in told.why


def service(name: str, script: str) -> Service:
    return Service(name, ["bash", "-c", script], name, ListenAddress("SECCAM_MONITOR_OPS_PORT", "127.0.0.1", 9101))


def test_a_check_that_does_not_end_is_told_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 0.2)

    assert setting_faults([service("monitor", "exec sleep 60")], os.environ) == [
        SettingFault("monitor", "its check did not end within 0 s")
    ]


def test_all_checks_together_have_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that ended in it is heard, though another used it up."""
    monkeypatch.setattr(preflight, "TIMEOUT_SECONDS", 2.0)
    hanging = [service(f"camera-{n}", "exec sleep 60") for n in range(6)]
    began = time.monotonic()

    told = setting_faults([*hanging, service("monitor", "echo broken >&2; exit 1")], os.environ)

    late = [SettingFault(one.name, "its check did not end within 2 s") for one in hanging]
    assert told == [*late, SettingFault("monitor", "broken")]
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
