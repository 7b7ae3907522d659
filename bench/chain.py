"""All of seccam on this machine, as `make run` starts it, and the processor time and memory of its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.brokers import free_port

#: Part of the chain -> what its command line holds.
PARTS = {
    "camera": "seccam-camera",
    "monitor": "seccam-monitor",
    "security": "seccam-security",
    "notifier": "seccam-notifier",
    "broker": "beam.smp",
}


@contextmanager
def running(*command: str, environment: Mapping[str, str] | None = None, reads: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block; `reads`: with a pipe as its standard input."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        text=True,
        stdin=subprocess.PIPE if reads else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", module, *arguments]


def await_port(port: int, seconds: float = 60) -> None:
    """Wait until the port is open; raises TimeoutError."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise TimeoutError(f"port {port} is not open after {seconds} s") from None
            time.sleep(0.1)
        else:
            return


@dataclass(frozen=True)
class Chain:
    """A running seccam."""

    address: str
    process: psutil.Process

    def parts(self) -> dict[str, list[psutil.Process]]:
        """The processes of each part."""
        children = [(p, " ".join(p.cmdline())) for p in self.process.children(recursive=True)]
        return {name: [p for p, line in children if mark in line] for name, mark in PARTS.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """Processor seconds that each part has used."""
        return {name: sum(cpu_seconds(p) for p in found) for name, found in self.parts().items()}

    def memory(self) -> dict[str, int]:
        """Resident bytes of each part."""
        return {name: sum(p.memory_info().rss for p in found) for name, found in self.parts().items()}


def cpu_seconds(process: psutil.Process) -> float:
    """Processor seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def chain(folder: Path, cameras: str, **settings: str) -> Iterator[Chain]:
    """A running seccam with these cameras, once it is ready."""
    port = free_port()
    environment = {
        "SECCAM_CAMERAS": cameras,
        "SECCAM_MONITOR_PORT": str(port),
        "SECCAM_LOCAL_FOLDER": str(folder),
        **settings,
    }
    with running(str(Path(sys.executable).with_name("seccam-local")), environment=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "seccam is ready" in line:
                break
        else:
            raise RuntimeError("seccam did not start: run `make run` to see why")
        yield Chain(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
