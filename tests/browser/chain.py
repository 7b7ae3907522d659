"""The real monitor on a real broker, with cameras and a worker that the test controls."""

from __future__ import annotations

import base64
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from seccam import frame, message, topology
from seccam.broker import Message, Publisher, event_message
from seccam.frame import Frame
from seccam.metrics import BrokerMetrics
from tests.brokers import RunningBroker, free_port
from tests.browser import pictures
from tests.waiting import eventually


class Monitor:
    """A seccam-monitor process."""

    def __init__(self, broker: RunningBroker, *, gap: float = 60.0, **settings: str) -> None:
        self._broker, self._gap, self._settings = broker, gap, settings
        self.port, self.ops_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> Monitor:
        """Start it, and wait until it is ready."""
        environment = {
            "PATH": os.environ["PATH"],
            "SECCAM_BROKER_URL": self._broker.url(topology.MONITOR_USER),
            "SECCAM_MONITOR_PORT": str(self.port),
            "SECCAM_MONITOR_OPS_PORT": str(self.ops_port),
            "SECCAM_VISIT_GAP_SECONDS": str(self._gap),
            **{f"SECCAM_MONITOR_{name.upper()}": value for name, value in self._settings.items()},
        }
        self.process = subprocess.Popen([sys.executable, "-m", "seccam_monitor"], env=environment, stderr=subprocess.DEVNULL)
        try:
            eventually(self._ready, within=30, every=0.1, what="monitor ready")
        except AssertionError:
            self.end(signal.SIGKILL)
            raise
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it with this signal."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal that doesn't end it."""
        assert self.process is not None
        self.process.send_signal(number)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the monitor ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def publisher(broker: RunningBroker, user: str) -> Publisher:
    """A connected publisher with the rights of this user."""
    made = Publisher(broker.settings(user), "test", BrokerMetrics(CollectorRegistry(), ("publish",)))
    made.start()
    eventually(lambda: made.connected, what="publisher connected")
    return made


class FakeCamera:
    """Publishes numbered pictures as a camera service does; the sequence is the number."""

    def __init__(self, link: Publisher, name: str, fps: float = 15.0, *, size: tuple[int, int] = (640, 360), **how: Any) -> None:
        self.name, self.fps, self.size = name, fps, size
        #: When each picture was taken, by number: seconds since 1970 UTC.
        self.taken: dict[int, float] = {}
        self._link, self._boot_id = link, "b" + name.replace("-", "")[:20]
        #: Seconds that the camera's clock is ahead; None if it has no clock.
        self.clock: float | None = how.get("clock", 0.0)
        #: Seconds from capture to publication.
        self.delay: float = how.get("delay", 0.0)
        self._picture: Callable[[int], bytes] = how.get("picture", lambda n: pictures.numbered(n, *size))
        self._loop = how.get("loop", 0)
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self.numbers = itertools.count(1)

    def start(self) -> FakeCamera:
        """Send pictures until `stop`."""
        self._halt.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> float:
        """Stop sending; returns when the last picture was taken."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join()
        return max(self.taken.values(), default=0.0)

    def send(self, picture: bytes | None = None) -> Frame:
        """Send one picture now."""
        number = next(self.numbers)
        taken = time.time() - self.delay
        self.taken[number] = taken
        sent = Frame(
            camera=self.name,
            boot_id=self._boot_id,
            seq=number,
            jpeg=self._picture(number) if picture is None else picture,
            width=self.size[0],
            height=self.size[1],
            ts_ms=None if self.clock is None else round((taken + self.clock) * 1000),
        )
        headers = {} if self.clock is None else sent.headers()
        self._link.publish_latest(
            self.name, Message(topology.key(topology.VIEW, self.name), sent.jpeg, frame.CONTENT_TYPE, headers)
        )
        return sent

    def say(self, state: str, *, view_open: bool = True, until: int | None = None) -> None:
        """Publish the camera's status."""
        now = round(time.time() * 1000)
        word = message.Status.model_validate(
            {
                "camera": self.name,
                "state": state,
                "since": now,
                "zone": "UTC",
                "topics": {"view": {"open": view_open, "until": until, "fps": self.fps}},
                "ts_ms": now,
            }
        )
        self._link.publish_latest(
            f"{self.name} status", Message(topology.key(topology.STATUS, self.name), word.encode(), message.CONTENT_TYPE)
        )

    def _run(self) -> None:
        due = time.monotonic()
        while not self._halt.is_set():
            self.send()
            due += 1 / self.fps
            self._halt.wait(max(0.0, due - time.monotonic()))


class FakeWorker:
    """Publishes detections and events as a security worker does."""

    def __init__(self, link: Publisher) -> None:
        self._link = link

    def sees(self, seen_in: Frame, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (1280, 720)) -> None:
        """Publish a detection: boxes for the page."""
        detection = message.Detection(**_seen(seen_in, boxes, size))
        self._link.publish_latest(
            f"{seen_in.camera} faces",
            Message(topology.key(topology.FACES, seen_in.camera), detection.encode(), message.CONTENT_TYPE),
        )

    def announces(self, seen_in: Frame, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (1280, 720)) -> str:
        """Publish a face event; returns its id."""
        snapshot = base64.b64encode(pictures.snapshot()).decode()
        event = message.face_event(
            seen_in, seen_in.ts_ms or round(time.time() * 1000), message.FaceData(**_seen(seen_in, boxes, size), snapshot=snapshot)
        )
        self._link.publish_durable(event_message(event))
        return event.id

    def keeps_seeing(self, seen_in: Frame, began: float, *, gone: bool = False) -> None:
        """The visit that began then (seconds since 1970) goes on until this frame, or is over with it."""
        seen_ms = seen_in.ts_ms or round(time.time() * 1000)
        data = message.PresenceData(
            camera=seen_in.camera,
            frame=message.FrameIdentity(boot_id=seen_in.boot_id, seq=seen_in.seq, ts_ms=seen_in.ts_ms),
            faces=1,
            visit_began=datetime.fromtimestamp(began, UTC),
            worker="test",
        )
        event = message.presence_event(data, seen_ms, present=not gone)
        if gone:
            self._link.publish_durable(event_message(event))
        else:
            key = topology.key(topology.PRESENCE, seen_in.camera)
            self._link.publish_latest(f"{seen_in.camera} presence", Message(key, event.encode(), message.CONTENT_TYPE))


def _seen(seen_in: Frame, boxes: tuple[tuple[int, int, int, int], ...], size: tuple[int, int]) -> dict[str, Any]:
    identity = message.FrameIdentity(boot_id=seen_in.boot_id, seq=seen_in.seq, ts_ms=seen_in.ts_ms)
    return {
        "camera": seen_in.camera,
        "frame": identity,
        "size": size,
        "faces": len(boxes),
        "boxes": list(boxes),
        "scores": [0.97] * len(boxes),
        "worker": "test",
    }
