"""Hosts the notifier without Nuclio: consumes as Nuclio's RabbitMQ trigger does, and calls the same handler.

Like it, it calls one event at a time, gives the handler nuclio-sdk's Event and Context, and acknowledges when the
handler has returned, whatever it returned; unlike it, it asks the broker for one event at a time, so that a crash counts
against no other. pika stays in seccam.broker.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import queue
import re
import sys
import threading
import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import notifier
import nuclio_sdk
import nuclio_sdk.event
from pydantic import Field, SecretStr, field_validator

from seccam import logs, service, topology
from seccam.broker import Consumer, Delivery, Subscription
from seccam.metrics import BrokerMetrics
from seccam.probes import Heartbeat
from seccam.settings import BrokerSettings, Group, OpsSettings

PROGRAM = "seccam-notifier"
#: Seconds without a turn of the loop after which /healthz fails.
SILENCE = 30.0


class IftttSettings(Group):
    """Where notifications go."""

    PREFIX = "IFTTT_"

    key: SecretStr = Field(SecretStr(""), description="Key of IFTTT's Webhooks service; empty: notifications are only logged.")
    event: str = Field("seccam", description="Name of the Webhooks event.")
    url: str = Field("https://maker.ifttt.com", description="Address of IFTTT; another one is for tests.")

    @field_validator("key")
    @classmethod
    def _a_bare_key(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().replace("-", "").replace("_", "").isalnum() and value.get_secret_value():
            raise ValueError("must be the key alone: what follows /use/ in the address that IFTTT shows")
        return value

    @field_validator("event")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
        return value

    @field_validator("url")
    @classmethod
    def _a_host_alone(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/?#\s]+/?", value):
            raise ValueError("must be http://host or https://host, with a port or without, and nothing after it")
        return value.removesuffix("/")


class NotifierSettings(OpsSettings):
    """How the notifier works."""

    PREFIX = "SECCAM_NOTIFIER_"

    cooldown_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        60.0, description="Seconds between two notifications of one camera, unless more faces come."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=10)] = Field(10.0, description="Seconds that IFTTT may take to answer.")
    zone: str = Field(
        "", description="IANA time zone of the time in a notification where the event names none; empty: this machine's."
    )

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key if value else value
        except (ValueError, OSError, LookupError):
            raise ValueError("no time zone goes by this name; an example: Europe/Berlin") from None


def nuclio_event(delivery: Delivery) -> nuclio_sdk.Event:
    """The event that Nuclio's Python wrapper makes of a message: texts as bytes, a JSON body parsed."""
    fields: dict[bytes, Any] = {
        b"body": delivery.body,
        b"content_type": delivery.content_type.encode(),
        b"trigger": {b"kind": b"rabbit-mq", b"name": b"events"},
        b"fields": {},
        b"headers": {k.encode(): v.encode() if isinstance(v, str) else v for k, v in delivery.headers.items()},
        b"id": (delivery.message_id or "").encode(),
        b"method": b"",
        b"path": f"{delivery.exchange}/{delivery.key}".encode(),
        b"size": len(delivery.body),
        b"timestamp": 0,
        b"url": b"",
        b"shard_id": 0,
        b"num_shards": 0,
        b"type": b"",
        b"type_version": b"",
        b"version": b"",
    }
    return nuclio_sdk.Event.deserialize(fields, nuclio_sdk.event.EventDeserializerKinds.msgpack_raw)


class Runner(threading.Thread):
    """Takes one delivery after another to the handler, beside the connection, whose heartbeats go on meanwhile."""

    def __init__(self, context: nuclio_sdk.Context, heartbeat: Heartbeat, stop: threading.Event) -> None:
        super().__init__(name="handler", daemon=True)
        self._context, self._heartbeat, self._end = context, heartbeat, stop
        self._inbox: queue.Queue[Delivery] = queue.Queue()

    def take(self, delivery: Delivery) -> None:
        """Called by the connection's thread."""
        self._inbox.put(delivery)

    def run(self) -> None:
        """Until told to stop: what is in hand then is finished, what is not is left to the broker."""
        while not self._end.is_set():
            self._heartbeat.beat()
            try:
                delivery = self._inbox.get(timeout=0.5)
            except queue.Empty:
                continue
            self.run_once(delivery)

    def run_once(self, delivery: Delivery) -> None:
        """One event."""
        notifier.handler(self._context, nuclio_event(delivery))
        delivery.ack()


def run(context: service.ServiceContext, broker: BrokerSettings, ifttt: IftttSettings, own: NotifierSettings) -> int:
    """The notifier's life."""
    log = logs.get(PROGRAM)
    heartbeat = Heartbeat()
    metrics = BrokerMetrics(context.registry, ("publish", "consume"))
    # the numbers as checked: pydantic takes more forms of them than the function
    settings = dataclasses.replace(
        notifier.Settings.read(os.environ), cooldown_seconds=own.cooldown_seconds, timeout_seconds=own.timeout_seconds
    )
    told = notifier.start(settings, context.registry, metrics, log, heartbeat.beat)
    hosted = nuclio_sdk.Context(nuclio_sdk.Logger(logging.WARNING), worker_id=0)
    hosted.user_data.notifier = told
    handling = Runner(hosted, heartbeat, context.stop)
    events = Subscription(handling.take, queue=topology.EVENTS_QUEUE, prefetch=1)
    consumer = Consumer(broker, PROGRAM, metrics, [events])
    context.probes.watch(
        live=lambda: heartbeat.silent("handler", SILENCE) | consumer.heartbeat.silent("consumer", SILENCE),
        ready=lambda: consumer.trouble() | ({} if told.journal_ready.is_set() else {"journal": "not read yet"}),
    )
    handling.start()
    consumer.start()
    context.stop.wait()
    deadline = time.monotonic() + service.STOP_SECONDS
    # a call that takes longer is abandoned: its event is not acknowledged, and comes again
    handling.join(service.STOP_SECONDS - 1)
    consumer.stop(max(0.1, deadline - time.monotonic()))
    return 0


def main() -> int:
    """The console script."""
    about = "Tells IFTTT of the events: the notifier, without Nuclio."
    return service.main(PROGRAM, about, (BrokerSettings, IftttSettings, NotifierSettings), run)


if __name__ == "__main__":
    sys.exit(main())
