"""The real `make run`, with ports and a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.brokers import free_port
from tests.waiting import eventually

CHECKOUT = Path(__file__).parents[2]
SEVERAL = ("BROKER", "MQTT", "PROMETHEUS", "DISTRIBUTION", "EPMD")


def settings(folder: Path, **more: str) -> dict[str, str]:
    """An environment that collides with nothing on this machine."""
    own = {f"SECCAM_LOCAL_{name}_PORT": str(free_port()) for name in SEVERAL}
    own |= {f"SECCAM_{name}_OPS_PORT": str(free_port()) for name in ("CAMERA", "MONITOR", "SECURITY", "NOTIFIER")}
    own |= {"SECCAM_MONITOR_PORT": str(free_port()), "SECCAM_LOCAL_FOLDER": str(folder), "SECCAM_CAMERAS": "demo=demo"}
    own |= {"TEST_FOLDER": str(folder)}  # by which `members` knows the processes
    # neither a person's settings, nor the flags of a `make test` around us
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("SECCAM_", "IFTTT_", "MAKE", "MFLAGS"))}
    return {**outside, **own, **more}


def members(folder: Path) -> dict[int, str]:
    """All processes of the run in this folder: process id -> command line."""
    found = {}
    for process in Path("/proc").iterdir():
        # the process has ended meanwhile, or belongs to another user
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if process.name.isdigit() and os.fsencode(folder) in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


class Run:
    """One `make run`, from its start to its end."""

    def __init__(self, folder: Path, **more: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.environ = folder, settings(folder / "state", **more)
        self._log = folder / "output"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", "run"],
                cwd=CHECKOUT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All that was printed so far."""
        return self._log.read_text(errors="replace")

    def ready(self) -> str:
        """The page's address, once everything is ready."""

        def address() -> str:
            assert self.process.poll() is None, self.output
            line = re.search(r"^seccam is ready: (http://\S+)$", self.output, re.MULTILINE)
            return line[1] if line else ""

        try:
            return eventually(address, within=180, every=0.2, what="make run ready")
        except AssertionError:
            print(self.output[-8000:], file=sys.stderr)
            raise

    def pid(self, command: str) -> int | None:
        """The process whose command line holds this."""
        return next((pid for pid, line in members(self.folder).items() if command in line and not line.startswith("make ")), None)

    def is_ready(self, service: str) -> bool:
        """What its /readyz says."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.environ[f'SECCAM_{service}_OPS_PORT']}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def end(self, number: signal.Signals = signal.SIGINT) -> float:
        """Signal the process group, as a terminal's Ctrl-C does; the seconds until nothing was left."""
        began = time.monotonic()
        os.killpg(self.process.pid, number)
        self.process.wait(60)
        eventually(lambda: not members(self.folder), within=60, what=f"processes gone: {members(self.folder)}")
        return time.monotonic() - began

    def clear_away(self) -> None:
        """Whatever a failed test left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pid in members(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
