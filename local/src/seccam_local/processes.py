"""Processes that are restarted with backoff when they exit, and ended in order within bounded time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from seccam.backoff import Backoff

#: Seconds before an exited process is restarted: the first and the longest delay.
BACKOFF = (0.5, 15.0)
#: After running for this many seconds, a process that exits is restarted with the first delay again.
SETTLED_SECONDS = 10.0
#: Sends SIGTERM to the process when its parent dies, in whatever way (util-linux, part of every Debian).
_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")


def log_line(line: str) -> None:
    """Print a line to standard error, for the person at the terminal."""
    with contextlib.suppress(OSError):  # standard error is closed, or on a full disk: the run goes on
        print(f"seccam-local: {line}", file=sys.stderr, flush=True)


class Process:
    """A process that is kept running until it is stopped."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        log: Path | None = None,
        may_start: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`log` is the file for its output (else the terminal); it starts only while `may_start()` is true."""
        self.name = name
        self._command, self._environment, self._log = command, environment, log
        self._may_start, self._clock = may_start, clock
        self._popen: subprocess.Popen[bytes] | None = None
        self._started_at = self._due_at = 0.0
        self._backoff = Backoff(*BACKOFF)

    @property
    def running(self) -> bool:
        """Whether it was running at the last `poll`."""
        return self._popen is not None

    def poll(self) -> None:
        """Check whether it has exited, and start it if that is due."""
        if self._popen is not None and self._popen.poll() is not None:
            self._record_exit(self._popen)
        if self._popen is None and self._clock() >= self._due_at and self._may_start():
            self._start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children, if it is running."""
        if self._popen is not None and self._popen.poll() is None:
            os.killpg(self._popen.pid, number)

    def wait(self, within: float) -> bool:
        """Wait up to `within` seconds until it has exited, and kill its remaining children; False if it is still running."""
        if self._popen is None:
            return True
        try:
            self._popen.wait(max(0.0, within))
        except subprocess.TimeoutExpired:
            return False
        _kill_group(self._popen.pid)
        self._popen = None
        return True

    def _start(self) -> None:
        log_line(f"starting {self.name}")
        self._popen = _spawn(self._command, self._environment, self._log)
        self._started_at = self._clock()

    def _record_exit(self, popen: subprocess.Popen[bytes]) -> None:
        if self._clock() - self._started_at >= SETTLED_SECONDS:
            self._backoff.reset()
        delay = self._backoff.next_delay()
        where = f"; its output is in {self._log}" if self._log else ""
        log_line(f"{self.name} exited ({describe_exit(popen.returncode)}); restarting it in {delay:g} s{where}")
        _kill_group(popen.pid)
        self._popen, self._due_at = None, self._clock() + delay


def stop(stages: Iterable[tuple[Sequence[Process], float]]) -> None:
    """End the stages one after another, each by SIGTERM, and by SIGKILL after the stage's time.

    All times count from the call of this function, so a stage may use what the ones before it didn't need.
    """
    began = time.monotonic()
    for processes, latest in stages:
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            if not process.wait(began + latest - time.monotonic()):
                process.signal(signal.SIGKILL)
                process.wait(5.0)


def describe_exit(status: int) -> str:
    """A return code of subprocess in words, such as `exit status 1` or `SIGKILL`."""
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path | None) -> subprocess.Popen[bytes]:
    """Start a process in its own session, so that Ctrl-C reaches only us, and a signal to its group all of its children."""
    with log.open("ab") if log else contextlib.nullcontext() as output:
        return subprocess.Popen(
            [*_WITH_PARENT, *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # none of its processes is left
        os.killpg(group, signal.SIGKILL)
