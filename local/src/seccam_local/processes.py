"""Keeps processes running: each ended one is started again, alone, with backoff; all end in order, in bounded time."""

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

#: Seconds before an ended process is started again: the first and the longest delay.
BACKOFF = (0.5, 15.0)
#: A process that has run for so many seconds starts with the first backoff again.
SETTLED_SECONDS = 10.0
#: util-linux, on every Debian: SIGTERM comes to the process when its parent is gone, however that went.
_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")


def log_line(line: str) -> None:
    """What a person at the terminal should know; not on standard output, which is for the answer."""
    with contextlib.suppress(OSError):  # standard error is on a full disk, or gone: that ends no camera
        print(f"seccam-local: {line}", file=sys.stderr, flush=True)


class Process:
    """A process that is to run until told to stop."""

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
        """`log`: file for its output, else the terminal; `may_start`: asked before each start."""
        self.name = name
        self._command, self._environment, self._log = command, environment, log
        self._may_start, self._clock = may_start, clock
        self._popen: subprocess.Popen[bytes] | None = None
        self._started_at = self._due_at = 0.0
        self._backoff = Backoff(*BACKOFF)

    @property
    def running(self) -> bool:
        """Whether it runs, as far as the last `poll` saw."""
        return self._popen is not None

    def poll(self) -> None:
        """Notice its end; start it if it is due."""
        if self._popen is not None and self._popen.poll() is not None:
            self._record_exit(self._popen)
        if self._popen is None and self._clock() >= self._due_at and self._may_start():
            self._start()

    def signal(self, number: signal.Signals) -> None:
        """Send this to it and its children, if it runs."""
        if self._popen is not None and self._popen.poll() is None:
            os.killpg(self._popen.pid, number)

    def wait(self, within: float) -> bool:
        """Wait up to so many seconds for its end; what is left of its children is killed then."""
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
        log_line(f"{self.name} ended by itself ({describe_exit(popen.returncode)}), and is started again in {delay:g} s{where}")
        _kill_group(popen.pid)
        self._popen, self._due_at = None, self._clock() + delay


def stop(stages: Iterable[tuple[Sequence[Process], float]]) -> None:
    """End the stages one after another: SIGTERM, and SIGKILL to what is left when the stage's time is over.

    That time is counted from the begin of it all, so what one stage doesn't need is there for the next.
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
    """A return code of subprocess in words."""
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path | None) -> subprocess.Popen[bytes]:
    """In a session of its own: a Ctrl-C at the terminal is ours alone, and a group's signal reaches all of its children."""
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
    with contextlib.suppress(ProcessLookupError):  # nobody of it is left, as it should be
        os.killpg(group, signal.SIGKILL)
