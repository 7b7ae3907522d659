"""A real camera process, and a receiver of its frames."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from seccam import topology
from seccam.broker import Delivery, Subscription
from seccam.message import Status
from tests.broker_clients import BrokerClients, Received
from tests.brokers import free_port
from tests.waiting import eventually

#: Seconds to wait for what takes one on an idle machine.
PATIENCE = 60.0

COMMAND = str(Path(sys.executable).with_name("seccam-camera"))


def environment(**settings: str) -> dict[str, str]:
    """The environment of a camera with these SECCAM_CAMERA_ settings and JSON logs."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SECCAM_")},
        "SECCAM_LOG_FORMAT": "json",
        **{f"SECCAM_CAMERA_{name.upper()}": value for name, value in settings.items()},
    }


class RunningCamera:
    """One `seccam-camera`."""

    def __init__(self, broker_url: str, folder: Path, *, name: str = "front", **settings: str) -> None:
        self.port, self.name = free_port(), name
        self.log = folder / f"camera-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND],
                env={**environment(name=name, ops_port=str(self.port), **settings), "SECCAM_BROKER_URL": broker_url},
                stdout=log,
                stderr=log,
            )

    def get(self, path: str) -> tuple[int, str]:
        """Status and body that the ops port answers; (0, "") if it doesn't."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status), str(answer.read().decode())
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        """What /readyz says."""
        return self.get("/readyz")[0] == 200

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value; its labels are these and the camera's name."""
        wanted = {"camera": self.name, **labels}
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and sample.labels == wanted:
                    return float(sample.value)
        return -1.0

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Audience:
    """Receives what one camera publishes: view frames and statuses as a monitor, security frames as a worker."""

    def __init__(self, clients: BrokerClients, camera: str = "front") -> None:
        self.view, self.security, self._status = Received(), Received(), Received()
        # the queue keeps only recent frames, so a slow test may miss some
        subscriptions = [
            Subscription(self.view, keys=(topology.key(topology.VIEW, camera),), arguments={"x-message-ttl": 2000}, prefetch=50),
            Subscription(self._status, keys=(topology.key(topology.STATUS, camera),), arguments=topology.SHORT_NEWS, prefetch=50),
        ]
        monitor = clients.consumer(topology.MONITOR_USER, *subscriptions)
        worker = clients.consumer(topology.SECURITY_USER, Subscription(self.security, queue=topology.SECURITY_QUEUE, prefetch=50))
        eventually(lambda: monitor.subscribed_once and worker.subscribed_once, within=PATIENCE, what="subscribed")

    def statuses(self) -> list[Status]:
        """What the camera said of itself."""
        return [Status.decode(body) for body in self._status.bodies]

    def state(self) -> str:
        """The last of that."""
        said = self.statuses()
        return said[-1].state if said else ""

    def await_state(self, state: str, *, within: float = PATIENCE) -> Status:
        """Until the camera says so."""
        eventually(lambda: self.state() == state, within=within, what=f"{state}; said: {[s.state for s in self.statuses()]}")
        return self.statuses()[-1]

    def next_picture(self, *, within: float = PATIENCE) -> Delivery:
        """The first picture to come from now on."""
        seen = len(self.view.deliveries)
        eventually(lambda: len(self.view.deliveries) > seen, within=within, what="a picture")
        return self.view.deliveries[seen]
