"""The phone: IFTTT's stand-in, which remembers what it has accepted, and when."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import datetime

from tests.servers import ifttt
from tests.servers.ifttt import Answer, Exchange, Ifttt

#: Camera and local time of a notification: together they identify an event of the load.
Told = tuple[str, str]


def shown(camera: str, taken: datetime) -> Told:
    """What the phone shows of an event whose local time is UTC."""
    return camera, f"{taken:%Y-%m-%d %H:%M:%S} UTC"


class Phone:
    """What was accepted, by camera and time."""

    def __init__(self) -> None:
        self.accepted: defaultdict[Told, list[float]] = defaultdict(list)
        self.server = Ifttt(default=self.accept)

    def accept(self, exchange: Exchange) -> None:
        """Accept a notification, and say so."""
        self._note(exchange)
        ifttt.ok(exchange)

    def accept_silently(self, exchange: Exchange) -> None:
        """Accept a notification, and lose the answer."""
        self._note(exchange)
        exchange.reset()

    def accept_slowly(self, exchange: Exchange) -> None:
        """Accept a notification at once, with a body that takes for ever."""
        self._note(exchange)
        ifttt.slow_body(exchange)

    def answer(self, answer: Answer) -> None:
        """Answer every call like this from now on."""
        self.server.default = answer

    def recover(self) -> None:
        """Accept everything again."""
        self.server.default = self.accept

    def repeated(self) -> list[tuple[Told, float]]:
        """The notifications that came again, with the time at which each had been accepted before, monotonic seconds."""
        return [(told, time) for told, times in list(self.accepted.items()) for time in times[:-1]]

    def _note(self, exchange: Exchange) -> None:
        if exchange.call:
            values = exchange.call.values
            when = str(values["value3"])[: len("2026-01-01 00:00:00 UTC")]  # a late one says how late it is
            self.accepted[values["value1"], when].append(time.monotonic())
