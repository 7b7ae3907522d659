"""A `seccam-security` that gets more frames than it can analyse."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.brokers import RunningBroker
from tests.integration.monitors import messages, running
from tests.integration.workers import PATIENCE, Lens, Start, WorkerProcess
from tests.scenes import backdrop, jpeg, noisy, scene
from tests.waiting import eventually

pytestmark = pytest.mark.alone

FACE, LARGE = jpeg(scene(("astronaut", 60, 300, 100), width=640, height=360)), jpeg(noisy(backdrop(), 40, seed=1))
#: Each frame is searched for faces, so that a second has too many.
EVERY_FRAME = {"full_scan_interval_seconds": "0.0001"}
FRAMES = "seccam_security_frames"


@contextmanager
def publishing(broker: RunningBroker, rates: Mapping[str, float], body: bytes) -> Iterator[None]:
    """Cameras that publish at these rates, frames a second, until the block ends."""
    end = threading.Event()

    def publish() -> None:
        lenses = {camera: Lens(broker, camera) for camera in rates}
        due = [(time.monotonic() + number / len(rates) / rates[camera], camera) for number, camera in enumerate(rates)]
        heapq.heapify(due)
        while not end.wait(max(0.0, due[0][0] - time.monotonic())):
            at, camera = due[0]
            lenses[camera].publish(body)
            heapq.heapreplace(due, (at + 1 / rates[camera], camera))
        for lens in lenses.values():
            lens.close()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def analysed(worker: WorkerProcess) -> dict[str, float]:
    """Frames that the worker has analysed, by camera."""
    return worker.by_camera(f"{FRAMES}_done_total")


def test_a_camera_that_floods_the_queue_takes_no_analyses_from_another_one(broker: RunningBroker, start: Start) -> None:
    worker = start(**EVERY_FRAME)

    with publishing(broker, {"flood": 50, "quiet": 2}, LARGE):
        eventually(lambda: {"flood", "quiet"} <= analysed(worker).keys(), within=PATIENCE)
        began, before = time.monotonic(), analysed(worker)
        time.sleep(20)
        seconds, after = time.monotonic() - began, analysed(worker)

    rates = {camera: (after[camera] - before[camera]) / seconds for camera in ("flood", "quiet")}
    assert rates["flood"] < 0.9 * 50, "not above the worker's capacity"
    assert rates["quiet"] >= 0.8 * 2, rates


def test_above_its_capacity_a_worker_drops_as_many_frames_of_each_camera_and_loses_no_event(
    broker: RunningBroker, start: Start
) -> None:
    worker = start(**EVERY_FRAME)
    cameras = {f"camera{number}": 5.0 for number in range(20)}

    with running(broker, cameras=",".join(cameras)) as monitor, publishing(broker, cameras, FACE):
        eventually(lambda: cameras.keys() <= analysed(worker).keys(), within=PATIENCE)
        with monitor.socket() as page:
            said = next(m["analysed"] for m in messages(page, "status", within=PATIENCE) if m["analysed"] is not None)
        assert 0 < said < 0.9
        began, before = time.monotonic(), analysed(worker)
        eventually(lambda: sum(analysed(worker).values()) - sum(before.values()) >= 60, within=PATIENCE, every=0.5)
        seconds, after = time.monotonic() - began, analysed(worker)

    turns = [after[camera] - before[camera] for camera in cameras]
    assert sum(turns) < 0.9 * 100 * seconds, "not above the worker's capacity"
    assert max(turns) - min(turns) <= 2, turns
    assert worker.metric(f"{FRAMES}_dropped_total", reason="replaced") > worker.metric(f"{FRAMES}_dropped_total", reason="stale")
    assert worker.metric("seccam_security_reports_total", report="visit") == len(cameras)
    eventually(lambda: worker.metric("seccam_events_unconfirmed") == 0, within=PATIENCE)
    assert worker.metric("seccam_events_lost_total") == 0
