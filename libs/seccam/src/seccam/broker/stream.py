"""Reading a stream: its last messages, or all of them, then each new one once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from seccam import logs
from seccam.broker.consumer import Consumer, Delivery, Subscription

log = logs.get(__name__)

#: Seconds within which the broker delivers a message that the stream holds.
_ANSWER_SECONDS = 3.0
#: Where to start if the offset of the stream's end can't be read.
_LAST_DAY = "1D"


class StreamReader:
    """One subscription at a time to a stream.

    To read the last messages, a first subscription finds the offset of the stream's end, and a second one reads from so
    many messages before it. After a reconnection reading continues at the last message that was read. If the broker doesn't
    deliver it, or delivers another one, the stream was deleted and declared again, and reading starts over. Everything runs
    in the connection's thread.
    """

    def __init__(
        self,
        queue: str,
        handle: Callable[[Delivery], None],
        *,
        last: int | None = None,
        prefetch: int = 20,
        required: bool = True,
        on_missing: Callable[[], None] = lambda: None,
    ) -> None:
        """`last`: how many messages are read at the start; None: all. The others are as for Subscription."""
        self._handle, self._replayed = handle, last
        self._subscription = partial(Subscription, queue=queue, required=required, on_missing=on_missing)
        self._queue, self._prefetch = queue, prefetch
        self._consumer: Consumer | None = None
        #: Counts the subscriptions; what an earlier one still delivers is passed over.
        self._number = 0
        #: Offset of the last message that was read; None if it isn't known.
        self._last: int | None = None
        #: Its body; None before the first one was read.
        self._last_body: bytes | None = None
        #: Offset of the next delivery, if its headers can't be read.
        self._expected: int | None = None
        self._answered = False
        self._resumed = 0
        #: The subscription to begin with, later the current one.
        self.subscription = self._beginning()

    def attach(self, consumer: Consumer) -> None:
        """Use this consumer, which has `subscription` already."""
        self._consumer = consumer

    @property
    def is_reading(self) -> bool:
        """Whether the stream can be read, as far as is known."""
        return self._consumer is not None and self._consumer.holds(self.subscription)

    def _beginning(self) -> Subscription:
        self._last, self._last_body = None, None
        if self._replayed is None:
            return self._reading()
        self._number += 1
        return self._subscription(partial(self._on_end, self._replayed), consume=lambda: {"x-stream-offset": "last"})

    def _reading(self) -> Subscription:
        self._number += 1
        handle = partial(self._on_message, self._number)
        return self._subscription(handle, consume=self._resume, prefetch=self._prefetch)

    def _on_end(self, replayed: int, delivery: Delivery) -> None:
        # not acknowledged, so nothing more comes on this subscription
        end = _offset(delivery)
        self._last, self._last_body = None if end is None else max(0, end - replayed) - 1, None
        self._switch(self._reading())

    def _resume(self) -> Mapping[str, Any]:
        self._resumed += 1
        self._answered = False
        if self._last is None:
            self._expected = None
            return {"x-stream-offset": "first" if self._replayed is None else _LAST_DAY}
        self._expected = max(0, self._last)
        if self._consumer:
            attempt = self._resumed
            self._consumer.soon(lambda: self._check(attempt), after=_ANSWER_SECONDS)
        return {"x-stream-offset": self._expected}

    def _check(self, attempt: int) -> None:
        if attempt == self._resumed and not self._answered:
            self._start_over()

    def _on_message(self, number: int, delivery: Delivery) -> None:
        delivery.ack()
        if number != self._number:
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
        log.info("stream_replaced", queue=self._queue)
        self._switch(self._beginning())

    def _switch(self, subscription: Subscription) -> None:
        if self._consumer:
            self._consumer.remove(self.subscription)
            self._consumer.add(subscription)
        self.subscription = subscription


def _offset(delivery: Delivery) -> int | None:
    offset = delivery.headers.get("x-stream-offset")
    return int(offset) if isinstance(offset, int) else None
