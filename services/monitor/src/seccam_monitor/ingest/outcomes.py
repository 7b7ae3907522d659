"""What became of the events of a visit on each channel, by the entries of the notifier's journal. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from seccam.message import EventOutcome

#: Channels of a visit; those of further ones are left out.
CHANNELS = 16
#: Events whose outcome is kept until the event itself comes: the two come from different queues.
AHEAD = 500


@dataclass(frozen=True)
class Outcomes:
    """For each channel, what became of the newest event that was to be told there.

    An event that was suppressed was not to be told, because the visit had been; it counts on a channel only if there is
    nothing else. What was notified stays so.
    """

    #: By channel; None: all channels.
    of_channel: Mapping[str | None, EventOutcome] = field(default_factory=dict)

    def __iter__(self) -> Iterator[EventOutcome]:
        return iter(self.of_channel.values())

    def with_outcome(self, new: EventOutcome) -> Outcomes:
        """These, and this one, which was recorded after the others of its event."""
        known = self.of_channel.get(new.channel)
        if known is None:
            return self if len(self.of_channel) >= CHANNELS else Outcomes({**self.of_channel, new.channel: new})
        return Outcomes({**self.of_channel, new.channel: new}) if _replaces(new, known) else self

    def joined(self, others: Outcomes) -> Outcomes:
        """These, and others of the same visit."""
        return reduce(Outcomes.with_outcome, others, self)

    def shown(self) -> list[EventOutcome]:
        """By channel; that all channels have suppressed an event is left out if one of them was to tell another."""
        told = any(one.outcome != "suppressed" for one in self)
        return sorted((one for one in self if one.channel is not None or not told), key=lambda one: one.channel or "")


class EarlyOutcomes:
    """Outcomes of events that have not come yet, in bounded memory."""

    def __init__(self, events: int = AHEAD) -> None:
        self._events = events
        self._outcomes: OrderedDict[str, Outcomes] = OrderedDict()

    def add(self, outcome: EventOutcome) -> None:
        """Keep it until its event comes."""
        known = self._outcomes.pop(outcome.id, Outcomes())
        self._outcomes[outcome.id] = known.with_outcome(outcome)
        if len(self._outcomes) > self._events:
            self._outcomes.popitem(last=False)

    def take(self, event_id: str) -> Outcomes:
        """Those of an event that has come; they are kept no longer."""
        return self._outcomes.pop(event_id, Outcomes())


def _replaces(new: EventOutcome, known: EventOutcome) -> bool:
    if new.id == known.id and "suppressed" not in (new.outcome, known.outcome):
        return known.outcome != "notified"
    return _rank(new) > _rank(known)


def _rank(one: EventOutcome) -> tuple[bool, float, str]:
    return one.outcome != "suppressed", one.time.timestamp(), one.id
