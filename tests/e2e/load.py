"""Cameras that always see a face, sent from outside the cluster: each is one visit, for as long as it sends."""

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
    """Pictures of somebody who crosses the scene."""
    return [jpeg(scene(("astronaut", 200, x, 60))) for x in range(0, 900, 90)]


@contextmanager
def cameras(release: Release, count: int, fps: float) -> Iterator[list[str]]:
    """So many cameras send frames to the workers, each so many a second; their names, which no earlier visit has."""
    names = [f"load-{secrets.token_hex(4)}-{n}" for n in range(count)]
    ended = threading.Event()
    thread = threading.Thread(target=_send, args=(release, names, fps, ended), daemon=True)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join(30)


def _send(release: Release, names: list[str], fps: float, ended: threading.Event) -> None:
    """Until it is ended; connects again when its node of the broker goes, as a camera does."""
    shots = _shots(names)
    while not ended.is_set():
        with suppress(*PIKA_ERRORS), ledger.channel(release, topology.CAMERA_USER) as channel:
            due = time.monotonic()
            while not ended.is_set():
                shot = next(shots)
                properties = pika.BasicProperties(content_type=frame.CONTENT_TYPE, headers=shot.headers(), expiration="2000")
                channel.basic_publish(topology.EXCHANGE, topology.key(topology.SECURITY, shot.camera), shot.jpeg, properties)
                due += 1 / fps / len(names)
                channel.connection.process_data_events(max(0.0, due - time.monotonic()))


def _shots(names: list[str]) -> Iterator[Frame]:
    """The cameras' pictures in turn, for ever; each is of now."""
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
