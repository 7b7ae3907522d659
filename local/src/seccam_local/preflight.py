"""Checks before anything is started: the settings of all services, and the ports."""

from __future__ import annotations

import contextlib
import difflib
import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from seccam.errors import SettingFault
from seccam_local.stack import ListenAddress, Service

#: Seconds that all checks together may take; a first start on a slow disk needs some.
TIMEOUT_SECONDS = 60.0


def setting_faults(services: Sequence[Service], environ: Mapping[str, str]) -> list[SettingFault]:
    """What each service finds wrong in its settings."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    found = []
    with contextlib.ExitStack() as running:
        checks = [running.enter_context(_check(service, environ)) for service in services]
        for service, check in zip(services, checks, strict=True):
            try:
                # a short time even after the deadline, to read the output of a check that has ended
                faults, errors = check.communicate(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                found.append(SettingFault(service.name, f"its check did not end within {TIMEOUT_SECONDS:.0f} s"))
            else:
                found += _faults(service, faults, errors) if check.returncode != 0 else []
    return found


@contextlib.contextmanager
def _check(service: Service, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*service.command, "--check=json"],
        env=service.environment_from(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as check:
        try:
            yield check
        finally:
            check.kill()  # if it is still running: it hangs, or Ctrl-C was pressed
            check.wait()


def deduplicated(faults: Iterable[SettingFault]) -> list[SettingFault]:
    """Each fault once. If several services refuse an unknown name with different suggestions, the closest is kept."""
    best: dict[tuple[str, str], SettingFault] = {}
    for fault in faults:
        key = fault.setting, fault.why
        best[key] = max(best.get(key, fault), fault, key=_closeness)
    return list(best.values())


def _closeness(fault: SettingFault) -> float:
    return difflib.SequenceMatcher(None, fault.setting, fault.suggestion).ratio()


def _faults(service: Service, faults: str, errors: str) -> list[SettingFault]:
    """The faults that a failed check has printed as JSON; its standard error if it failed in another way."""
    try:
        return [_blamed(service, SettingFault(**fault)) for fault in json.loads(faults)]
    except (ValueError, TypeError):
        return [SettingFault(service.name, errors.strip() or "its check failed and printed nothing")]


def _blamed(service: Service, fault: SettingFault) -> SettingFault:
    """The fault with the setting that the person has set: a camera's name and source may come from SECCAM_CAMERAS."""
    entry = service.camera.entry if service.camera else ""
    if entry and fault.setting in ("SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE"):
        return replace(fault, setting="SECCAM_CAMERAS", why=f"{entry}: {fault.why}")
    return fault


def port_conflicts(addresses: Iterable[ListenAddress]) -> list[SettingFault]:
    """A fault for each address that is in use, or is not an address of this machine."""
    return [SettingFault(one.setting, why) for one in addresses if (why := _bind_error(one))]


def _bind_error(address: ListenAddress) -> str:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as e:
            return f"can't listen on {address.host}:{address.port}: {e.strerror or e}; set another port"
    return ""
