"""A service's life, in a process of its own: signals and exit statuses are the process's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seccam.version import __version__
from tests.brokers import free_port
from tests.waiting import eventually

PROGRAM = """
import sys, threading
from seccam import service
from seccam.errors import SettingFault, SettingsError
from seccam.settings import OpsSettings

class Door(OpsSettings):
    PREFIX = "SECCAM_MONITOR_"
    work: str = "wait"

def check(door):
    if door.work == "can't be done":
        raise SettingsError(SettingFault("SECCAM_MONITOR_WORK", "can't be done"))

def dies():
    raise LookupError("of all things")

def run(context, door):
    context.probes.watch(live=dict, ready=dict)
    if door.work == "thread dies":
        threading.Thread(target=dies, name="worker").start()
    context.stop.wait()
    if door.work == "until told":
        sys.stdin.read()
    return 3 if door.work == "ends with 3" else 0

sys.exit(service.main("seccam-test", "A test.", (Door,), run, check=check))
"""

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROGRAM, *arguments]
        environment = {"PATH": os.environ["PATH"], "SECCAM_LOG_FORMAT": "json", **environ}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines(errors: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in errors.splitlines()]


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as e:
        e.close()
        return e.code
    except OSError:
        return 0


def test_version_help_and_check_end_at_once(run: Run) -> None:
    assert run("--version").communicate()[0] == f"seccam-test {__version__}\n"
    told = run("--help").communicate()[0]
    assert "SECCAM_MONITOR_OPS_PORT  (9090)" in told
    assert run("--check").wait() == 0


def test_wrong_settings_are_told_together_and_end_with_2(run: Run) -> None:
    process = run("--check", SECCAM_MONITOR_OPS_PORT="x", SECCAM_MONITOR_NONE="1", SECCAM_LOG_LEVEL="loud")

    errors = process.communicate()[1]

    assert process.returncode == 2
    assert errors.startswith("seccam-test: 3 wrong setting(s)")
    for name in ("SECCAM_MONITOR_OPS_PORT", "SECCAM_MONITOR_NONE", "SECCAM_LOG_LEVEL"):
        assert f"  {name}: " in errors


def test_a_check_prints_wrong_settings_as_json_when_asked_to(run: Run) -> None:
    process = run("--check=json", SECCAM_MONITOR_OPS_PORT="x", SECCAM_MONITOR_WROK="1")

    printed, errors = process.communicate()

    assert (process.returncode, errors) == (2, "")
    assert json.loads(printed) == [
        {"setting": "SECCAM_MONITOR_WROK", "why": "unknown setting", "suggestion": "SECCAM_MONITOR_WORK"},
        {"setting": "SECCAM_MONITOR_OPS_PORT", "why": "x: must be a whole number", "suggestion": ""},
    ]


def test_what_only_a_try_can_tell_is_told_by_the_check(run: Run) -> None:
    process = run("--check", SECCAM_MONITOR_WORK="can't be done")

    assert process.communicate()[1].splitlines()[1:] == ["  SECCAM_MONITOR_WORK: can't be done"]
    assert process.returncode == 2


def test_a_taken_ops_port_is_told_with_its_setting(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = run(SECCAM_MONITOR_OPS_PORT=str(taken.getsockname()[1]))
        (line,) = lines(process.communicate()[1])

    assert process.returncode == 1
    assert (line["event"], line["setting"]) == ("ops_port_taken", "SECCAM_MONITOR_OPS_PORT")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_makes_it_unready_first_and_then_ends_it(run: Run, number: signal.Signals) -> None:
    port = free_port()
    process = run(SECCAM_MONITOR_OPS_PORT=str(port), SECCAM_MONITOR_WORK="until told")
    eventually(lambda: status(port, "/readyz") == 200, within=20)

    process.send_signal(number)

    eventually(lambda: status(port, "/readyz") == 503)
    assert status(port, "/healthz") == 200
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert [line["event"] for line in lines(errors)] == ["started", "stopping", "stopped"]


def test_the_status_of_its_work_is_the_status_of_the_process(run: Run) -> None:
    port = free_port()
    process = run(SECCAM_MONITOR_OPS_PORT=str(port), SECCAM_MONITOR_WORK="ends with 3")
    eventually(lambda: status(port, "/readyz") == 200, within=20)

    process.terminate()

    assert process.wait(20) == 3


def test_a_thread_that_dies_takes_the_service_with_it(run: Run) -> None:
    """Whoever keeps it running starts it anew; a service that lives on without the thread would be deaf."""
    process = run(SECCAM_MONITOR_OPS_PORT="0", SECCAM_MONITOR_WORK="thread dies")

    errors = process.communicate(timeout=20)[1]

    assert process.returncode == 1
    died = next(line for line in lines(errors) if line["event"] == "thread_died")
    assert (died["thread"], died["level"]) == ("worker", "critical")
    assert "LookupError: of all things" in died["exception"]
