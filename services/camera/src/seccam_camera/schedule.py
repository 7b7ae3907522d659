"""Time slots in OpenStreetMap's `opening_hours` syntax. Pure: knows no clock.

The state is asked for in local time and the mapping to UTC is made here: opening-hours-py 2.1 misses changes within the
hour that the end of summer time repeats, if it is given a zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from opening_hours import OpeningHours, ParserError, UnknownCountryError  # type: ignore[attr-defined]  # its stub lacks the errors

#: A change later than this is as good as never.
_HORIZON = timedelta(days=366)
_DAY = timedelta(days=1)
_COMMENT = re.compile(r'"[^"]*"')
_SUN = re.compile("sunrise|sunset|dawn|dusk", re.IGNORECASE)


@dataclass(frozen=True)
class Slot:
    """What holds at an instant, and how long."""

    open: bool
    #: When that changes, UTC; None: not within a year.
    until: datetime | None

    def holds(self, instant: datetime) -> bool:
        """Whether it is still so at a later instant."""
        return self.until is None or instant < self.until


class Schedule:
    """When a topic carries pictures."""

    def __init__(self, hours: str, zone: tzinfo, country: str = "") -> None:
        """Raises ValueError that says what is wrong; `country` is an ISO 3166-1 code, for the public holidays (PH)."""
        try:
            self._hours = OpeningHours(hours, country=country.upper() or None, max_interval_days=_HORIZON.days)
        except UnknownCountryError:
            raise ValueError(f"no public holidays are known for the country {country!r}; give its ISO code, as DE or US") from None
        except ParserError as e:
            where = str(e).replace("\n", "\n      ")
            raise ValueError(f"is not in opening_hours syntax, as 24/7 or Mo-Fr 20:00-06:00; PH off. {where}") from None
        _check_supported(_COMMENT.sub("", hours), country)
        self._zone = zone

    def is_open(self, instant: datetime) -> bool:
        """Whether the slot is open at an instant (aware)."""
        return self._hours.is_open(self._local(instant))

    def slot_at(self, instant: datetime) -> Slot:
        """What holds at an instant (aware) and until when."""
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
        """Where the state may change after `at` and not after `shift`, between which local time runs steadily."""
        found, offset, local, end = [], self._offset(at), self._local(at), shift + self._offset(at)
        while (change := self._hours.next_change(local)) is not None and change < end.replace(tzinfo=None):
            found.append(change.replace(tzinfo=UTC) - offset)
            local = change
        return [*found, shift]

    def _next_shift(self, at: datetime) -> datetime:
        """The next change of the zone's offset, to the second, or a day later if there is none within the day."""
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
    """Refuse what the parser takes and can't know: where the sun is, when schools are closed, whose holidays are meant."""
    if sun := _SUN.search(hours):
        raise ValueError(
            f"names {sun[0]}, which is another time each day; give times of day, "
            "if need be by season, as Nov-Feb 16:00-08:00; Mar-Oct 20:00-06:00"
        )
    if "SH" in hours:
        raise ValueError("names school holidays (SH), which aren't known; give their dates, as Jul 20-Aug 31 08:00-20:00")
    if "PH" in hours and not country:
        raise ValueError("names public holidays (PH), but not whose: a country is needed")
