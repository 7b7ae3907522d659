"""Restarting processes, and ending them within bounded time; with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seccam_local.processes import BACKOFF, Process, describe_exit, stop
from tests.waiting import eventually


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def started(script: str, log: Path, clock: Clock | None = None) -> Process:
    process = Process("thing", ["bash", "-c", script], dict(os.environ), log=log, clock=clock or time.monotonic)
    process.poll()
    return process


def running_after_poll(process: Process) -> bool:
    """Whether it runs after a poll."""
    process.poll()
    return process.running


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(("status", "words"), [(0, "exit status 0"), (2, "exit status 2"), (-9, "SIGKILL"), (-15, "SIGTERM")])
def test_a_return_code_is_described_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


def test_an_exited_process_is_restarted_after_its_delay(tmp_path: Path) -> None:
    clock, log = Clock(), tmp_path / "log"
    process = started("echo here", log, clock)

    eventually(lambda: not running_after_poll(process))
    clock.now += BACKOFF[0] - 0.1
    assert not running_after_poll(process)
    clock.now += 0.2
    assert running_after_poll(process)
    eventually(lambda: log.read_text() == "here\nhere\n")
    stop([([process], 5)])


def test_a_process_waits_for_what_it_needs(tmp_path: Path) -> None:
    there: list[bool] = []
    process = Process("thing", ["sleep", "60"], dict(os.environ), log=tmp_path / "log", may_start=lambda: bool(there))
    assert not running_after_poll(process)
    there.append(True)
    assert running_after_poll(process)
    stop([([process], 5)])


def test_stages_end_in_order(tmp_path: Path) -> None:
    output = tmp_path / "output"
    script = "trap 'sleep 0.2; echo {0} >> {1}; exit' TERM; echo up; while :; do sleep 0.01; done"
    last, first = (started(script.format(name, output), tmp_path / name) for name in ("last", "first"))
    for name in ("last", "first"):
        eventually(lambda name=name: "up" in (tmp_path / name).read_text())  # type: ignore[misc]

    stop([([first], 10), ([last], 10)])

    assert output.read_text().split() == ["first", "last"]


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = started("trap '' TERM; (sleep 60)& echo $! $$; wait; sleep 60", log)
    pids = [int(word) for word in eventually(lambda: log.read_text().split() if log.exists() else [])]

    began = time.monotonic()
    stop([([process], 0.2)])

    assert time.monotonic() - began < 5
    eventually(lambda: not any(runs(pid) for pid in pids))


def test_children_of_an_exited_process_are_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = started("(sleep 60)& echo $!", log)
    child = int(eventually(lambda: log.read_text() if log.exists() else ""))

    eventually(lambda: not running_after_poll(process))
    eventually(lambda: not runs(child))
    stop([([process], 1)])


_PARENT = """
import pathlib, sys, time
from tests.unit.local.test_processes import started
started(sys.argv[1], pathlib.Path(sys.argv[2]))
time.sleep(60)
"""


def test_a_process_gets_sigterm_when_its_parent_is_killed(tmp_path: Path) -> None:
    output, log = tmp_path / "output", tmp_path / "log"
    script = f"trap 'echo ended > {output}; exit' TERM; echo up; while :; do sleep 0.01; done"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, script, str(log)], cwd=Path(__file__).parents[3])
    eventually(lambda: log.exists() and "up" in log.read_text(), within=30)

    parent.kill()
    parent.wait()

    eventually(lambda: output.exists() and output.read_text() == "ended\n")
