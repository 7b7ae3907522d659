"""Camera services in one process, with prerecorded pictures: `python -m bench.cameras FPS`.

The services, their publishers and their connections are the real ones; only the source is not. Reads a JSON object from standard
input, the broker's URL of each camera by name, and runs until the input ends.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from bench.source import pictures
from seccam.broker import Publisher
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings
from seccam_camera.metrics import CameraMetrics
from seccam_camera.service import CameraService
from seccam_camera.settings import CameraSettings
from seccam_camera.sources.base import Capture, StopToken

#: Different pictures; the scene moves sideways, so every picture has to be searched for faces.
_PICTURES = 32


class Film:
    """A source that shows prerecorded pictures at a steady rate."""

    def __init__(self, files: Sequence[bytes], fps: float, stop: StopToken) -> None:
        self._files, self._stop = itertools.cycle(files), stop
        self._interval, self._due = 1 / fps, time.monotonic()

    def read(self) -> Capture:
        """The next picture, when it is due."""
        self._due += self._interval
        self._stop.wait(max(0.0, self._due - time.monotonic()))
        return Capture(time.time(), time.monotonic(), next(self._files))

    def close(self) -> None:
        """There is nothing to close."""


def run(url: str, name: str, files: Sequence[bytes], fps: float, stop: threading.Event) -> None:
    """Run one camera until `stop` is set, as `seccam-camera` does."""
    settings = CameraSettings(name=name, source="demo", view_fps=fps)
    registry = CollectorRegistry()
    metrics = CameraMetrics(registry, name, settings.rates())
    publisher = Publisher(
        BrokerSettings(url=url),
        f"camera {name}",
        BrokerMetrics(registry, ("publish",)),
        on_sent=lambda message: camera.sent(message),  # noqa: PLW0108  # `camera` is defined below
        on_dropped=lambda message, reason: camera.dropped(message, reason),  # noqa: PLW0108  # as above
    )
    camera = CameraService(settings, metrics, lambda token: Film(files, fps, token), publisher.publish_latest)
    publisher.start()
    camera.run(stop)
    publisher.stop(2.0)


def main(fps: float) -> None:
    """Run the cameras of standard input until it ends."""
    urls: dict[str, str] = json.loads(sys.stdin.readline())
    files, stop = pictures(_PICTURES), threading.Event()
    threads = [threading.Thread(target=run, args=(url, name, files, fps, stop)) for name, url in urls.items()]
    for number, thread in enumerate(threads):
        thread.start()
        time.sleep(1 / fps / len(threads) if number else 0)  # so that their pictures don't all come at once
    print("running", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(float(sys.argv[1]))
