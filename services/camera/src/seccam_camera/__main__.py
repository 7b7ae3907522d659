"""The command seccam-camera: wires the camera service together."""

from __future__ import annotations

import functools
import sys

from seccam import logs, service
from seccam.broker import Publisher
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings
from seccam_camera.metrics import CameraMetrics
from seccam_camera.service import CameraService
from seccam_camera.settings import CameraSettings
from seccam_camera.sources import CaptureOptions, open_source


def run(context: service.ServiceContext, broker: BrokerSettings, settings: CameraSettings) -> int:
    """Run one camera until `context.stop` is set; the exit status, 3 if its source hangs."""
    logs.always(camera=settings.name)
    metrics = CameraMetrics(context.registry, settings.name, settings.rates())
    options = CaptureOptions(settings.width, settings.height, settings.device_fps or settings.rate, settings.ca_file)
    opener = functools.partial(open_source, settings.address, options)
    publisher = Publisher(
        broker,
        f"camera {settings.name}",
        BrokerMetrics(context.registry, ("publish",)),
        on_sent=lambda message: camera.sent(message),  # noqa: PLW0108  # `camera` is defined below
        on_dropped=lambda message, reason: camera.dropped(message, reason),  # noqa: PLW0108  # as above
    )
    camera = CameraService(settings, metrics, opener, publisher.publish_latest)
    context.probes.watch(
        live=lambda: camera.heartbeat.silent("watchdog", 10) | publisher.heartbeat.silent("publisher", 30),
        ready=lambda: (
            publisher.trouble() | ({"broker": "blocked by a broker alarm"} if publisher.blocked else {}) | camera.trouble()
        ),
    )
    publisher.start()
    status = camera.run(context.stop)
    publisher.stop(2.0)
    return status


def main() -> int:
    """Run the command; its exit status."""
    return service.main(
        "seccam-camera", "Reads pictures from one camera and publishes them as frames.", [BrokerSettings, CameraSettings], run
    )


if __name__ == "__main__":
    sys.exit(main())
