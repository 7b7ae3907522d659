"""Hands messages over to other queues: the delay queues, the parked queue."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from seccam import logs, topology
from seccam.broker import Message, Publisher
from seccam.probes import Heartbeat
from seccam_notifier import PROGRAM
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.received import ReceivedMessage

log = logs.get(PROGRAM)

#: Seconds that a queue has to answer before a message is offered to the next one.
ANSWER_SECONDS = 5.0
#: Seconds between two looks for that answer.
TURN = 0.5
#: Seconds for which a queue that took no message is not offered another one.
PAUSE_SECONDS = 10.0
#: Seconds between two messages that go back to the events queue because no other queue takes them.
HOLD_SECONDS = 0.2


class Handover:
    """Passes each message to the first queue that takes it."""

    def __init__(self, publisher: Publisher, metrics: NotifierMetrics, heartbeat: Heartbeat) -> None:
        """The `heartbeat` beats while a message waits for the broker."""
        self._publisher, self._metrics, self._heartbeat = publisher, metrics, heartbeat
        #: Queues that took no message, and until when they are not asked again, monotonic seconds.
        self._paused: dict[str, float] = {}
        self._held = logs.Throttle()

    def pass_on(
        self,
        received: ReceivedMessage,
        event_id: str,
        headers: Mapping[str, Any],
        queues: Sequence[str],
        delay: int | None = None,
    ) -> str:
        """Returns when a queue has the message, with the queue's name; until then the event is ours, and not acknowledged.

        The first of the queues that takes it gets it, for `delay` seconds if it is a delay queue. If none does, it goes back
        to the end of the events queue, so that the other events are not held up.
        """
        while True:
            for queue in dict.fromkeys(queues):
                if self._paused.get(queue, 0.0) > time.monotonic():
                    continue
                if self._is_taken(received.to(queue, event_id, headers, delay)):
                    self._metrics.holding.set(0)
                    return queue
                self._paused[queue] = time.monotonic() + PAUSE_SECONDS
            self._hold(event_id, "no queue takes it")
            time.sleep(HOLD_SECONDS)
            if self._is_taken(received.to(topology.EVENTS_QUEUE, event_id, headers)):
                return topology.EVENTS_QUEUE
            self._paused.clear()

    def _is_taken(self, message: Message) -> bool:
        """Whether the queue takes the message; waits for as long as the broker can't be reached."""
        while (receipt := self._publisher.publish_durable(message)) is None:
            self._heartbeat.beat()
            time.sleep(1.0)
        patience = ANSWER_SECONDS
        while patience > 0 and not receipt.answered.wait(TURN):
            self._heartbeat.beat()
            self._hold(message.message_id, f"no answer from {message.key}")
            if self._publisher.connected and not self._publisher.blocked:
                patience -= TURN
        if not receipt.confirmed.is_set():
            self._publisher.withdraw(receipt)
        return receipt.confirmed.is_set()

    def _hold(self, event_id: str | None, why: str) -> None:
        self._metrics.holding.set(1)
        if self._held.allows(why):
            log.warning("event_held", event_id=event_id, why=why)
