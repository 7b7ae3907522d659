"""Frames under faults: what is shown and analysed stays fresh, whoever is slow, hostile or gone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from seccam import topology
from tests.brokers import RunningBroker
from tests.faults.injections import frozen
from tests.faults.ledger import seen
from tests.faults.memory import resident_mb
from tests.faults.row import check
from tests.faults.sightings import WorkerRow
from tests.fuzz.mutator import Mutator
from tests.integration import monitors
from tests.integration.monitors import Camera, RunningMonitor, Sender, noise
from tests.integration.workers import PATIENCE, Lens, WorkerProcess
from tests.scenes import jpeg, photo, scene
from tests.unit.notifier.events import face
from tests.waiting import eventually

#: Seconds after which a frame is stale.
STALE = topology.FRAME_TTL_MS / 1000
#: Bad messages for each flow and kind.
BAD = 300


@pytest.fixture
def worker(broker: RunningBroker, tmp_path: Path, stack: ExitStack) -> WorkerProcess:
    """A worker that is ready."""
    started = WorkerProcess(broker, tmp_path, {"SECCAM_SECURITY_FULL_SCAN_INTERVAL_SECONDS": "0.1"})
    stack.callback(started.stop)
    eventually(started.ready, within=PATIENCE, what="worker ready")
    return started


class Viewer(threading.Thread):
    """Takes a camera's stream as fast as it comes, and counts the pictures."""

    def __init__(self, monitor: RunningMonitor, camera: str) -> None:
        super().__init__(name="viewer", daemon=True)
        self._url, self._enough = f"{monitor.base}/cameras/{camera}/stream.mjpeg", threading.Event()
        self.pictures = 0

    def run(self) -> None:
        """Watch until `end`."""
        with httpx.stream("GET", self._url, timeout=20) as answer:
            for chunk in answer.iter_raw(65536):
                self.pictures += chunk.count(b"Content-Length: ")
                if self._enough.is_set():
                    return

    def end(self) -> None:
        """Watch no more."""
        self._enough.set()
        self.join(10)

    def rate(self, seconds: float) -> float:
        """Pictures a second from now on."""
        before, began = self.pictures, time.monotonic()
        time.sleep(seconds)
        return (self.pictures - before) / (time.monotonic() - began)


@contextmanager
def slow_viewers(monitor: RunningMonitor, camera: str, count: int) -> Iterator[None]:
    """Viewers that take 1 KB a second, and come again when they are sent away."""
    enough = threading.Event()

    def crawl() -> None:
        while not enough.is_set():
            with socket.socket() as one, contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                one.connect(("127.0.0.1", monitor.port))
                one.sendall(f"GET /cameras/{camera}/stream.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                while one.recv(1024) and not enough.wait(1.0):
                    pass

    threads = [threading.Thread(target=crawl, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join(10)


@pytest.mark.slow
def test_slow_viewers_take_nothing_from_another_one(broker: RunningBroker, stack: ExitStack) -> None:
    monitor = stack.enter_context(monitors.running(broker))
    stack.enter_context(Camera(broker, "front", [noise(1), noise(2)], fps=10))
    eventually(lambda: monitor.snapshot("front"), within=PATIENCE)
    viewer = Viewer(monitor, "front")
    viewer.start()
    stack.callback(viewer.end)
    eventually(lambda: viewer.pictures, within=PATIENCE)
    rate = viewer.rate(15)
    before = resident_mb(monitor.process.pid)

    with slow_viewers(monitor, "front", 20):
        time.sleep(5)
        meanwhile = viewer.rate(45)
        after = resident_mb(monitor.process.pid)

    seen(
        "20 slow viewers",
        "1 KB/s each, 50 s",
        f"another viewer: {rate:.1f}, then {meanwhile:.1f} pictures a second; memory: monitor {before:.0f}, then {after:.0f} MB",
    )
    assert meanwhile > 0.8 * rate
    assert after < before + 30


@pytest.mark.slow
def test_hostile_messages_stop_nothing(broker: RunningBroker, tmp_path: Path, stack: ExitStack) -> None:
    row = WorkerRow(broker, tmp_path, workers=1)
    stack.callback(row.close)
    (worker,) = row.workers
    monitor = stack.enter_context(monitors.running(broker))
    processes = {"monitor": monitor.process.pid, "worker": worker.process.pid, "notifier": row.notifier.process.pid}
    before = {name: resident_mb(pid) for name, pid in processes.items()}
    good = jpeg(photo("astronaut"))
    sender, lens = Sender(broker), Lens(broker, "yard")
    stack.callback(sender.close)
    stack.callback(lens.close)

    def is_fine() -> bool:
        """Whether a good frame is shown and analysed."""
        sender.view("yard", good)
        lens.publish(good)
        return monitor.snapshot("yard") == good and any(line["camera"] == "yard" for line in worker.lines("faces_reported"))

    with row.fault():
        publish_bad(sender, broker)
        row.over()
        began = time.monotonic()
        eventually(is_fine, within=PATIENCE, every=0.2)
        fine = time.monotonic() - began

    after = {name: resident_mb(pid) for name, pid in processes.items()}
    memory = ", ".join(f"{name} {before[name]:.0f}, then {after[name]:.0f} MB" for name in processes)
    injected = f"{9 * BAD} mutated frames, headers and events"
    seen("hostile messages", injected, f"the next good frame is shown and analysed after {fine:.1f} s; memory: {memory}")
    check(row.settle("hostile messages", injected))
    assert not [name for name, pid in processes.items() if resident_mb(pid) > before[name] + 60]
    assert None is monitor.process.poll() is worker.process.poll() is row.notifier.process.poll()


def publish_bad(sender: Sender, broker: RunningBroker) -> None:
    """Into every flow that a service reads."""
    random = Random(5)
    pictures, events = Mutator([jpeg(photo("astronaut"))], random), Mutator([face(faces=2).encode()], random)
    with broker.connection() as connection:
        channel = connection.channel()
        for number in range(BAD):
            for flow in (topology.VIEW, topology.SECURITY):
                sender.publish(topology.key(flow, f"bad{number % 5}"), pictures.next(), {"seq": -number, "boot_id": "b" * number})
                sender.publish_unreadable(topology.key(flow, "front"), pictures.next())
            for flow in (topology.EVENTS, topology.FACES, topology.STATUS, topology.PRESENCE):
                sender.publish(topology.key(flow, "front"), events.next())
            channel.basic_publish(topology.EVENTS_EXCHANGE, topology.key(topology.EVENTS, "front"), events.next())
            time.sleep(0.01)


class Filming(threading.Thread):
    """Publishes frames for the workers at a rate, until it is told to end."""

    def __init__(self, broker: RunningBroker, fps: float) -> None:
        super().__init__(name="filming", daemon=True)
        self._lens, self._pause, self._enough = Lens(broker), 1 / fps, threading.Event()
        walk = [scene(("grace_hopper", 90, 900, 300), ("astronaut", 50, 40 + 16 * step, 150)) for step in range(20)]
        self._pictures = [jpeg(pixels) for pixels in walk]

    def run(self) -> None:
        """Film."""
        while not self._enough.wait(self._pause):
            self._lens.publish(self._pictures[self._lens.seq % len(self._pictures)])
        self._lens.close()

    def end(self) -> None:
        """Film no more."""
        self._enough.set()
        self.join(10)


def frames(worker: WorkerProcess, outcome: str, **labels: str) -> int:
    """Frames that the worker has received, done or dropped."""
    return int(worker.metric(f"seccam_security_frames_{outcome}_total", **labels))


def received_fresh(worker: WorkerProcess) -> int:
    """Frames that were at most 2 s old when the worker got them."""
    return int(worker.metric("seccam_security_frame_age_seconds_bucket", stage="received", le=f"{STALE:.1f}"))


def used(worker: WorkerProcess, waiting: int) -> str:
    """What became of the frames."""
    done, dropped = frames(worker, "done"), frames(worker, "dropped")
    return f"at most {waiting} frames waited; {done} analysed, all at most 2 s old on arrival; {dropped} others dropped"


@pytest.fixture
def filming(broker: RunningBroker, stack: ExitStack) -> Callable[[float], None]:
    """Starts a camera with so many frames a second."""

    def start(fps: float) -> None:
        camera = Filming(broker, fps)
        camera.start()
        stack.callback(camera.end)

    return start


def deepest(broker: RunningBroker, seconds: float) -> int:
    """The largest number of frames that wait for the workers in this time."""
    ends, most = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        most = max(most, broker.depth(topology.SECURITY_QUEUE))
        time.sleep(0.5)
    return most


@pytest.mark.slow
def test_a_worker_that_has_hung_works_through_no_backlog(
    broker: RunningBroker, worker: WorkerProcess, filming: Callable[[float], None]
) -> None:
    rate = 5.0
    filming(rate)
    eventually(lambda: frames(worker, "done") > rate, within=PATIENCE)
    with frozen(worker.process.pid):
        waiting = deepest(broker, 60)
        resumed = time.monotonic()
    before = eventually(lambda: frames(worker, "done"), within=PATIENCE)
    time.sleep(5)
    burst, took = frames(worker, "done") - before, time.monotonic() - resumed
    done, fresh = frames(worker, "done"), received_fresh(worker)

    seen("the only worker hangs", "SIGSTOP for 60 s, at 5 frames a second", used(worker, waiting))
    assert waiting <= topology.WORK_QUEUE_LEAST
    assert done <= fresh, "every frame that was analysed"
    assert burst <= (took + STALE) * rate + 1


@pytest.mark.slow
def test_too_many_frames_for_the_workers_wait_in_a_short_queue(
    broker: RunningBroker, worker: WorkerProcess, filming: Callable[[float], None]
) -> None:
    filming(60.0)
    eventually(lambda: frames(worker, "done"), within=PATIENCE)
    waiting = deepest(broker, 30)
    done, fresh = frames(worker, "done"), received_fresh(worker)

    seen("too many frames for one worker", "60 a second for 30 s", used(worker, waiting))
    assert waiting <= topology.WORK_QUEUE_LEAST
    assert done <= fresh, "every frame that was analysed"
