"""Checks names and passwords: within limits, one at a time, and never on the event loop."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from prometheus_client import Counter

from seccam_monitor.auth import passwords
from seccam_monitor.auth.lockout import Lockout
from seccam_monitor.auth.users import UsersFile

#: Checks that may wait for the running one. Only one runs at a time, which leaves a processor to the live view.
_WAITING = 20
#: Seconds after which to retry, for those who come when as many wait.
_BUSY = 5.0
#: Seconds for which a correct password isn't checked again, and how many of them are remembered.
_REMEMBERED, _MOST_REMEMBERED = 300.0, 256


@dataclass(frozen=True)
class LoginResult:
    """The outcome of a login attempt."""

    #: ok | refused | limited
    outcome: str
    #: The hash that the password matches; None unless the outcome is ok.
    hashed: bytes | None = None
    #: Seconds to wait before the next attempt; 0 unless the outcome is limited.
    wait: float = 0.0


@dataclass(frozen=True)
class LoginAttempt:
    """A name and password, and the address that sent them."""

    name: str
    password: str
    address: str


class Credentials:
    """Checks login attempts. Used from the event loop."""

    def __init__(self, users: UsersFile, logins: dict[str, Counter]) -> None:
        self._users, self._logins = users, logins
        self._lockout = Lockout()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._secret = secrets.token_bytes(32)
        #: By ticket: the hash that the password matches, and until when that counts.
        self._remembered: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[LoginResult]] = {}

    async def check(self, attempt: LoginAttempt) -> LoginResult:
        """Count and check a login."""
        result = await self._judge(attempt)
        self._logins[result.outcome].inc()
        return result

    async def check_cached(self, attempt: LoginAttempt) -> LoginResult:
        """Check the password that a program sends with each request; one that was correct lately isn't checked again.

        This holds for the same address only, and not while that is locked out for this name: otherwise the memory would answer
        guesses that the lockout refuses.
        """
        now = time.monotonic()
        ticket = hmac.digest(
            self._secret, "\0".join((attempt.address, attempt.name, attempt.password)).encode("utf-8", "replace"), "sha256"
        )
        hashed, until = self._remembered.get(ticket, (None, 0.0))
        if hashed and now < until and hashed == self._users.hash_of(attempt.name) and not self._wait(attempt):
            return LoginResult("ok", hashed)
        running = self._running.get(ticket)
        if running is None:
            running = self._running[ticket] = asyncio.create_task(self.check(attempt))
            running.add_done_callback(lambda _: self._running.pop(ticket))
        result = await asyncio.shield(running)
        if result.hashed is not None:
            self._remember(ticket, result.hashed)
        return result

    async def _judge(self, attempt: LoginAttempt) -> LoginResult:
        if wait := self._wait(attempt):
            return LoginResult("limited", wait=wait)
        if self._waiting >= _WAITING:
            return LoginResult("limited", wait=_BUSY)
        self._waiting += 1
        try:
            async with self._turn:
                if wait := self._wait(attempt):  # others have failed meanwhile
                    return LoginResult("limited", wait=wait)
                return await self._compare(attempt)
        finally:
            self._waiting -= 1

    async def _compare(self, attempt: LoginAttempt) -> LoginResult:
        hashed = self._users.hash_of(attempt.name)
        dearest = self._users.dummy
        fits = await asyncio.to_thread(passwords.matches, attempt.password, hashed or dearest)
        if hashed is None or not fits:
            for rest in passwords.padding(hashed or dearest, dearest):  # a cheaper hash would tell that the name exists
                await asyncio.to_thread(passwords.matches, attempt.password, rest)
            self._lockout.record_failure(attempt.address, attempt.name, time.monotonic())
            return LoginResult("refused")
        self._lockout.record_success(attempt.address, attempt.name)
        return LoginResult("ok", hashed)

    def _wait(self, attempt: LoginAttempt) -> float:
        return self._lockout.wait(attempt.address, attempt.name, time.monotonic())

    def _remember(self, ticket: bytes, hashed: bytes) -> None:
        self._remembered[ticket] = hashed, time.monotonic() + _REMEMBERED
        self._remembered.move_to_end(ticket)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
