"""Sessions: signed cookies, bound to the user's password. What is stored are logouts. Pure: times are arguments."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from itsdangerous import BadData, URLSafeSerializer

#: Minimum length of the signing key, bytes.
MIN_KEY = 32
#: Logged-out sessions that are remembered until they would have expired.
_MOST_ENDED = 10_000


@dataclass(frozen=True)
class Session:
    """The login of one user."""

    id: str
    name: str
    #: When it expires, seconds since 1970 UTC.
    ends: float
    #: Identifies the password's hash without revealing it.
    seal: str


class Logouts(Protocol):
    """Where logouts are kept: a session's id, and when it would have expired."""

    def append(self, identity: str, ends: float, now: float) -> None:
        """Add a logout."""

    def news(self) -> list[tuple[str, float]]:
        """All logouts, if there are new ones."""


class Sessions:
    """Creates and checks cookies. Replicas with the same key and users accept the same ones.

    A session ends when it expires, when its user or the user's password changes, or by a logout: copies of the cookie are
    refused, and the sockets that were opened with it are closed. Without a file of logouts only this process knows of them.
    """

    def __init__(self, key: bytes, seconds: float, hash_of: Callable[[str], bytes | None], logouts: Logouts | None = None) -> None:
        #: Lifetime of a session.
        self.seconds = seconds
        self._key, self._hash_of, self._logouts = key, hash_of, logouts
        self._serializer = URLSafeSerializer(
            key, salt="seccam.session", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )
        self._ended: OrderedDict[str, float] = OrderedDict()

    def begin(self, name: str, hashed: bytes, now: float) -> str:
        """A cookie for this user."""
        return str(self._serializer.dumps([secrets.token_urlsafe(12), name, round(now), self._seal(hashed)]))

    def read(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie; None if it isn't signed by us, or has ended."""
        try:
            identity, name, began, seal = self._serializer.loads(cookie)
        except (BadData, ValueError, TypeError):
            return None
        session = Session(identity, name, began + self.seconds, seal)
        return session if self.is_valid(session, now) else None

    def is_valid(self, session: Session, now: float) -> bool:
        """Whether the session hasn't ended."""
        hashed = self._hash_of(session.name)
        return (
            now < session.ends
            and session.id not in self._ended
            and hashed is not None
            and hmac.compare_digest(session.seal, self._seal(hashed))
        )

    def end(self, session: Session, now: float) -> None:
        """End the session: its user has logged out."""
        self._remember(session.id, session.ends, now)
        if self._logouts:
            self._logouts.append(session.id, session.ends, now)

    def refresh(self, now: float) -> None:
        """Learn of logouts from before a restart, and of those on other replicas."""
        for identity, ends in self._logouts.news() if self._logouts else ():
            self._remember(identity, ends, now)

    def _remember(self, identity: str, ends: float, now: float) -> None:
        self._ended[identity] = ends
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) <= now):
            self._ended.popitem(last=False)

    def _seal(self, hashed: bytes) -> str:
        return hmac.digest(self._key, b"seccam.seal:" + hashed, "sha256")[:16].hex()
