"""Reads the stream of events: its last messages at the start, then each new one once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seccam import logs, topology
from seccam.broker import Consumer, Delivery, Subscription

log = logs.get(__name__)

#: Messages that are read again at the start. Each worker publishes several for each visit.
REPLAYED = 400
#: Messages that the broker sends ahead of their acknowledgement.
_PREFETCH = 20
#: Seconds within which the broker delivers a message that the stream holds.
_ANSWER_SECONDS = 3.0
#: Where to start if the offset of the stream's end can't be read.
_LAST_DAY = "1D"


class EventStream:
    """One subscription at a time to `seccam.events.log`.

    A first one finds the offset of the stream's end. The second one reads from REPLAYED messages before it. After a
    reconnection that one starts at the last message that was read. If the broker doesn't deliver it, or delivers another
    one, the stream was deleted and declared again, and reading starts over. Everything runs in the connection's thread.
    """

    def __init__(self, handle: Callable[[Delivery], None], *, replayed: int = REPLAYED) -> None:
        self._handle, self._replayed = handle, replayed
        self._consumer: Consumer | None = None
        self._find_end = Subscription(self._on_end, queue=topology.EVENTS_LOG, consume=lambda: {"x-stream-offset": "last"})
        self._read = Subscription(self._on_message, queue=topology.EVENTS_LOG, consume=self._resume, prefetch=_PREFETCH)
        #: The subscription to begin with, later the current one.
        self.subscription = self._find_end
        #: Offset of the last message that was read; None if it isn't known.
        self._last: int | None = None
        #: Its body; None before the first one was read.
        self._last_body: bytes | None = None
        #: Offset of the next delivery, if its headers can't be read.
        self._expected: int | None = None
        self._answered = False
        self._resumed = 0

    def attach(self, consumer: Consumer) -> None:
        """Use this consumer, which has `subscription` already."""
        self._consumer = consumer

    def _on_end(self, delivery: Delivery) -> None:
        # not acknowledged, so nothing more comes on this subscription
        end = _offset(delivery)
        self._last, self._last_body = None if end is None else max(0, end - self._replayed) - 1, None
        self._switch(self._read)

    def _resume(self) -> Mapping[str, Any]:
        self._resumed += 1
        self._answered = False
        if self._last is None:
            self._expected = None
            return {"x-stream-offset": _LAST_DAY}
        self._expected = max(0, self._last)
        if self._consumer:
            attempt = self._resumed
            self._consumer.soon(lambda: self._check(attempt), after=_ANSWER_SECONDS)
        return {"x-stream-offset": self._expected}

    def _check(self, attempt: int) -> None:
        if attempt == self._resumed and not self._answered:
            self._start_over()

    def _on_message(self, delivery: Delivery) -> None:
        delivery.ack()
        if self.subscription is not self._read:
            return
        self._answered = True
        offset = _offset(delivery)
        if offset is None:
            offset = self._expected
        if offset is not None:
            self._expected = offset + 1
            if self._last is not None and offset <= self._last:
                if offset < self._last or self._last_body not in (None, delivery.body):
                    self._start_over()
                return
            self._last, self._last_body = offset, delivery.body
        self._handle(delivery)

    def _start_over(self) -> None:
        log.info("event_stream_replaced", queue=topology.EVENTS_LOG)
        self._switch(self._find_end)

    def _switch(self, subscription: Subscription) -> None:
        if self._consumer:
            self._consumer.remove(self.subscription)
            self._consumer.add(subscription)
        self.subscription = subscription


def _offset(delivery: Delivery) -> int | None:
    offset = delivery.headers.get("x-stream-offset")
    return int(offset) if isinstance(offset, int) else None
