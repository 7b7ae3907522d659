"""How often a password may be wrong: by address and by name, in bounded memory. Pure: the clock is passed in."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

#: Wrong tries that are borne, and the seconds that follow them.
MAX_FAILURES, LOCKOUT_SECONDS = 5, 30.0
#: Seconds without a wrong try after which those before are forgotten.
_FORGET_SECONDS = 600.0
#: Addresses, and names, that are remembered; then the one that was wrong longest ago gives way.
_MAX_ENTRIES = 10_000
#: One customer has a network of this size, and as many addresses as it likes.
_V6_NETWORK = 64


@dataclass
class _Failures:
    """The wrong tries of one address or name."""

    count: int = 0
    last: float = 0.0
    until: float = 0.0


class _Table:
    """Wrong tries by key, the most recent last."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        entry = self._failures.get(key)
        return max(0.0, entry.until - now) if entry else 0.0

    def record_failure(self, key: str, now: float) -> None:
        entry = self._failures.pop(key, None)
        if entry is None or now - entry.last > _FORGET_SECONDS:
            entry = _Failures()
        entry.count, entry.last = entry.count + 1, now
        if entry.count >= MAX_FAILURES:
            entry.count, entry.until = 0, now + LOCKOUT_SECONDS
        self._failures[key] = entry
        if len(self._failures) > self._max_entries:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        self._failures.pop(key, None)


class Lockout:
    """Counts wrong tries. Names that nobody has count like others, or the difference would tell who is who."""

    def __init__(self, max_entries: int = _MAX_ENTRIES) -> None:
        # two tables, so that made-up names don't push addresses out
        self._addresses, self._names = _Table(max_entries), _Table(max_entries)
        self._exempt: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._max_entries = max_entries

    def wait_of_address(self, address: str, now: float) -> float:
        """Seconds for which nothing from this address is looked at; 0: go on."""
        return self._addresses.wait(network_of(address), now)

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds for which no password of this name is looked at, or nothing from this address; 0: go on.

        Whoever has been right from an address doesn't wait there for a name that others guess at from elsewhere.
        """
        of_name = 0.0 if (network_of(address), name) in self._exempt else self._names.wait(name, now)
        return max(self.wait_of_address(address, now), of_name)

    def record_failure(self, address: str, name: str, now: float) -> None:
        """It was wrong."""
        self._addresses.record_failure(network_of(address), now)
        self._names.record_failure(name, now)

    def record_success(self, address: str, name: str) -> None:
        """It was right: the name starts anew. The address doesn't, or one's own password would pay for guessing others'."""
        self._names.forget(name)
        pair = network_of(address), name
        self._exempt[pair] = None
        self._exempt.move_to_end(pair)
        if len(self._exempt) > self._max_entries:
            self._exempt.popitem(last=False)


def network_of(address: str) -> str:
    """What counts as one address: itself, of IPv6 its network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((ip, _V6_NETWORK), strict=False))


def retry_after(wait: float) -> int:
    """A wait as it is told to people."""
    return max(1, math.ceil(wait))
