"""Gives commands to the notifier, and hears from it which mode holds."""

from __future__ import annotations

import asyncio
import time

from seccam import logs, topology
from seccam.broker import Delivery, Publisher, Subscription, command_message
from seccam.errors import BadMessage
from seccam.message import CommandEvent, ModeReport
from seccam_monitor.metrics import Metrics

log = logs.get(__name__)

#: Seconds that the broker has to confirm a command.
CONFIRM_SECONDS = 5.0
#: Seconds without a report of the notifier, which sends one every 5 s, after which the mode is not known.
REPORT_SECONDS = 30.0
#: Seconds between two looks for a confirm.
_TURN = 0.02


class Commands:
    """Commands out, reports of the mode in."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher, self._refused = publisher, metrics.refused[topology.MODE]
        #: The last report, and when it came, monotonic seconds.
        self._report: tuple[ModeReport, float] | None = None

    def subscription(self) -> Subscription:
        """To the reports."""
        return Subscription(self._on_report, keys=(topology.MODE,), arguments=topology.SHORT_NEWS, prefetch=20)

    async def give(self, command: CommandEvent) -> bool:
        """Whether the broker has the command for certain; if not, it may have it all the same, if it got it at the last moment."""
        receipt = self._publisher.publish_durable(command_message(command))
        if receipt is None:
            return False
        deadline = time.monotonic() + CONFIRM_SECONDS
        try:
            while not receipt.confirmed.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110  # the broker's thread sets it
                await asyncio.sleep(_TURN)
        finally:
            self._publisher.withdraw(receipt)
        return receipt.confirmed.is_set()

    def mode(self, now: float) -> ModeReport | None:
        """The mode, as far as it is known; `now` is monotonic seconds."""
        return self._report[0] if self._report and now - self._report[1] < REPORT_SECONDS else None

    def _on_report(self, delivery: Delivery) -> None:
        delivery.ack()
        try:
            report = ModeReport.decode(delivery.body)
        except BadMessage as e:
            self._refused.inc()
            log.warning("message_refused", key=delivery.key, error=str(e), counted_in="seccam_monitor_messages_refused_total")
            return
        known = self.mode(delivery.monotonic)
        if known is None or (report.changed or 0) >= (known.changed or 0):  # a stand-by may not know of the last command yet
            self._report = report, delivery.monotonic
