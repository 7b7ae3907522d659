"""`seccam-notifier`: the notifier without Nuclio.

It asks the broker for one event at a time, and acknowledges each when it is certain what became of it.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from seccam import service, topology
from seccam.broker import Consumer, Delivery, Subscription
from seccam.metrics import BrokerMetrics
from seccam_notifier import PROGRAM, channels
from seccam_notifier.host import DIRECTIONS, MOST_SILENCE, Host
from seccam_notifier.notifier import Notifier
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.settings import GROUPS, Settings


class Handler(threading.Thread):
    """Hands one delivery after another to the notifier, in a thread beside the connection's, whose heartbeats go on."""

    def __init__(self, notifier: Notifier, stop: threading.Event) -> None:
        super().__init__(name="handler", daemon=True)
        self._notifier, self._stopping = notifier, stop
        self._deliveries: queue.Queue[Delivery] = queue.Queue()

    def take(self, delivery: Delivery) -> None:
        """Called by the connection's thread."""
        self._deliveries.put(delivery)

    def run(self) -> None:
        """Until the service stops; what is not handled by then is left to the broker."""
        while not self._stopping.is_set():
            self._notifier.heartbeat.beat()
            try:
                delivery = self._deliveries.get(timeout=0.5)
            except queue.Empty:
                continue
            self._notifier.handle(ReceivedMessage.of(delivery.body, delivery.message_id or "", delivery.headers, delivery.key))
            delivery.ack()


def run(context: service.ServiceContext, *groups: Any) -> int:
    """The notifier, from its start to its stop."""
    broker_metrics = BrokerMetrics(context.registry, (*DIRECTIONS, "consume"))
    settings = Settings._make(groups)
    host = Host(context.registry, broker_metrics, settings)
    handler = Handler(host.notifier, context.stop)
    events = Subscription(handler.take, queue=topology.EVENTS_QUEUE, prefetch=1)
    consumer = Consumer(settings.broker, PROGRAM, broker_metrics, [events])

    def live() -> Mapping[str, str]:
        return {
            **host.live(),
            **host.notifier.heartbeat.silent("handler", MOST_SILENCE),
            **consumer.heartbeat.silent("consumer", MOST_SILENCE),
        }

    context.probes.watch(live=live, ready=lambda: {**consumer.trouble(), **host.ready()})
    host.start()
    handler.start()
    consumer.start()
    context.stop.wait()
    deadline = time.monotonic() + service.STOP_SECONDS
    # a call that takes longer is given up: its event is not acknowledged, and comes again
    handler.join(service.STOP_SECONDS - 1)
    consumer.stop(max(0.1, deadline - time.monotonic()))
    host.stop(max(0.1, deadline - time.monotonic()))
    return 0


def main() -> int:
    """The console script."""
    about = "Tells people of events; the notifier without Nuclio."
    return service.main(PROGRAM, about, GROUPS, run, validate=lambda *groups: channels.chosen(Settings._make(groups)))


if __name__ == "__main__":
    sys.exit(main())
