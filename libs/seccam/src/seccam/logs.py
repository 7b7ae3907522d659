"""Logs: JSON lines, or readable ones on a terminal."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter

#: Fields that make lines too long for a terminal.
_FOR_MACHINES = ("trace_id", "steps")
#: Lines that a Throttle remembers.
_MOST_SAID = 10_000
#: Fields of every line.
_always: dict[str, Any] = {}


def configure(level: str, style: str, service: str, registry: CollectorRegistry, stream: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging; `style` is auto, json or console.

    Lines go to `stream`, by default standard error.
    """
    stream = stream or sys.stderr
    console = style == "console" or (style == "auto" and stream.isatty())
    counters = count_lines(registry)

    def count(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        counter = counters.get("error" if event["level"] == "critical" else event["level"])
        if counter:
            counter.inc()
        return event

    def name(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"event": event.pop("event"), "service": service, **_always, **event}

    def shorten(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: value for key, value in event.items() if key not in _FOR_MACHINES}

    if console:
        ending: list[Any] = [shorten, structlog.processors.TimeStamper("%H:%M:%S", utc=False)]
    else:
        ending = [structlog.processors.TimeStamper("iso", utc=True), structlog.processors.format_exc_info]

    shared: list[Any] = [name, structlog.stdlib.add_log_level, count, *ending]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.processors.JSONRenderer()
    if console:
        # structlog's default shows local variables, which may hold a camera's password
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    # pika logs every failed attempt as an error; seccam.broker logs each loss once
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def always(**fields: Any) -> None:
    """Add these fields to every later line of this process."""
    _always.update(fields)


def count_lines(registry: CollectorRegistry) -> dict[str, Counter]:
    """Counters of log lines by level."""
    lines = Counter("seccam_log_lines", "Log lines written", ["level"], registry=registry)
    return {level: lines.labels(level) for level in ("warning", "error")}


class Throttle:
    """Lets repeated log lines through at most once every `seconds`."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds, self._said = seconds, dict[str, float]()

    def allows(self, what: str) -> bool:
        """Whether a line about this may be written now."""
        now = time.monotonic()
        while self._said and (len(self._said) >= _MOST_SAID or now - next(iter(self._said.values())) >= self._seconds):
            del self._said[next(iter(self._said))]  # the oldest
        if what in self._said:
            return False
        self._said[what] = now
        return True

    def clear(self, what: str | None = None) -> bool:
        """Forget this line (None: all lines), because the condition is over; returns whether one was written."""
        if what is not None:
            return self._said.pop(what, None) is not None
        said, self._said = bool(self._said), {}
        return said


def place(error: Exception) -> str:
    """The kind of an unexpected error and its place; its text may hold anything, a secret included."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno}"


def get(name: str) -> Any:
    """A logger. Events are snake_case names; everything else is key=value."""
    return structlog.get_logger(name)
