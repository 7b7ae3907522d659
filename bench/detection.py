"""A worker's speed, with and without its motion gate, relative to the bare detector's in the same run.

A real worker on a real broker always has 1280×720 frames of still scenes waiting, one scene per camera. It runs twice: with a
full scan of every frame, and with its motion gate. Every second the worker is stopped for a second, in which the bare detector
gets the same pictures, already decoded and scaled. So other load on the machine affects both alike.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from bench import report
from bench.chain import running
from seccam import topology
from seccam.frame import Frame
from seccam_security import regions
from seccam_security.analysis import Analyst, Memory
from seccam_security.decode import Picture, Pixels, cut
from seccam_security.detectors import Detector, LibFaceDetection, YuNet
from tests.brokers import RunningBroker, free_port, start_broker
from tests.scenes import jpeg, scene

#: Seconds that the detector and the worker get in each round, and rounds; the median of the rounds' ratios is reported.
SECONDS, ROUNDS = 1.0, 15
FULL_SCAN_WIDTH = 640
#: Frames that wait for the worker at any time, each of its own camera, so that it never has to wait.
_WAITING = 12
#: Seconds after which a frame without a detection was dropped.
_LOST = 3.0
#: The queue of the detections.
_DETECTIONS = "seccam.bench"


@dataclass(frozen=True)
class Speed:
    """Frames per second of one detector and of a worker that uses it, and their ratios."""

    detector: str
    #: The bare detector, with decoded pictures.
    bare: float
    #: The worker with a full scan of every frame.
    worker: float
    #: The worker with its motion gate, where nothing moves.
    still: float
    #: The worker's speed relative to the bare detector's.
    share: float
    #: The speed with the motion gate relative to the bare detector's.
    gate: float
    #: Both by processor time (of all threads of the worker) instead of elapsed time, so without waiting.
    cpu_share: float
    cpu_gate: float


@dataclass(frozen=True)
class Pace:
    """Frames per second, and processor seconds per frame."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Turn:
    """The two paces of one round."""

    bare: Pace
    worker: Pace


@dataclass(frozen=True)
class SmallFace:
    """The cost of searching the moved regions for a face of 20 pixels, and of searching the full picture at full resolution."""

    detector: str
    #: Milliseconds per frame.
    moved: float
    full: float

    @property
    def part(self) -> float:
        """Cost of the moved regions relative to the full picture."""
        return self.moved / self.full


def pictures() -> list[bytes]:
    """Still scenes with up to three people, near enough for a full scan."""
    return [
        jpeg(scene(("astronaut", 60, 200, 200))),
        jpeg(scene(("astronaut", 80, 700, 150), ("grace_hopper", 70, 100, 300), background="rocket")),
        jpeg(scene(("grace_hopper", 90, 400, 200), background="chelsea")),
        jpeg(scene(("grace_hopper", 90, 900, 100), ("astronaut", 70, 300, 350), ("astronaut", 60, 500, 80))),
    ]


def measure_all(rounds: int = ROUNDS) -> tuple[list[Speed], list[SmallFace]]:
    """The results of each available detector; yunet needs the path of its model in the variable YUNET_MODEL."""
    detectors: list[tuple[Detector, dict[str, str]]] = [(LibFaceDetection(), {})]
    if model := os.environ.get("YUNET_MODEL"):
        detectors.append((YuNet(model), {"DETECTOR": "yunet", "YUNET_MODEL": model}))
    with tempfile.TemporaryDirectory(prefix="seccam-bench-") as folder:
        broker = start_broker(Path(folder))
        try:
            speeds = [measure(broker, detector, settings, rounds) for detector, settings in detectors]
        finally:
            broker.stop()
    return speeds, [small_face(detector) for detector, _ in detectors]


def measure(broker: RunningBroker, detector: Detector, settings: Mapping[str, str], rounds: int) -> Speed:
    """The medians of one detector's speeds over the rounds; `settings` select the same detector for the worker."""
    every = _turns(broker, detector, {"FULL_SCAN_INTERVAL_SECONDS": "0.0001", **settings}, "analysed", rounds)
    gated = _turns(broker, detector, {"FULL_SCAN_INTERVAL_SECONDS": "3600", **settings}, "still", rounds)
    return Speed(
        detector.name,
        bare=statistics.median(turn.bare.rate for turn in (*every, *gated)),
        worker=statistics.median(turn.worker.rate for turn in every),
        still=statistics.median(turn.worker.rate for turn in gated),
        share=statistics.median(turn.worker.rate / turn.bare.rate for turn in every),
        gate=statistics.median(turn.worker.rate / turn.bare.rate for turn in gated),
        cpu_share=statistics.median(turn.bare.cpu / turn.worker.cpu for turn in every),
        cpu_gate=statistics.median(turn.bare.cpu / turn.worker.cpu for turn in gated),
    )


def small_face(detector: Detector, frames: int = 20) -> SmallFace:
    """A face of 20 pixels walks through a 1280×720 picture."""
    analyst = Analyst(detector, full_scan_interval_seconds=3600, full_scan_width=FULL_SCAN_WIDTH)
    memory = Memory()
    steps = [_frame(jpeg(scene(("astronaut", 20, 200 + 30 * turn, 300))), turn) for turn in range(frames)]
    took = []
    for frame in steps:
        began = time.perf_counter()
        seen = analyst.analyse(frame, memory, 0)
        took.append(time.perf_counter() - began)
        assert frame.seq == 0 or len(seen.faces) == 1, f"{len(seen.faces)} faces in frame {frame.seq}"
    full = Picture(steps[0]).colour(1.0)
    return SmallFace(detector.name, statistics.median(took[1:]) * 1000, 1000 / _pace(lambda _: detector.find(full), 2.0).rate)


def section(speeds: list[Speed], faces: list[SmallFace]) -> str:
    """The results as a section of docs/benchmarks.md."""
    lines = [
        "## Detection",
        "",
        "One worker on a real broker with 1280×720 frames always waiting, alternating with the bare detector on the same",
        f"pictures, decoded and scaled to a width of {FULL_SCAN_WIDTH}: medians of {ROUNDS} rounds. On still scenes nothing moves",
        "and no full scan is due.",
        "",
        report.HEAD,
    ]
    for speed in speeds:
        share = f"{speed.share:.2f} (by processor time {speed.cpu_share:.2f})"
        gate = f"{speed.gate:.1f} × (by processor time {speed.cpu_gate:.1f} ×)"
        worker = f"{speed.detector}: worker, {speed.worker:.1f} of the bare detector's {speed.bare:.1f} frames/s"
        lines.append(report.row(worker, share, "≥ 0.85", speed.share >= 0.85))
        lines.append(
            report.row(f"{speed.detector}: motion gate, {speed.still:.0f} frames/s on still scenes", gate, "≥ 8 ×", speed.gate >= 8)
        )
    for face in faces:
        cost = f"{face.moved:.1f} ms per frame instead of {face.full:.0f} ms for the full picture"
        what = f"{face.detector}: moving face of 20 pixels, {cost}"
        lines.append(report.row(what, f"{face.part:.2f}", "a fraction", face.part < 0.5))
    return "\n".join(lines)


def _pace(work: Callable[[int], object], seconds: float) -> Pace:
    """The pace of calling `work` repeatedly in this thread."""
    work(0)
    began, cpu = time.perf_counter(), time.thread_time()
    turn = 0
    while (passed := time.perf_counter() - began) < seconds:
        work(turn)
        turn += 1
    return Pace(turn / passed, (time.thread_time() - cpu) / turn)


def _frame(file: bytes, seq: int = 0) -> Frame:
    return Frame("bench", "bench", seq, file, 1280, 720, None)


def _whole(file: bytes) -> Pixels:
    picture = Picture(_frame(file))
    region = regions.full_scan(picture.box, FULL_SCAN_WIDTH)
    return cut(picture.colour(region.scale), picture.box, region.box, region.scale)


def _turns(broker: RunningBroker, detector: Detector, settings: Mapping[str, str], outcome: str, rounds: int) -> list[Turn]:
    """The paces of the bare detector and of a worker, by round; the worker's frames with this outcome are counted."""
    files = pictures()
    ready = [_whole(file) for file in files]
    port = free_port()
    environment = {
        "SECCAM_BROKER_URL": broker.url(topology.SECURITY_USER),
        "SECCAM_SECURITY_OPS_PORT": str(port),
        **{f"SECCAM_SECURITY_{name}": value for name, value in settings.items()},
    }
    command = Path(sys.executable).with_name("seccam-security")
    supply = Supply(broker, files)
    turns = []
    with running(str(command), environment=environment) as worker, supply.going():
        while _done(port, outcome)[0] < 3 * len(files):
            time.sleep(0.1)
        for _ in range(rounds):
            supply.pause(True)
            worker.send_signal(signal.SIGSTOP)
            bare = _pace(lambda turn: detector.find(ready[turn % len(ready)]), SECONDS)
            worker.send_signal(signal.SIGCONT)
            supply.pause(False)
            time.sleep(0.2)  # frames that waited meanwhile have expired
            began, (before, cpu_before) = time.perf_counter(), _done(port, outcome)
            time.sleep(SECONDS)
            after, cpu_after = _done(port, outcome)
            frames = max(1.0, after - before)
            turns.append(Turn(bare, Pace(frames / (time.perf_counter() - began), (cpu_after - cpu_before) / frames)))
    return turns


class Supply:
    """Keeps frames waiting in the worker: a camera publishes its next one when the last one's detection comes."""

    def __init__(self, broker: RunningBroker, files: list[bytes]) -> None:
        self._broker, self._files = broker, files
        self._end, self._paused = threading.Event(), threading.Event()
        self._turns = itertools.count(1)
        #: Camera -> when it published, monotonic seconds.
        self._published = {f"bench{number}": -math.inf for number in range(_WAITING)}

    def pause(self, paused: bool) -> None:
        """Stop publishing, or continue."""
        (self._paused.set if paused else self._paused.clear)()

    @contextmanager
    def going(self) -> Iterator[None]:
        """Publish until the block ends."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _run(self) -> None:
        with self._broker.connection() as connection:
            channel = connection.channel()
            channel.queue_declare(_DETECTIONS, exclusive=True)
            channel.queue_bind(_DETECTIONS, topology.EXCHANGE, topology.every(topology.FACES))

            def detected(_: object, method: Any, *__: object) -> None:
                self._publish(channel, topology.camera_of(topology.FACES, method.routing_key) or "")

            channel.basic_consume(_DETECTIONS, detected, auto_ack=True)
            while not self._end.is_set():
                for camera, at in self._published.items():
                    if time.monotonic() - at > _LOST and not self._paused.is_set():
                        self._publish(channel, camera)
                connection.process_data_events(0.05)

    def _publish(self, channel: BlockingChannel, camera: str) -> None:
        turn = next(self._turns)
        self._published[camera] = time.monotonic()
        key = topology.key(topology.SECURITY, camera)
        properties = pika.BasicProperties(content_type="image/jpeg", headers={"seq": turn, "boot_id": "bench"})
        channel.basic_publish(topology.EXCHANGE, key, self._files[int(camera.removeprefix("bench")) % len(self._files)], properties)


def _done(port: int, outcome: str) -> tuple[float, float]:
    """Frames that the worker has finished with this outcome, and the processor seconds that it has used."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            samples = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
    except OSError:
        return 0.0, 0.0
    done = [
        float(v) for name, v in samples if name.startswith("seccam_security_frames_done_total") and f'outcome="{outcome}"' in name
    ]
    return sum(done), next(float(v) for name, v in samples if name == "process_cpu_seconds_total")


if __name__ == "__main__":
    print(section(*measure_all()))
