"""A whole installation under load: cameras of the demo, workers, a monitor, a notifier, a phone, and events without end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from seccam import topology
from tests.broker_clients import proxy_to, through
from tests.brokers import CAMERAS, RunningBroker
from tests.faults.row import Row
from tests.integration.cameras import RunningCamera
from tests.integration.monitors import RunningMonitor
from tests.integration.workers import WorkerProcess
from tests.waiting import eventually

#: Seconds without a face after which a visit is over: short, so that there are many visits.
GAP = 5.0
#: Events a second beside those of the workers.
RATE = 2.0
#: Seconds that a part may take to be ready.
PATIENCE = 120.0


class Part(Protocol):
    """A process of the house."""

    process: subprocess.Popen[bytes]

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        ...


class House:
    """The parts by name; each can be frozen, killed, and started again."""

    def __init__(self, broker: RunningBroker, folder: Path, stack: ExitStack) -> None:
        self.broker, self.folder = broker, folder
        self.cuts = {name: stack.enter_context(proxy_to(broker)) for name in ("notifier", "worker 2")}
        self.row = Row(
            broker,
            folder,
            rate=RATE,
            SECCAM_BROKER_URL=through(self.cuts["notifier"], broker, topology.NOTIFIER_USER).url.get_secret_value(),
            SECCAM_VISIT_GAP_SECONDS=str(GAP),
            SECCAM_LOG_LEVEL="info",
        )
        stack.callback(self.row.close)
        self._log = stack.enter_context((folder / "monitor.log").open("ab"))
        self._makers: dict[str, Callable[[], Part]] = {
            **{f"camera {name}": self._camera(name) for name in CAMERAS},
            "worker 1": lambda: self._worker(broker.url(topology.SECURITY_USER)),
            "worker 2": lambda: self._worker(through(self.cuts["worker 2"], broker, topology.SECURITY_USER).url.get_secret_value()),
            "monitor": lambda: RunningMonitor(broker.url(topology.MONITOR_USER), self._log, visit_gap=str(GAP)),
            "notifier": self._notifier,
        }
        self.parts: dict[str, Part] = {"notifier": self.row.notifier}
        stack.callback(self.stop)
        self.start_missing()
        for name, part in self.parts.items():
            eventually(part.ready, within=PATIENCE, every=0.5, what=f"{name} ready")

    def pids(self) -> dict[str, int]:
        """The processes by name, the broker among them."""
        return {"broker": self.broker.pid, **{name: part.process.pid for name, part in self.parts.items()}}

    def dead(self) -> list[str]:
        """The parts that don't run."""
        return [name for name, part in self.parts.items() if part.process.poll() is not None]

    def start_missing(self) -> None:
        """Start what doesn't run, as a supervisor does."""
        for name in [name for name in self._makers if name not in self.parts or name in self.dead()]:
            self.parts[name] = self._makers[name]()

    @contextmanager
    def ended(self, name: str, number: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """The part is gone, until a supervisor starts it again."""
        process = self.parts[name].process
        process.send_signal(number)
        process.wait(20)
        yield
        self.start_missing()

    def stop(self) -> None:
        """End all parts but the notifier, which may still have something to say."""
        for name, part in self.parts.items():
            if name != "notifier" and part.process.poll() is None:
                part.process.send_signal(signal.SIGCONT)
                part.process.terminate()
                part.process.wait(30)

    def _camera(self, name: str) -> Callable[[], Part]:
        url = self.broker.url(topology.camera_user(name))
        return lambda: RunningCamera(url, self.folder, name=name, view_fps="5", zone="UTC")

    def _notifier(self) -> Part:
        self.row.replace_notifier()
        return self.row.notifier

    def _worker(self, url: str) -> Part:
        settings = {
            "SECCAM_BROKER_URL": url,
            "SECCAM_VISIT_GAP_SECONDS": str(GAP),
            "SECCAM_SECURITY_SPOOL_FOLDER": str(self.folder / "spool"),
            "SECCAM_SECURITY_PROBE_INTERVAL_SECONDS": "20",
        }
        return WorkerProcess(self.broker, self.folder, settings)
