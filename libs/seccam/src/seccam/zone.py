"""Time zones by their IANA names, and this machine's."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this IANA name; raises ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; use an IANA name such as Europe/Berlin") from None


def system_zone(localtime: Path = Path("/etc/localtime")) -> ZoneInfo:
    """The time zone of TZ, or else of the system; UTC if neither names one."""
    _, _, linked = str(localtime.resolve()).partition("zoneinfo/")
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked):
        try:
            return zone_of(name)
        except ValueError:
            continue  # not set, or a POSIX rule, which has no name
    return ZoneInfo("UTC")
