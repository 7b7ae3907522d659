"""What several files of tests start: workers, a camera, a monitor with a login, programs of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.brokers import RunningBroker
from tests.integration.houses import House, open_house
from tests.integration.workers import PATIENCE, Start, WorkerProcess
from tests.waiting import eventually


@pytest.fixture
def mosquitto() -> None:
    """Mosquitto's clients: skips where they are missing, fails there in CI."""
    if shutil.which("mosquitto_sub") is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto-clients is not installed")
        pytest.skip("mosquitto-clients is not installed: run `make setup`")


@pytest.fixture
def start(broker: RunningBroker, tmp_path: Path) -> Iterator[Start]:
    """Starts workers that are ready; those that still run at the test's end are ended."""
    workers: list[WorkerProcess] = []

    def begin(visit: Mapping[str, str] = {}, **settings: str) -> WorkerProcess:
        named = {f"SECCAM_SECURITY_{k.upper()}": v for k, v in settings.items()}
        worker = WorkerProcess(broker, tmp_path, {**named, **{f"SECCAM_VISIT_{k.upper()}": v for k, v in visit.items()}})
        workers.append(worker)
        eventually(worker.ready, within=PATIENCE, what=f"worker ready; {worker.log.read_text()[-2000:]}")
        return worker

    yield begin
    for worker in workers:
        if worker.process.poll() is None:
            worker.stop()


@pytest.fixture
def house(broker: RunningBroker, tmp_path: Path) -> Iterator[House]:
    """A monitor with a login that listens on all addresses."""
    with open_house(broker, tmp_path, host="0.0.0.0") as house:
        yield house
