"""Events of real workers: a row of the fault matrix with workers, and faces for them to see."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.brokers import RunningBroker
from tests.faults.ledger import Owed, reported
from tests.faults.row import Row
from tests.integration.workers import COMMAND, Lens, WorkerProcess
from tests.scenes import jpeg, photo
from tests.waiting import eventually

#: Seconds between two visits.
EVERY = 1.0
#: Seconds that a worker may take to start on a busy machine.
PATIENCE = 60.0


class Sightings(threading.Thread):
    """Shows the same face to one camera after the other; each is a visit."""

    def __init__(self, broker: RunningBroker) -> None:
        super().__init__(name="sightings", daemon=True)
        self._lens, self._ending = Lens(broker), threading.Event()

    def run(self) -> None:
        """Publish frames until `end`."""
        face = jpeg(photo("astronaut"))
        for number in itertools.count():
            self._lens.camera = f"v{number}"
            self._lens.publish(face)
            if self._ending.wait(EVERY):
                break
        self._lens.close()

    def end(self) -> None:
        """Show no more."""
        self._ending.set()
        self.join(10)


class WorkerRow(Row):
    """A row with workers, whose events must not be lost, either."""

    def __init__(self, broker: RunningBroker, folder: Path, *, workers: int = 2, **settings: str) -> None:
        """`settings` are those of the workers."""
        super().__init__(broker, folder, rate=1.0)
        self._worker_settings = {"SECCAM_SECURITY_SPOOL_FOLDER": str(folder / "spool"), **settings}
        self.workers = [self.start_worker(wait=False) for _ in range(workers)]
        for worker in self.workers:
            eventually(worker.ready, within=PATIENCE, what="worker ready")
        self.sources.append(Sightings(broker))

    def start_worker(
        self, settings: Mapping[str, str] = {}, *, command: Sequence[str] = COMMAND, wait: bool = True
    ) -> WorkerProcess:
        """Start another worker, with other settings than the row's."""
        worker = WorkerProcess(self.broker, self._folder, {**self._worker_settings, **settings}, command)
        if wait:
            eventually(worker.ready, within=PATIENCE, what="worker ready")
        return worker

    def logs(self) -> list[Path]:
        """What the workers and the notifier have logged."""
        return list(self._folder.glob("*.log"))

    def close(self) -> None:
        """End everything."""
        super().close()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.stop()

    def _events(self) -> list[Owed]:
        return [*super()._events(), *reported(self.broker, self._folder)]
