"""Sessions without a store: what the cookie says is signed, and bound to the user's password. Pure: the clock is passed in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

#: Least bytes of the signing key.
LEAST_KEY = 32
#: Ends of sessions that are remembered until the session would have ended by itself.
_MOST_ENDED = 10_000


@dataclass(frozen=True)
class Session:
    """Somebody who has logged in."""

    id: str
    name: str
    #: Wall clock, seconds.
    ends: float
    #: Stands for the password's hash, without telling it.
    seal: str


class Sessions:
    """Makes and judges cookies. Each replica with the same key and users comes to the same judgement.

    A session ends with its time, with its user or the user's password. That somebody logged out is known to this
    process alone: it makes a copy of the cookie worthless here, and closes the sockets that came with it.
    """

    def __init__(self, key: bytes, seconds: float, hash_of: Callable[[str], bytes | None]) -> None:
        #: How long a session is.
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
        """The session of a cookie; None if it isn't one of ours, or is over."""
        try:
            identity, name, began, seal = self._serializer.loads(cookie)
        except (BadData, ValueError, TypeError):
            return None
        session = Session(identity, name, began + self.seconds, seal)
        return session if self.is_valid(session, now) else None

    def is_valid(self, session: Session, now: float) -> bool:
        """Whether it isn't over."""
        hashed = self._hash_of(session.name)
        return (
            now < session.ends
            and session.id not in self._ended
            and hashed is not None
            and hmac.compare_digest(session.seal, self._seal(hashed))
        )

    def end(self, session: Session, now: float) -> None:
        """Its user has logged out."""
        self._ended[session.id] = session.ends
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) <= now):
            self._ended.popitem(last=False)

    def _seal(self, hashed: bytes) -> str:
        return hmac.digest(self._key, b"seccam.seal:" + hashed, "sha256")[:16].hex()
