"""The notifier's own metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import product
from typing import TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from seccam.message import AnyEvent, ProbeEvent
from seccam.metrics import EVENT_TYPES
from seccam_notifier.channels import Result
from seccam_notifier.memory import WHYS, Outcome
from seccam_notifier.retry import DELAY_QUEUES, delay_name

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

_AGES = (0.25, 0.5, 1, 2, 5, 15, 60, 300, 900, 3600, 21600, 86400)
_CALLS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_PARK_REASONS = ("schema", "refused", "too_old", "no_channel", "bug")
_RETRY_CAUSES = ("rate_limited", "server", "timeout", "network", "slow", "busy", "circuit_open", "limit", "journal")
#: Label of what concerns no channel alone.
ALL_CHANNELS = "all"


class NotifierMetrics:
    """What comes in, what becomes of it, and how the channels do."""

    def __init__(self, registry: CollectorRegistry, channels: Sequence[str]) -> None:
        self._channels = each = tuple(channels)
        any_channel = (*each, ALL_CHANNELS)
        types, delays = (*EVENT_TYPES.values(), "unknown"), tuple(delay_name(delay) for delay in DELAY_QUEUES)
        counter, gauge = partial(_series, Counter, registry), partial(_series, Gauge, registry)
        ages = partial(_series, partial(Histogram, buckets=_AGES), registry)
        calls = partial(_series, partial(Histogram, buckets=_CALLS), registry)
        self.received = counter("events_received", "Events received", attempt=("first", "retry"))
        self.events = counter("events", "What became of the events", channel=any_channel, type=types, outcome=get_args(Outcome))
        self.suppressed = counter("suppressed", "Faces and cameras that were not told", channel=each, reason=WHYS)
        self.parked = counter("parked", "Events parked", channel=any_channel, reason=_PARK_REASONS)
        self.requeued = counter("requeued", "Events sent to a delay queue", channel=any_channel, delay=delays, cause=_RETRY_CAUSES)
        self.attempts = counter("attempts", "Calls of a channel", channel=each, result=get_args(Result))
        self.empty = counter("empty_events", "Calls by Nuclio without an event (nuclio#3701)")
        self.last_success = gauge("last_success_timestamp_seconds", "When the channel last took one", channel=each)
        self.circuit_open = gauge("circuit_open", "Calls are saved after failures in a row: 1 yes, 0 no", channel=each)
        self.holding = gauge("holding", "An event is held because it can't be published: 1 yes, 0 no")
        self.last_probe = gauge("last_probe_timestamp_seconds", "When the last probe arrived")
        self.probe_age = gauge("probe_age_seconds", "How long the last probe took to arrive")
        self.journal_ready = gauge("journal_ready", "The journal was read: 1 yes, 0 no")
        self.journal_unconfirmed = gauge("journal_unconfirmed", "Entries that wait to be confirmed by the journal")
        self.journal_dropped = counter("journal_dropped", "Entries dropped because too many waited")
        self.age = ages("event_age_seconds", "From the picture to the notifier, and to a channel's yes", channel=(), stage=())
        for channel in any_channel:
            self.age.labels(channel, "received" if channel == ALL_CHANNELS else "notified")
        self.attempt_seconds = calls("attempt_seconds", "Duration of a call", channel=each)

    def observe_probe(self, probe: ProbeEvent, now: datetime) -> None:
        """A probe has arrived."""
        self.last_probe.set(now.timestamp())
        self.probe_age.set(max(0.0, (now - probe.time).total_seconds()))

    def count_event(self, kind: str, outcome: Outcome, channel: str) -> None:
        """Count what became of an event on a channel."""
        self.events.labels(channel if channel in self._channels else ALL_CHANNELS, kind, outcome).inc()

    def observe_age(self, stage: str, event: AnyEvent, now: datetime, channel: str = ALL_CHANNELS) -> float:
        """The event's age in seconds, 0 if its clock is ahead; counted with an exemplar that names its trace."""
        age = max(0.0, (now - event.time).total_seconds())
        # an exemplar has room for 128 characters
        exemplar = {"trace_id": event.trace_id, "event_id": event.id} if event.trace_id and len(event.id) <= 64 else None
        self.age.labels(channel, stage).observe(age, exemplar)
        return age


def _series(kind: Callable[..., Metric], registry: CollectorRegistry, name: str, about: str, **labels: tuple[str, ...]) -> Metric:
    """A metric whose series exist from the start, for every combination of its labels' values."""
    metric = kind(f"seccam_notifier_{name}", about, list(labels), registry=registry)
    for combination in product(*labels.values()) if labels else ():
        metric.labels(*combination)
    return metric
