"""End signals, to a process of its own."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Iterable

import pytest

# little room on its stack, so that handlers which nest show it soon
PROGRAM = """
import sys, threading
from seccam import signals
sys.setrecursionlimit(50)
stop = threading.Event()
signals.on_end(lambda number: (print(number.name, flush=True), stop.set()))
print("up", flush=True)
while not stop.wait(0.1):
    pass
"""

# to a process until it is gone
HAIL = 'while kill -TERM "$0" 2>&-; do :; done'


def ended(numbers: Iterable[signal.Signals], *before: str, hails: int = 0) -> tuple[int, str]:
    """Exit status and output after these signals, one at the heels of the other, as long as there is somebody to hear them."""
    # a pytest under nohup would hand on that SIGHUP is ignored
    as_usual = ("env", "--default-signal=HUP")
    with subprocess.Popen([*as_usual, *before, sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        senders = [subprocess.Popen(["sh", "-c", HAIL, str(process.pid)]) for _ in range(hails)]
        for number in itertools.takewhile(lambda _: process.poll() is None, numbers):
            process.send_signal(number)
        try:
            output, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    for sender in senders:
        sender.wait(20)
    return process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_end_signal_ends_the_process_in_order(number: signal.Signals) -> None:
    assert ended([number]) == (0, f"{number.name}\n")


def test_a_burst_of_signals_is_heard_once_and_holds_nothing_up() -> None:
    for _ in range(20):  # it is a race
        assert ended([signal.SIGTERM] * 30) == (0, "SIGTERM\n")


@pytest.mark.timeout(60)
def test_signals_without_end_change_nothing_about_an_end_in_order() -> None:
    for _ in range(10):  # some of them come while the interpreter takes itself apart
        assert ended(itertools.repeat(signal.SIGTERM), hails=2) == (0, "SIGTERM\n")


def test_a_terminals_end_is_ignored_under_nohup() -> None:
    assert ended([signal.SIGHUP, signal.SIGTERM], "nohup") == (0, "SIGTERM\n")
