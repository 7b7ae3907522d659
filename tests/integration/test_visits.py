"""One visit, one message: real workers, a notifier and a monitor, from frames to IFTTT's stand-in and the page's list."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from seccam import topology
from tests.brokers import RunningBroker, free_port
from tests.integration import monitors
from tests.integration.monitors import RunningMonitor
from tests.integration.workers import PATIENCE, Lens, WorkerProcess
from tests.scenes import jpeg, photo, scene
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

#: Seconds without a face after which a visit is over: short, but longer than a busy machine keeps a worker from its frames.
GAP = 8.0

ONE, NOBODY = jpeg(photo("astronaut")), jpeg(photo("coffee"))
TWO = jpeg(scene(("astronaut", 60, 100, 100), ("grace_hopper", 90, 900, 300)))


class Chain:
    """Two workers, a notifier and a monitor on one broker, with one camera."""

    def __init__(self, broker: RunningBroker, folder: Path, stack: ExitStack) -> None:
        self.visit = {"SECCAM_VISIT_GAP_SECONDS": str(GAP)}
        self.phone = stack.enter_context(Ifttt())
        settings = {**self.visit, "SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS": "0.1"}
        self.workers = [WorkerProcess(broker, folder, settings) for _ in range(2)]
        for worker in self.workers:
            stack.callback(worker.stop)
        self._start_notifier(broker, folder, stack)
        self.monitor: RunningMonitor = stack.enter_context(monitors.running(broker, visit_gap=str(GAP)))
        self.lens = Lens(broker)
        stack.callback(self.lens.close)
        eventually(lambda: all(worker.ready() for worker in self.workers), within=PATIENCE, what="workers ready")

    def _start_notifier(self, broker: RunningBroker, folder: Path, stack: ExitStack) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SECCAM_")},
            **self.visit,
            "SECCAM_BROKER_URL": broker.url(topology.NOTIFIER_USER),
            "SECCAM_NOTIFIER_OPS_PORT": str(free_port()),
            "IFTTT_URL": self.phone.url,
            "IFTTT_KEY": "a-key",
        }
        with (folder / "notifier.log").open("wb") as log:
            command = [str(Path(sys.executable).with_name("seccam-notifier"))]
            notifier = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        stack.callback(notifier.wait, 20)
        stack.callback(notifier.terminate)

    def show(self, picture: bytes, until: Any) -> None:
        """Frames of this picture until the condition holds."""

        def shown() -> Any:
            self.lens.publish(picture)
            return until()

        eventually(shown, within=PATIENCE, every=0.3)

    def reports(self, kind: str) -> float:
        """Reports of this kind that the workers have published."""
        return sum(worker.metric("seccam_security_reports_total", report=kind) for worker in self.workers)

    def messages(self) -> list[str]:
        """The faces in each message that reached the phone."""
        return [faces for _, faces in self.phone.values()]

    def rows(self) -> list[dict[str, Any]]:
        """The page's list, oldest first."""
        rows: list[dict[str, Any]] = self.monitor.http.get("/events").json()
        return rows[::-1]


@pytest.fixture
def chain(broker: RunningBroker, tmp_path: Path) -> Iterator[Chain]:
    """A running chain."""
    with ExitStack() as stack:
        yield Chain(broker, tmp_path, stack)


@pytest.mark.timeout(300)
def test_each_visit_makes_one_message_and_one_row_and_a_second_face_another_message(chain: Chain) -> None:
    chain.show(ONE, lambda: chain.reports("present") >= 12)  # two workers, three in each gap: two gaps or longer
    assert chain.messages() == ["1"]

    chain.show(TWO, lambda: len(chain.messages()) == 2)
    before = chain.reports("present")
    chain.show(ONE, lambda: chain.reports("present") >= before + 2)
    left = time.monotonic()
    chain.show(NOBODY, lambda: chain.reports("gone") >= 1 and time.monotonic() - left > GAP + 1)
    chain.show(ONE, lambda: len(chain.messages()) >= 3)

    assert chain.messages() == ["1", "2", "1"]
    eventually(lambda: len(chain.rows()) == 2, within=PATIENCE)
    first, second = chain.rows()
    assert (first["faces"], first["over"]) == (2, True)
    assert first["seconds"] >= 2 * GAP
    assert (second["faces"], second["over"]) == (1, False)
    told = [{"channel": "ifttt", "outcome": "notified"}]
    eventually(lambda: [row["outcomes"] for row in chain.rows()] == [told, told], within=PATIENCE)
