"""The notifier as a process under test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika

from seccam import topology
from seccam.message import EventOutcome, Recorded
from tests.brokers import RunningBroker, free_port

KEY = "c4naryKEY-4711_do-not-tell"


class NotifierProcess:
    """A running notifier."""

    def __init__(self, broker: RunningBroker, url: str, log: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = log
        environ = {name: value for name, value in os.environ.items() if not name.startswith("SECCAM_")}
        environ |= {
            "SECCAM_BROKER_URL": broker.url(topology.NOTIFIER_USER),
            "SECCAM_NOTIFIER_OPS_PORT": str(self.port),
            "SECCAM_LOG_LEVEL": "debug",
            "SECCAM_NOTIFIER_MAX_PER_MINUTE": "0",  # tests count every event
            "IFTTT_URL": url,
            "IFTTT_KEY": KEY,
            **settings,
        }
        with log.open("ab") as output:
            self.process = subprocess.Popen([sys.executable, "-m", "seccam_notifier"], env=environ, stdout=output, stderr=output)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of this name."""
        lines = (json.loads(line) for line in self.text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def text(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of the ops port's answer; status 0 where there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        assert self.process.poll() is None, self.text()
        return self.get("/readyz")[0] == 200

    def metric(self, sample: str) -> float:
        """The value of `name{labels}` as written on /metrics."""
        found = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(sample + " ")]
        assert found, f"no {sample}"
        return float(found[0].rpartition(" ")[2])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(15)


def record(broker: RunningBroker, event: str, outcomes: Mapping[str, Recorded], *, before: Sequence[bytes] = ()) -> None:
    """Write to the journal as a notifier does: what became of a face event on each channel, after other bodies."""
    now = datetime.now(UTC)
    entries = [EventOutcome(id=event, type="seccam.face", channel=name, time=now, outcome=one) for name, one in outcomes.items()]
    with broker.connection(topology.NOTIFIER_USER) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in [*before, *(entry.encode() for entry in entries)]:
            channel.basic_publish(topology.DEFAULT_EXCHANGE, topology.JOURNAL, body, pika.BasicProperties(delivery_mode=2))
