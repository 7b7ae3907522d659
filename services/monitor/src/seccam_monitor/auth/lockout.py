"""How often a password may be wrong: by address and by name, in bounded memory. Pure: the clock is passed in."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

#: Wrong tries that are borne, and the seconds that follow them.
TRIES, PAUSE = 5, 30.0
#: Seconds without a wrong try after which those before are forgotten.
_FORGOTTEN = 600.0
#: Addresses, and names, that are remembered; then the one that was wrong longest ago gives way.
_MOST = 10_000
#: One customer has a network of this size, and as many addresses as it likes.
_V6_NETWORK = 64


@dataclass
class _Wrong:
    """The wrong tries of one address or name."""

    count: int = 0
    last: float = 0.0
    until: float = 0.0


class _Table:
    """Wrong tries by key, the most recent last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        entry = self._wrong.get(key)
        return max(0.0, entry.until - now) if entry else 0.0

    def wrong(self, key: str, now: float) -> None:
        entry = self._wrong.pop(key, None)
        if entry is None or now - entry.last > _FORGOTTEN:
            entry = _Wrong()
        entry.count, entry.last = entry.count + 1, now
        if entry.count >= TRIES:
            entry.count, entry.until = 0, now + PAUSE
        self._wrong[key] = entry
        if len(self._wrong) > self._most:
            self._wrong.popitem(last=False)

    def forget(self, key: str) -> None:
        self._wrong.pop(key, None)


class Limiter:
    """Counts wrong tries. Names that nobody has count like others, or the difference would tell who is who."""

    def __init__(self, most: int = _MOST) -> None:
        # two tables, so that made-up names don't push addresses out
        self._addresses, self._names = _Table(most), _Table(most)
        self._welcome: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._most = most

    def wait_of_address(self, address: str, now: float) -> float:
        """Seconds for which nothing from this address is looked at; 0: go on."""
        return self._addresses.wait(network_of(address), now)

    def wait(self, address: str, name: str, now: float) -> float:
        """Seconds for which no password of this name is looked at, or nothing from this address; 0: go on.

        Whoever has been right from an address doesn't wait there for a name that others guess at from elsewhere.
        """
        of_name = 0.0 if (network_of(address), name) in self._welcome else self._names.wait(name, now)
        return max(self.wait_of_address(address, now), of_name)

    def wrong(self, address: str, name: str, now: float) -> None:
        """It was wrong."""
        self._addresses.wrong(network_of(address), now)
        self._names.wrong(name, now)

    def right(self, address: str, name: str) -> None:
        """It was right: the name starts anew. The address doesn't, or one's own password would pay for guessing others'."""
        self._names.forget(name)
        pair = network_of(address), name
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)


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


def whole_seconds(wait: float) -> int:
    """A wait as it is told to people."""
    return max(1, math.ceil(wait))
