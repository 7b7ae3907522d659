"""Time slots in OpenStreetMap's `opening_hours` syntax. Pure: reads no clock.

Schedules are evaluated in local time, and mapped to UTC here: given a time zone, opening-hours-py 2.1 misses changes
within the hour that is repeated when summer time ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from opening_hours import OpeningHours, ParserError, UnknownCountryError  # type: ignore[attr-defined]  # its stub lacks the errors

#: A change later than this counts as never.
_HORIZON = timedelta(days=366)
_DAY = timedelta(days=1)
_COMMENT = re.compile(r'"[^"]*"')
_SUN = re.compile("sunrise|sunset|dawn|dusk", re.IGNORECASE)
#: What the parser reports: where parsing failed, and which parts of its grammar it expected there.
_PLACE, _EXPECTED = re.compile(r"--> (\d+):(\d+)"), re.compile(r"= expected (.*)")
#: Plain words for parts of that grammar.
_PARTS = {"wday": "a weekday", "hour": "an hour", "minute": "a minute", "extended_time": "a time", "EOI": "the end"}


@dataclass(frozen=True)
class Slot:
    """Whether a topic is open at an instant, and until when that stays so."""

    open: bool
    #: When it changes, UTC; None: not within a year.
    until: datetime | None

    def holds(self, instant: datetime) -> bool:
        """Whether the slot still lasts at a later instant."""
        return self.until is None or instant < self.until


class Schedule:
    """When a topic carries frames."""

    def __init__(self, hours: str, zone: tzinfo, country: str = "") -> None:
        """`country` is the ISO 3166-1 code whose public holidays PH means. Raises ValueError, which says what is wrong."""
        try:
            self._hours = OpeningHours(hours, country=country.upper() or None, max_interval_days=_HORIZON.days)
        except UnknownCountryError:
            raise ValueError(
                f"no public holidays are known for the country {country!r}; use an ISO code such as DE or US"
            ) from None
        except ParserError as e:
            where = str(e).replace("\n", "\n      ")
            raise ValueError(f"is not in opening_hours syntax, such as 24/7 or Mo-Fr 20:00-06:00; PH off. {where}") from None
        _check_supported(_COMMENT.sub("", hours), country)
        self._zone = zone

    def is_open(self, instant: datetime) -> bool:
        """Whether the topic is open at an instant (aware)."""
        return self._hours.is_open(self._local(instant))

    def slot_at(self, instant: datetime) -> Slot:
        """The slot at an instant (aware)."""
        instant = instant.astimezone(UTC)
        now_open, at, end = self.is_open(instant), instant, instant + _HORIZON
        while at < end:
            shift = self._next_shift(at)
            for change in self._changes(at, shift):
                if self.is_open(change) != now_open:
                    return Slot(now_open, change)
            at = shift
        return Slot(now_open, None)

    def _changes(self, at: datetime, shift: datetime) -> list[datetime]:
        """When the state may change after `at`, up to `shift`; the zone's offset is constant between the two."""
        found, offset, local, end = [], self._offset(at), self._local(at), shift + self._offset(at)
        while (change := self._hours.next_change(local)) is not None and change < end.replace(tzinfo=None):
            found.append(change.replace(tzinfo=UTC) - offset)
            local = change
        return [*found, shift]

    def _next_shift(self, at: datetime) -> datetime:
        """The next change of the zone's offset, to the second; a day later if there is none within a day."""
        low, high, offset = at, at + _DAY, self._offset(at)
        if self._offset(high) == offset:
            return high
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._offset(middle) == offset else (low, middle)
        return high.replace(microsecond=0)

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self._zone).utcoffset() or timedelta()

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None)


def _check_supported(hours: str, country: str) -> None:
    """Refuse what the parser accepts but can't evaluate: sun times, school holidays, public holidays without a country."""
    if sun := _SUN.search(hours):
        raise ValueError(
            f"{sun[0]} is not supported; use times of day, by season if needed, such as Nov-Feb 16:00-08:00; Mar-Oct 20:00-06:00"
        )
    if "SH" in hours:
        raise ValueError("school holidays (SH) are not supported; use their dates, such as Jul 20-Aug 31 08:00-20:00")
    if "PH" in hours and not country:
        raise ValueError("public holidays (PH) need a country, in the service's setting HOLIDAYS")


def check_hours(hours: str, country: str = "") -> None:
    """Raise ValueError, which says on one line what is wrong, unless a Schedule can have these hours."""
    try:
        Schedule(hours, UTC, country)
    except ValueError as e:
        raise ValueError(_in_one_line(str(e), hours)) from None


def _in_one_line(fault: str, hours: str) -> str:
    """A schedule's fault in one line: the parser points at it with a drawing over several lines."""
    place, expected = _PLACE.search(fault), _EXPECTED.search(fault)
    if not place or not expected:
        return " ".join(fault.split())
    line, column = (int(number) - 1 for number in place.groups())
    rest = "".join(hours.splitlines(keepends=True)[line:])[column:].split()
    at = repr(rest[0]) if rest else "its end"
    only = re.fullmatch(r"\w+", expected[1])
    what = f"expected {_PARTS.get(only[0], only[0].replace('_', ' '))} at {at}" if only else f"can't be parsed from {at} on"
    return f"{what}; examples of opening_hours syntax: 24/7 or Mo-Fr 20:00-06:00; PH off"
