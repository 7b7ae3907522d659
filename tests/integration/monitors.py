"""A real monitor process under test, what is published to it and who watches it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import httpx
import numpy as np
import pika
import pika.data
import pika.exceptions
import pytest
import simplejpeg
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from seccam import topology
from seccam.message import Detection, FaceData, FaceEvent, FrameIdentity, PresenceData, Status, TopicStatus, presence_event
from tests.brokers import RunningBroker, free_port
from tests.waiting import eventually


def picture(shade: int, *, width: int = 160, height: int = 90) -> bytes:
    """A JPEG of one colour; each shade has different bytes."""
    return bytes(simplejpeg.encode_jpeg(np.full((height, width, 3), shade % 256, np.uint8)))


def noise(seed: int, *, width: int = 640, height: int = 360) -> bytes:
    """A JPEG of about 200 kB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return bytes(simplejpeg.encode_jpeg(pixels, quality=85))


class RunningMonitor:
    """The process and its two ports. With `authority`, a PEM file, `http` uses TLS."""

    def __init__(self, broker_url: str, log: BinaryIO | None = None, /, visit_gap: str = "60", **settings: str) -> None:
        self.port, self.ops_port = free_port(), free_port()
        authority = settings.pop("authority", "")
        trusted = ssl.create_default_context(cafile=authority) if authority else True
        self.base = f"http{'s' if authority else ''}://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seccam_monitor"],
            env={
                **os.environ,
                "SECCAM_BROKER_URL": broker_url,
                "SECCAM_VISIT_GAP_SECONDS": visit_gap,
                "SECCAM_MONITOR_PORT": str(self.port),
                "SECCAM_MONITOR_OPS_PORT": str(self.ops_port),
                **{f"SECCAM_MONITOR_{name.upper()}": value for name, value in settings.items()},
            },
            stderr=log,
        )
        self.http = httpx.Client(base_url=self.base, timeout=20, verify=trusted)

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.ops_port}/readyz", timeout=20).status_code == 200
        except httpx.TransportError:
            return False

    def alive(self) -> bool:
        """Whether /healthz answers 200."""
        return httpx.get(f"http://127.0.0.1:{self.ops_port}/healthz", timeout=20).status_code == 200

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample's value."""
        text = httpx.get(f"http://127.0.0.1:{self.ops_port}/metrics", timeout=20).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None

    def snapshot(self, camera: str) -> bytes | None:
        """The newest picture; None if there is none."""
        answer = self.http.get(f"/cameras/{camera}/snapshot.jpg")
        return answer.content if answer.status_code == 200 else None

    def camera(self, name: str) -> dict[str, Any] | None:
        """Its entry in /cameras."""
        found: list[dict[str, Any]] = [c for c in self.http.get("/cameras").json() if c["name"] == name]
        return found[0] if found else None

    def socket(self, **arguments: Any) -> ClientConnection:
        """The WebSocket of a page that reads and answers pings whatever the test does."""
        opened: ClientConnection = connect(
            f"ws://127.0.0.1:{self.port}/ws",
            subprotocols=[Subprotocol("seccam.v1")],
            max_size=None,
            max_queue=None,
            ping_interval=None,
            **arguments,
        )
        return opened

    def stop(self) -> int:
        """Send SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self.http.close()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def running(broker: RunningBroker, log: BinaryIO | None = None, /, **settings: str) -> Iterator[RunningMonitor]:
    """A monitor that is ready; `log` takes what it logs."""
    monitor = RunningMonitor(broker.url(topology.MONITOR_USER), log, **settings)
    try:
        eventually(monitor.ready, within=40, what="monitor ready")
        yield monitor
    finally:
        monitor.stop()


class Sender:
    """Publishes as cameras and workers do."""

    def __init__(self, broker: RunningBroker) -> None:
        self._connection = broker.connection()
        self._channel = self._connection.channel()
        self._seq = 0

    def close(self) -> None:
        """Hang up."""
        with suppress(pika.exceptions.AMQPError):  # the broker may have been killed
            self._connection.close()

    def publish(self, key: str, body: bytes, headers: dict[str, Any] | None = None) -> None:
        """Publish any message."""
        self._channel.basic_publish(topology.EXCHANGE, key, body, pika.BasicProperties(headers=headers, timestamp=int(time.time())))
        self._connection.process_data_events(0)

    def publish_unreadable(self, key: str, body: bytes) -> None:
        """Publish a message with headers that pika can't read: a time beyond its calendar."""
        table = b"\x01aT" + (2**60).to_bytes(8, "big")

        def raw(pieces: list[bytes], _: object) -> int:
            pieces += [len(table).to_bytes(4, "big"), table]
            return 4 + len(table)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pika.data, "encode_table", raw)
            self.publish(key, body, {"a": 1})

    def view(self, camera: str, jpeg: bytes, *, boot_id: str = "b1", ts_ms: int | None = None) -> int:
        """Publish a frame taken now; returns its seq."""
        self._seq += 1
        ts_ms = round(time.time() * 1000) if ts_ms is None else ts_ms
        headers = {"camera": camera, "seq": self._seq, "boot_id": boot_id, "ts_ms": ts_ms}
        self.publish(topology.key(topology.VIEW, camera), jpeg, headers)
        return self._seq

    def status(
        self,
        camera: str,
        state: Literal["starting", "live", "off", "away"] = "live",
        *,
        view_open: bool = True,
        fps: float = 15.0,
        until: int | None = None,
    ) -> None:
        """Publish a camera's status."""
        now = round(time.time() * 1000)
        word = Status(
            camera=camera,
            state=state,
            since=now,
            zone="Europe/Berlin",
            topics={"view": TopicStatus(open=view_open, until=until, fps=fps)},
            ts_ms=now,
        )
        self.publish(topology.key(topology.STATUS, camera), word.encode())

    def faces(self, camera: str, boxes: list[tuple[int, int, int, int]], *, ts_ms: int | None = None, boot_id: str = "b1") -> None:
        """Publish a detection."""
        detection = Detection(
            camera=camera,
            frame=FrameIdentity(boot_id=boot_id, seq=1, ts_ms=ts_ms),
            size=(160, 90),
            faces=len(boxes),
            boxes=boxes,
            scores=[0.9] * len(boxes),
            worker="w",
        )
        self.publish(topology.key(topology.FACES, camera), detection.encode())

    def event(self, camera: str, number: int, *, snapshot: bytes | None = None, taken: float | None = None) -> str:
        """Publish a face event of a picture taken at `taken` (seconds since 1970); returns its id."""
        taken = time.time() if taken is None else taken
        data = FaceData(
            camera=camera,
            frame=FrameIdentity(boot_id="b1", seq=number, ts_ms=round(taken * 1000)),
            size=(160, 90),
            faces=2,
            boxes=[(1, 2, 30, 40), (50, 2, 30, 40)],
            scores=[0.9, 0.8],
            worker="w",
            snapshot=base64.b64encode(snapshot).decode() if snapshot else None,
        )
        when = datetime.fromtimestamp(taken, UTC)
        event = FaceEvent(id=f"{camera}-b1-{number}", source=f"/seccam/camera/{camera}", time=when, data=data)
        self.publish(topology.key(topology.EVENTS, camera), event.encode())
        return event.id

    def presence(self, camera: str, began: float, seen: float, *, gone: bool = False) -> None:
        """Publish that faces were seen from `began` to `seen` (seconds since 1970), and are still there or gone."""
        data = PresenceData(
            camera=camera,
            frame=FrameIdentity(boot_id="b1", seq=1, ts_ms=round(seen * 1000)),
            faces=1,
            visit_began=datetime.fromtimestamp(began, UTC),
            worker="w",
        )
        event = presence_event(data, round(seen * 1000), present=not gone)
        self.publish(topology.key(topology.EVENTS if gone else topology.PRESENCE, camera), event.encode())


class Camera(threading.Thread):
    """Publishes pictures at a steady rate until it is stopped."""

    def __init__(self, broker: RunningBroker, name: str, jpegs: list[bytes], *, fps: float = 15.0) -> None:
        super().__init__(daemon=True)
        self._sender, self._name, self._jpegs, self._fps = Sender(broker), name, jpegs, fps
        self._enough = threading.Event()
        self.count = 0

    def run(self) -> None:
        for jpeg in itertools.cycle(self._jpegs):
            self._sender.view(self._name, jpeg)
            self.count += 1
            if self._enough.wait(1 / self._fps):
                return

    def __enter__(self) -> Camera:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()
        self._sender.close()


def messages(socket: ClientConnection, kind: str, *, within: float = 15.0) -> Iterator[dict[str, Any]]:
    """The JSON messages of this type as they come, without others."""
    deadline = time.monotonic() + within
    while True:
        body = socket.recv(timeout=max(0.01, deadline - time.monotonic()))
        if isinstance(body, str) and (message := json.loads(body))["type"] == kind:
            yield message


def first_picture(socket: ClientConnection) -> bytes:
    """The next binary message."""
    while not isinstance(body := socket.recv(timeout=15), bytes):
        pass
    return body


def end_of(socket: ClientConnection) -> tuple[int, int]:
    """Read until the monitor closes; returns the number of pictures, and the close code."""
    pictures = 0
    while True:
        try:
            pictures += isinstance(socket.recv(timeout=30), bytes)
        except ConnectionClosed as e:
            return pictures, e.rcvd.code if e.rcvd else 1006


def say(socket: ClientConnection, kind: str, **fields: Any) -> None:
    """Send a message as the page does."""
    socket.send(json.dumps({"type": kind, **fields}))
