"""Names and password hashes as htpasswd writes them, bcrypt alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import bcrypt

from seccam.errors import SeccamError

#: Costs that are taken: `htpasswd -nB` makes 5, Helm 10; one step doubles the time, and at 14 that is a second or two.
LEAST_COST, MOST_COST = 5, 14
#: The cost of the hashes that are made here.
COST = 12
#: bcrypt looks at no more of a password.
MOST_BYTES = 72

Users = Mapping[str, bytes]

_LONGEST_NAME = 64
# of the salt's last character only two bits count, and the others must be 0
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


class BadUsers(SeccamError):  # noqa: N818  # like BadFrame, it says what was wrong
    """A users file can't be used; `faults` has a line for each reason, none of which shows a hash."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def parsed(text: str) -> Users:
    """Name -> hash, of the lines `name:hash`; raises BadUsers."""
    users: dict[str, bytes] = {}
    faults = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, hashed = line.partition(":")
        fault = name_fault(name) if colon else "is not name:hash"
        if not fault and name in users:
            fault = "the name stands in a line above already"
        if fault := fault or _hash_fault(hashed):
            faults.append(f"line {number}: {fault}")
        else:
            users[name] = hashed.encode()
    if faults or not users:
        raise BadUsers(faults or ["holds no user"])
    return MappingProxyType(users)


def name_fault(name: str) -> str:
    """Why nobody can be called so; empty if one can."""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or ":" in name or name != name.strip() or name[0] == "#":
        return f"a name is 1 to {_LONGEST_NAME} printable characters without ':', and begins with none of ' ' and '#'"
    return ""


def _hash_fault(hashed: str) -> str:
    found = _BCRYPT.fullmatch(hashed)
    if not found:
        return "the password is no bcrypt hash ($2a$, $2b$ or $2y$); make one with seccam-monitor-password or htpasswd -nB"
    if not LEAST_COST <= int(found[1]) <= MOST_COST:
        return f"the hash's cost is {int(found[1])}; it must be {LEAST_COST} to {MOST_COST}"
    return ""


def line(name: str, password: str) -> str:
    """The line of a users file for this user."""
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()}"


def dummy(users: Users) -> bytes:
    """A hash that takes as long to check as the dearest of these, and that no password has."""
    cost = max((int(hashed[4:6]) for hashed in users.values()), default=COST)
    return bcrypt.gensalt(cost) + b"." * 31


def matches(password: str, hashed: bytes) -> bool:
    """Whether it is the password of this hash. Takes its time, a tenth of a second and more, without Python's lock."""
    return bcrypt.checkpw(password.encode("utf-8", "replace")[:MOST_BYTES], hashed)
