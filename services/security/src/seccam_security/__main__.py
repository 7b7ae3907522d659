"""`seccam-security`: one security worker."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from seccam import logs, service
from seccam.broker import Consumer, Publisher, Spool
from seccam.errors import SettingFault, SettingsError
from seccam.frame import FrameDecoder
from seccam.metrics import BrokerMetrics, EventMetrics
from seccam.service import ServiceContext
from seccam.settings import BrokerSettings, VisitSettings
from seccam_security import detectors
from seccam_security.analysis import Analyst
from seccam_security.detectors import DetectorError
from seccam_security.metrics import SecurityMetrics
from seccam_security.service import Worker, live, ready, serve
from seccam_security.settings import SecuritySettings
from seccam_security.warmup import warm_up

PROGRAM = "seccam-security"


def check(_broker: BrokerSettings, _visits: VisitSettings, settings: SecuritySettings) -> None:
    """Raise SettingsError if the detector can't be loaded."""
    try:
        detectors.chosen(settings)
    except DetectorError as e:
        raise SettingsError(SettingFault(f"{settings.PREFIX}DETECTOR", str(e))) from None


def run(context: ServiceContext, broker: BrokerSettings, visits: VisitSettings, settings: SecuritySettings) -> int:
    """Run one worker until the service stops."""
    log = logs.get(__name__)
    try:
        detector = detectors.chosen(settings)
    except DetectorError as e:
        log.error("detector_unusable", error=str(e))  # noqa: TRY400  # the error is clear without a traceback
        return 1
    registry = context.registry
    analyst = Analyst(
        detector, full_scan_interval_seconds=settings.full_scan_interval_seconds, full_scan_width=settings.full_scan_width
    )
    broker_metrics = BrokerMetrics(registry, ("publish", "consume"))
    try:
        spool = Spool(Path(settings.spool_folder)) if settings.spool_folder else None
    except OSError as e:
        log.error("spool_unusable", folder=settings.spool_folder, error=str(e), setting=f"{settings.PREFIX}SPOOL_FOLDER")  # noqa: TRY400  # as above
        return 1
    publisher = Publisher(broker, PROGRAM, broker_metrics, events=EventMetrics(registry), spool=spool)
    decoder = FrameDecoder(secrets.token_hex(8))
    worker = Worker(settings, visits, analyst, decoder, publisher=publisher, metrics=SecurityMetrics(registry, detector))
    consumer = Consumer(broker, PROGRAM, broker_metrics, [worker.subscription()])
    log.info("warmed_up", detector=detector.name, model=detector.model, seconds=round(warm_up(analyst), 3))

    context.probes.watch(
        live=lambda: live(worker, consumer, publisher),
        ready=lambda: ready(worker, consumer, publisher),
    )
    serve(worker, consumer, publisher, context.stop)
    return 0


def main() -> int:
    """The console script."""
    about = "Count faces in the cameras' security frames and report them. Run as many workers as the load needs."
    return service.main(PROGRAM, about, (BrokerSettings, VisitSettings, SecuritySettings), run, check=check)


if __name__ == "__main__":
    sys.exit(main())
