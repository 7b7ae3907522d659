"""Sessions without a store: signed cookies, bound to the user's password. Pure: times are arguments."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

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


class Sessions:
    """Creates and checks cookies. Replicas with the same key and users accept the same ones.

    A session ends when it expires, or when its user or the user's password changes. Only this process knows of a logout:
    it refuses copies of the cookie, and closes the sockets that were opened with it.
    """

    def __init__(self, key: bytes, seconds: float, hash_of: Callable[[str], bytes | None]) -> None:
        #: Lifetime of a session.
        self.seconds = seconds
        self._key, self._hash_of = key, hash_of
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
        self._ended[session.id] = session.ends
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) <= now):
            self._ended.popitem(last=False)

    def _seal(self, hashed: bytes) -> str:
        return hmac.digest(self._key, b"seccam.seal:" + hashed, "sha256")[:16].hex()
