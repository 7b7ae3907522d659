"""Workers that die, hang, disagree on the time, or are not alone."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seccam import topology
from tests.broker_clients import proxy_to, through
from tests.brokers import RunningBroker
from tests.faults.conftest import beginning
from tests.faults.frail_worker import MAGENTA
from tests.faults.injections import frozen, starved
from tests.faults.row import check
from tests.faults.sightings import PATIENCE, WorkerRow
from tests.integration.workers import Lens, WorkerProcess
from tests.scenes import jpeg, photo, scaled
from tests.tcp_proxy import TcpProxy
from tests.waiting import eventually

FACE = jpeg(photo("astronaut"))
FRAIL = (sys.executable, "-m", "tests.faults.frail_worker")

BeginWorkers = Callable[..., WorkerRow]


@pytest.fixture
def begin(broker: RunningBroker, tmp_path: Path, stack: ExitStack) -> BeginWorkers:
    """Begins a row with workers; what it started ends with the test."""
    return beginning(WorkerRow, broker, tmp_path, stack)


class AckHolder(TcpProxy):
    """From the moment that a frame goes to a client, nothing on that connection reaches the broker: no acknowledgement."""

    def __init__(self, broker: RunningBroker) -> None:
        self._broker_port, self._held = broker.ports.amqp, set[socket.socket]()
        #: Set once a client has a frame.
        self.delivered = threading.Event()
        super().__init__(broker.ports.amqp)

    def passed(self, one: socket.socket, data: bytes) -> bytes:
        """Nothing of a client that holds a frame."""
        if one.getpeername()[1] == self._broker_port and b"image/jpeg" in data:
            self._held.add(self._pairs[one])
            self.delivered.set()
        return b"" if one in self._held else data


@pytest.fixture
def holder(broker: RunningBroker) -> Iterator[AckHolder]:
    """A proxy that holds acknowledgements back."""
    proxy = AckHolder(broker)
    yield proxy
    proxy.close()


def behind(proxy: TcpProxy, broker: RunningBroker) -> dict[str, str]:
    """The settings of a worker that reaches the broker through a proxy."""
    return {"SECCAM_BROKER_URL": through(proxy, broker, topology.SECURITY_USER).url.get_secret_value()}


def clock(offset: str) -> dict[str, str]:
    """The environment of a process whose clock is wrong."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library, "faketime is not installed: run `make setup`"
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def dropped(workers: list[WorkerProcess], reason: str) -> float:
    """Frames that the workers which still run have dropped for this reason."""
    return sum(worker.metric("seccam_security_frames_dropped_total", reason=reason) for worker in workers)


def notified(row: WorkerRow, camera: str) -> int:
    """Notifications about a camera."""
    return sum(len(times) for (name, _), times in list(row.phone.accepted.items()) if name == camera)


def test_a_worker_is_killed_with_a_frame_in_hand(begin: BeginWorkers, broker: RunningBroker, holder: AckHolder) -> None:
    row = begin()
    with row.fault():
        for _ in range(3):
            holder.delivered.clear()
            victim = row.start_worker(behind(holder, broker))
            assert holder.delivered.wait(PATIENCE)
            victim.process.kill()
            victim.process.wait()
        row.over()
        eventually(lambda: dropped(row.workers, "redelivered") >= 1, within=PATIENCE, what="the frame is not analysed again")

    check(row.settle("worker kill -9 with a frame in hand", "3 times, before the acknowledgement"))


@pytest.mark.slow
def test_a_worker_is_killed_between_the_confirm_of_its_event_and_the_acknowledgement_of_the_frame(
    begin: BeginWorkers, broker: RunningBroker, holder: AckHolder, lens: Lens
) -> None:
    row = begin(workers=0)
    row.workers.append(row.start_worker(behind(holder, broker)))
    lens.publish(FACE)
    eventually(lambda: notified(row, "front") == 1, within=PATIENCE, what="its event is confirmed and notified")
    with row.fault():
        row.workers[0].process.kill()
        row.workers[0].process.wait()
        row.workers.append(row.start_worker())
        for _ in range(5):
            lens.publish(FACE)
            time.sleep(0.5)
        row.over()

    line = row.settle("worker kill -9 before the frame's acknowledgement", "its event was confirmed")
    check(line)
    assert notified(row, "front") == 1


def test_a_frame_that_crashes_the_detector_ends_one_worker_at_most(begin: BeginWorkers, lens: Lens) -> None:
    row = begin(workers=0)
    row.workers += [row.start_worker(command=FRAIL) for _ in range(3)]
    poison = jpeg(np.full((360, 640, 3), MAGENTA, np.uint8))

    def crashed() -> list[int]:
        return [code for worker in row.workers if (code := worker.process.poll()) is not None]

    def poisoned(wanted: int) -> bool:
        """Whether so many have crashed; publishes another frame if not, as the last one may have become too old."""
        if len(crashed()) < wanted:
            lens.publish(poison)
        return len(crashed()) >= wanted

    with row.fault():
        for count in (1, 2):
            eventually(partial(poisoned, count), within=PATIENCE, every=5)
            time.sleep(3)
            assert crashed() == [-signal.SIGSEGV] * count
        row.over()

    check(row.settle("a frame that crashes the detector", "2 frames, 3 workers: each ends one of them"))


@pytest.mark.slow
def test_a_worker_is_killed_at_random(begin: BeginWorkers) -> None:
    row = begin()
    with row.fault():
        for _ in range(6):
            row.workers[0].process.kill()
            row.workers[0].process.wait()
            row.workers[0] = row.start_worker()
        row.over()

    check(row.settle("worker kill -9", "6 times at random"))


@pytest.mark.slow
def test_a_worker_ends_in_order_under_load(begin: BeginWorkers) -> None:
    row = begin()
    with row.fault():
        for _ in range(3):
            assert row.workers[0].stop() == 0
            row.workers[0] = row.start_worker()
        row.over()

    check(row.settle("worker SIGTERM", "3 times"))


@pytest.mark.slow
def test_a_worker_hangs(begin: BeginWorkers) -> None:
    row = begin()
    with row.fault():
        with frozen(row.workers[0].process.pid):
            time.sleep(60)
        row.over()

    check(row.settle("worker hangs", "SIGSTOP for 60 s"))


@pytest.mark.slow
def test_a_worker_is_cut_off_silently(begin: BeginWorkers, broker: RunningBroker) -> None:
    with proxy_to(broker) as proxy:
        row = begin()
        row.workers.append(row.start_worker(behind(proxy, broker)))
        with row.fault():
            proxy.freeze()
            time.sleep(45)
            proxy.open()
            row.over()

        check(row.settle("worker cut off silently", "from the broker, 45 s"))


@pytest.mark.slow
def test_a_worker_runs_out_of_memory(begin: BeginWorkers, lens: Lens) -> None:
    row = begin()
    victim = row.start_worker()
    large = jpeg(scaled(photo("astronaut"), 3840, 2160))

    def killed() -> bool:
        lens.publish(large)
        return victim.process.poll() is not None

    with row.fault():
        with starved(victim.process.pid):
            eventually(killed, within=PATIENCE, every=0.5, what="killed by the kernel")
        assert victim.process.returncode == -signal.SIGKILL
        row.workers.append(row.start_worker())
        row.over()

    check(row.settle("worker out of memory", "killed by the kernel in a cgroup, by frames of 3840 x 2160"))


def test_five_workers_see_one_face(begin: BeginWorkers, lens: Lens) -> None:
    row = begin(workers=5)
    with row.fault():
        for _ in range(50):
            lens.publish(FACE)
            time.sleep(0.2)
        row.over()

    line = row.settle("five workers, one face", "in 50 frames")
    check(line)
    assert notified(row, "front") == 1


@pytest.mark.slow
def test_the_clock_of_one_worker_is_an_hour_ahead(begin: BeginWorkers, lens: Lens) -> None:
    """It reports times of its own, so a visit that it sees, too, is another one to the notifier; nothing else is amiss."""
    row = begin()
    row.workers.append(row.start_worker(clock("+1h")))
    with row.fault():
        for _ in range(50):
            lens.publish(FACE)
            time.sleep(0.2)
        row.over()

    check(row.settle("a worker's clock", "an hour ahead, one of three workers; one more notification of a visit that it sees"))
    assert 1 <= notified(row, "front") <= 2
    assert not dropped(row.workers, "stale")
    assert row.workers[-1].metric("seccam_security_frames_done_total")


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
def test_the_clock_of_a_camera_is_an_hour_off(begin: BeginWorkers, lens: Lens, hours: int) -> None:
    row = begin(workers=3)
    with row.fault():
        for _ in range(50):
            lens.publish(FACE, ts_ms=round((time.time() + hours * 3600) * 1000))
            time.sleep(0.2)
        row.over()

    check(row.settle(f"a camera's clock {hours:+d} h", "50 frames, three workers"))
    assert notified(row, "front") == 1
