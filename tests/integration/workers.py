"""`seccam-security` processes under test, and the camera's end of the broker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pika

from seccam import topology
from tests.brokers import RunningBroker, free_port

#: A machine that runs other tests beside this one may take this long for what takes a second.
PATIENCE = 60.0

COMMAND = (str(Path(sys.executable).with_name("seccam-security")),)


class WorkerProcess:
    """One `seccam-security`."""

    def __init__(self, broker: RunningBroker, folder: Path, settings: dict[str, str], command: Sequence[str] = COMMAND) -> None:
        self.port = free_port()
        self.log = folder / f"worker-{self.port}.log"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SECCAM_")},
            "SECCAM_BROKER_URL": broker.url(topology.SECURITY_USER),
            "SECCAM_SECURITY_OPS_PORT": str(self.port),
            "SECCAM_SECURITY_PROBE_INTERVAL_SECONDS": "0",
            "SECCAM_SECURITY_COVERED_SECONDS": "0",
            "SECCAM_SECURITY_FROZEN_SECONDS": "0",  # the tests' cameras repeat their pictures
            "SECCAM_LOG_FORMAT": "json",
            **settings,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def ready(self) -> bool:
        """What /readyz says."""
        return self.get("/readyz") is not None

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name with these labels."""
        total = 0.0
        for line in (self.get("/metrics") or "").splitlines():
            if re.match(rf"{re.escape(name)}[{{ ]", line) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def by_camera(self, name: str) -> dict[str, float]:
        """The sums of the samples of this name, by their label `camera`."""
        total: dict[str, float] = {}
        for line in (self.get("/metrics") or "").splitlines():
            if sample := re.match(rf"{re.escape(name)}{{.*camera=\"([^\"]*)\".*}} (.*)", line):
                total[sample[1]] = total.get(sample[1], 0.0) + float(sample[2])
        return total

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(20)

    def get(self, path: str) -> str | None:
        """What the ops port answers; None if it doesn't, or not with success."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None


#: What the fixture `start` gives: starts a worker with these settings.
Start = Callable[..., WorkerProcess]


class Lens:
    """Publishes as a camera of any name does."""

    def __init__(self, broker: RunningBroker, camera: str = "front") -> None:
        self.broker = broker
        self._connection = broker.connection()
        self._channel = self._connection.channel()
        self.camera, self.seq = camera, 0

    def publish(self, body: bytes, *, key: str = "", ts_ms: int | None = None, timed: bool = True) -> None:
        """One frame, taken now unless `ts_ms` is given; not `timed`: its age counts from its arrival."""
        self.seq += 1
        headers: dict[str, Any] = {"camera": self.camera, "seq": self.seq, "boot_id": "0ddba11"}
        if timed:
            headers["ts_ms"] = round(time.time() * 1000) if ts_ms is None else ts_ms
        self._channel.basic_publish(
            topology.EXCHANGE,
            key or topology.key(topology.SECURITY, self.camera),
            body,
            pika.BasicProperties(content_type="image/jpeg", headers=headers),
        )
        self._connection.process_data_events(0)

    def close(self) -> None:
        """The camera is gone."""
        if self._connection.is_open:
            self._connection.close()
