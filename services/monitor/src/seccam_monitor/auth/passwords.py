"""User names and password hashes as htpasswd writes them; bcrypt only. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import bcrypt

from seccam.errors import SeccamError

#: Accepted costs: `htpasswd -nB` uses 5, Helm 10. Each step doubles the time; 14 takes a second or two.
MIN_COST, MAX_COST = 5, 14
#: Cost of the hashes that are made here.
COST = 12
#: bcrypt ignores the rest of a longer password.
MAX_BYTES = 72

Users = Mapping[str, bytes]

_MAX_NAME = 64
# only two bits of the salt's last character count, and the others must be 0
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


class BadUsers(SeccamError):  # noqa: N818  # as in seccam.errors
    """A users file can't be used; `faults` has a line for each reason and shows no hash."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def parsed(text: str) -> Users:
    """Hashes by name, from lines `name:hash`; raises BadUsers."""
    users: dict[str, bytes] = {}
    faults = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, hashed = line.partition(":")
        fault = name_fault(name) if colon else "must be name:hash"
        if not fault and name in users:
            fault = "the name is in an earlier line as well"
        if fault := fault or _hash_fault(hashed):
            faults.append(f"line {number}: {fault}")
        else:
            users[name] = hashed.encode()
    if faults or not users:
        raise BadUsers(faults or ["contains no user"])
    return MappingProxyType(users)


def name_fault(name: str) -> str:
    """Why this can't be a user name; empty if it can."""
    if not name or len(name) > _MAX_NAME or not name.isprintable() or ":" in name or name != name.strip() or name[0] == "#":
        return f"a name must have 1 to {_MAX_NAME} printable characters, no ':', and no space or '#' at the beginning"
    return ""


def _hash_fault(hashed: str) -> str:
    found = _BCRYPT.fullmatch(hashed)
    if not found:
        return "the password is not a bcrypt hash ($2a$, $2b$ or $2y$); make one with seccam-monitor-password or htpasswd -nB"
    if not MIN_COST <= int(found[1]) <= MAX_COST:
        return f"the hash's cost is {int(found[1])}; it must be {MIN_COST} to {MAX_COST}"
    return ""


def _cost(hashed: bytes) -> int:
    return int(hashed[4:6])


def line(name: str, password: str) -> str:
    """The line for this user in a users file."""
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()}"


def dummy(users: Users) -> bytes:
    """A hash that no password matches, and that takes as long to check as the most expensive of these."""
    cost = max(map(_cost, users.values()), default=COST)
    return bcrypt.gensalt(cost) + b"." * 31


def padding(hashed: bytes, dearest: bytes) -> list[bytes]:
    """Hashes that no password matches: to check this hash and all of these takes as long as to check the dearest one."""
    return [bcrypt.gensalt(cost) + b"." * 31 for cost in range(_cost(hashed), _cost(dearest))]


def matches(password: str, hashed: bytes) -> bool:
    """Whether the password matches this hash. Takes a tenth of a second or more, without holding Python's lock."""
    return bcrypt.checkpw(password.encode("utf-8", "replace")[:MAX_BYTES], hashed)
