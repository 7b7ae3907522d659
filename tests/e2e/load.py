"""Simulated cameras outside the cluster that always see a face. Each is one visit for as long as it sends."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pika

from seccam import frame, topology
from seccam.broker.connection import PIKA_ERRORS
from seccam.frame import Frame
from tests.e2e import ledger
from tests.e2e.release import Release
from tests.scenes import jpeg, scene

SIZE = (1280, 720)


def walk() -> list[bytes]:
    """Return pictures of a person who walks through the scene."""
    return [jpeg(scene(("astronaut", 200, x, 60))) for x in range(0, 900, 90)]


@contextmanager
def cameras(release: Release, count: int, fps: float) -> Iterator[list[str]]:
    """Send security frames from `count` cameras at `fps` each. Yields their names, which are new, so that each begins a visit."""
    names = [f"load-{secrets.token_hex(4)}-{n}" for n in range(count)]
    ended = threading.Event()
    thread = threading.Thread(target=_send, args=(release, names, fps, ended), daemon=True)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join(30)


@contextmanager
def visits(release: Release, every: float = 2.0) -> Iterator[list[str]]:
    """Have somebody come to another camera every so many seconds. Yields the cameras so far, which grow."""
    names: list[str] = []
    ended = threading.Event()

    def come() -> None:
        while not ended.is_set():
            with cameras(release, 1, 2.0) as new:
                names.extend(new)
                ended.wait(every)

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join(60)


def _send(release: Release, names: list[str], fps: float, ended: threading.Event) -> None:
    """Send frames until `ended` is set. Reconnects like a camera when its node of the broker goes away."""
    frames = _frames(names)
    while not ended.is_set():
        with suppress(*PIKA_ERRORS), ledger.channel(release, topology.OPERATOR_USER) as channel:
            due = time.monotonic()
            while not ended.is_set():
                sent = next(frames)
                properties = pika.BasicProperties(content_type=frame.CONTENT_TYPE, headers=sent.headers(), expiration="2000")
                channel.basic_publish(topology.EXCHANGE, topology.key(topology.SECURITY, sent.camera), sent.jpeg, properties)
                due += 1 / fps / len(names)
                channel.connection.process_data_events(max(0.0, due - time.monotonic()))


def _frames(names: list[str]) -> Iterator[Frame]:
    """Yield frames of the cameras in turn, forever, with the current time as capture time."""
    pictures, boot_id = walk(), secrets.token_hex(8)
    for seq in itertools.count(1):
        for name in names:
            yield Frame(
                camera=name,
                boot_id=boot_id,
                seq=seq,
                jpeg=pictures[seq % len(pictures)],
                width=SIZE[0],
                height=SIZE[1],
                ts_ms=round(time.time() * 1000),
            )
