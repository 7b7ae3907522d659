"""A notifier with its connections to the broker, as both ways to run it need one."""

from __future__ import annotations

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from seccam.broker import Publisher
from seccam.metrics import BrokerMetrics
from seccam_notifier import PROGRAM, channels, journal
from seccam_notifier.journal import Journal
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.mode import Modes
from seccam_notifier.mode_reporter import ModeReporter
from seccam_notifier.notification import Writer
from seccam_notifier.notifier import Notifier
from seccam_notifier.settings import Settings

#: Directions of the connections, as labels of the broker's metrics.
DIRECTIONS = ("publish", "journal_write", "journal_read")
#: Seconds without a turn of a connection's loop after which the process counts as hung.
MOST_SILENCE = 30.0


class Host:
    """The notifier, the publisher of its retries, parked events and mode, and that of its journal."""

    def __init__(self, registry: CollectorRegistry, broker_metrics: BrokerMetrics, settings: Settings) -> None:
        """Raises SettingsError."""
        chosen, broker = channels.chosen(settings), settings.broker
        metrics = NotifierMetrics(registry, [channel.name for channel in chosen])
        self._publisher = Publisher(broker, PROGRAM, broker_metrics)
        writer = Publisher(broker, PROGRAM, broker_metrics, outbox_limit=journal.LIMIT, direction="journal_write")
        self._journal = Journal(broker, writer, metrics, broker_metrics)
        modes = Modes(settings.own.cameras_silent_at_home, settings.own.schedule)
        self.notifier = Notifier(
            settings.visit,
            channels=chosen,
            max_per_minute=settings.own.max_per_minute,
            writer=Writer(settings.own.text, settings.own.zone, settings.public.url),
            publisher=self._publisher,
            journal=self._journal,
            modes=modes,
            metrics=metrics,
        )
        self._reporter = ModeReporter(modes, self.notifier.mode_changed, self._publisher, self._journal)

    def start(self) -> None:
        """Connect, and read the journal; works without a broker."""
        self._publisher.start()
        self._journal.start(self.notifier.remember)
        self._reporter.start()

    def live(self) -> Mapping[str, str]:
        """The checks of /healthz that fail."""
        return {
            **self._publisher.heartbeat.silent("publisher", MOST_SILENCE),
            **self._journal.live(MOST_SILENCE),
            **self._reporter.heartbeat.silent("mode", MOST_SILENCE),
        }

    def ready(self) -> Mapping[str, str]:
        """The checks of /readyz that fail."""
        return {} if self._journal.ready.is_set() else {"journal": "not read yet"}

    def stop(self, timeout: float) -> None:
        """Publish what can be published within `timeout` seconds, then disconnect."""
        deadline = time.monotonic() + timeout
        self._reporter.stop()
        self._publisher.stop(timeout)
        self._journal.stop(max(0.1, deadline - time.monotonic()))
