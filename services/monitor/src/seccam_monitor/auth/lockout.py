"""Locks out addresses and user names after too many wrong passwords, in bounded memory. Pure: times are arguments."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

#: Wrong passwords until a lockout, how long the first one lasts in seconds, and how long the longest; each doubles the last.
MAX_FAILURES, LOCKOUT_SECONDS, MAX_LOCKOUT_SECONDS = 5, 30.0, 900.0
#: Seconds without a failure after which earlier ones are forgotten.
_FORGET_SECONDS = 600.0
#: Seconds after a lockout after which the next one is short again.
_FORGIVE_SECONDS = 3600.0
#: Addresses, and names, that are remembered; beyond that the one with the oldest failure is forgotten.
_MAX_ENTRIES = 10_000
#: Prefix length that one customer typically has to itself.
_V6_NETWORK = 64


@dataclass
class _Failures:
    """The failures of one address or name."""

    count: int = 0
    last: float = 0.0
    #: When the last lockout ends, and how long it lasts; 0 before the first.
    until: float = 0.0
    lockout: float = 0.0

    def record(self, now: float) -> None:
        if now - self.last > _FORGET_SECONDS:
            self.count = 0
        if now - max(self.last, self.until) > _FORGIVE_SECONDS:
            self.lockout = 0.0
        self.count, self.last = self.count + 1, now
        if self.count >= MAX_FAILURES:
            self.count, self.lockout = 0, min(2 * self.lockout or LOCKOUT_SECONDS, MAX_LOCKOUT_SECONDS)
            self.until = now + self.lockout


class _Table:
    """Failures by key, the most recent last."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        entry = self._failures.get(key)
        return max(0.0, entry.until - now) if entry else 0.0

    def record_failure(self, key: str, now: float) -> None:
        entry = self._failures.pop(key, None) or _Failures()
        entry.record(now)
        self._failures[key] = entry
        if len(self._failures) > self._max_entries:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        self._failures.pop(key, None)


class Lockout:
    """Counts wrong passwords. Unknown names count as well, so that the answers don't reveal which names exist.

    An address that has logged in as a user is locked out for that user by wrong passwords of this user from this address only,
    so nobody's guesses of other names, or from other addresses, stop a player.
    """

    def __init__(self, max_entries: int = _MAX_ENTRIES) -> None:
        # two tables, so that invented names don't push out addresses
        self._addresses, self._names = _Table(max_entries), _Table(max_entries)
        self._of_exempt = _Table(max_entries)
        self._exempt: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._max_entries = max_entries

    def wait_of_address(self, address: str, now: float) -> float:
        """Seconds until the address may try again; 0 if it isn't locked out."""
        return self._addresses.wait(network_of(address), now)

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds until this address may try this name again; 0 if it may now."""
        if (network_of(address), name) in self._exempt:
            return self._of_exempt.wait(_pair(address, name), now)
        return max(self.wait_of_address(address, now), self._names.wait(name, now))

    def record_failure(self, address: str, name: str, now: float) -> None:
        """The password was wrong."""
        self._addresses.record_failure(network_of(address), now)
        self._names.record_failure(name, now)
        if (network_of(address), name) in self._exempt:  # of others, invented names would push out these
            self._of_exempt.record_failure(_pair(address, name), now)

    def record_success(self, address: str, name: str) -> None:
        """The password was correct: forget the failures of the name, but not of the address, which may be guessing others'."""
        self._names.forget(name)
        pair = network_of(address), name
        self._exempt[pair] = None
        self._exempt.move_to_end(pair)
        if len(self._exempt) > self._max_entries:
            self._exempt.popitem(last=False)


def _pair(address: str, name: str) -> str:
    return f"{network_of(address)}\0{name}"


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    mapped = ip.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((ip, _V6_NETWORK), strict=False))


def retry_after(wait: float) -> int:
    """A wait in whole seconds, as for Retry-After."""
    return max(1, math.ceil(wait))
