"""Everything that can be known to be wrong before anything is started."""

from __future__ import annotations

import contextlib
import difflib
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seccam.settings import PROPOSAL
from seccam_local.stack import ListenAddress, Service

#: Seconds that all checks together may take, a slow disk's first start included.
TIMEOUT_SECONDS = 60.0


def setting_faults(services: Sequence[Service], environ: Mapping[str, str]) -> list[str]:
    """What each service finds wrong in its settings."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    found = []
    with contextlib.ExitStack() as running:
        checks = [running.enter_context(_check(service, environ)) for service in services]
        for service, check in zip(services, checks, strict=True):
            try:
                # a little even when the time is over: to read what an ended one has said
                _, told = check.communicate(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                found.append(f"{service.name}: its check did not end within {TIMEOUT_SECONDS:.0f} s")
            else:
                found += _faults(service, told) if check.returncode != 0 else []
    return found


@contextlib.contextmanager
def _check(service: Service, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*service.command, "--check"],
        env={**environ, **service.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as check:
        try:
            yield check
        finally:
            check.kill()  # if it hasn't ended: it hangs, or a Ctrl-C came
            check.wait()


def deduplicated(faults: Iterable[str]) -> list[str]:
    """Each fault once. Several services may refuse one unknown name, each with a known one of its own: the closest stays."""
    best: dict[str, str] = {}
    for fault in faults:
        told = fault.partition(PROPOSAL)[0]
        best[told] = max(best.get(told, fault), fault, key=_closeness)
    return list(best.values())


def _closeness(fault: str) -> float:
    told, _, proposal = fault.partition(PROPOSAL)
    return difflib.SequenceMatcher(None, told.partition(":")[0], proposal.rstrip("?")).ratio()


def _faults(service: Service, told: str) -> list[str]:
    """The lines of seccam.service.main that name a fault; whatever was said, if it is something else."""
    lines = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    if not told.startswith("seccam-") or not lines:
        return [f"{service.name}: {told.strip() or 'its check failed without a word'}"]
    return [_blamed(service, line) for line in lines]


def _blamed(service: Service, fault: str) -> str:
    """The fault of the setting that a person gave: a camera's name and source may stand in SECCAM_CAMERAS."""
    setting, _, why = fault.partition(": ")
    entry = service.camera.entry if service.camera else ""
    return f"SECCAM_CAMERAS: {entry}: {why}" if entry and setting in ("SECCAM_CAMERA_NAME", "SECCAM_CAMERA_SOURCE") else fault


def port_conflicts(addresses: Iterable[ListenAddress]) -> list[str]:
    """A line for each address at which something listens already, or which is not this machine's."""
    return [f"{one.setting}: {why}" for one in addresses if (why := _bind_error(one))]


def _bind_error(address: ListenAddress) -> str:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as e:
            return f"can't listen on {address.host}:{address.port}: {e.strerror or e}; set another port"
    return ""
