"""Judges a name and a password: not too often, not too many at once, and never on the event loop."""

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

#: Checks that may wait for the one at work: one at a time leaves a processor to the live view.
_WAITING = 20
#: Seconds to say to who comes when as many wait.
_BUSY = 5.0
#: Seconds for which a password that was right needn't be checked again, and how many of them are remembered.
_REMEMBERED, _MOST_REMEMBERED = 300.0, 256


@dataclass(frozen=True)
class LoginResult:
    """What came of a try."""

    #: ok | refused | limited
    outcome: str
    #: The hash that the password fits; None unless the outcome is ok.
    hashed: bytes | None = None
    #: Seconds to wait before the next try; 0 unless the outcome is limited.
    wait: float = 0.0


@dataclass(frozen=True)
class LoginAttempt:
    """Who claims to be whom, from where."""

    name: str
    password: str
    address: str


class Credentials:
    """Checks tries. On the event loop."""

    def __init__(self, users: UsersFile, logins: dict[str, Counter]) -> None:
        self._users, self._logins = users, logins
        self._lockout = Lockout()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._secret = secrets.token_bytes(32)
        #: Ticket -> the hash that the password fits, and until when that is believed.
        self._remembered: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[LoginResult]] = {}

    async def check(self, attempt: LoginAttempt) -> LoginResult:
        """A login: counted, and checked in full."""
        result = await self._judge(attempt)
        self._logins[result.outcome].inc()
        return result

    async def check_cached(self, attempt: LoginAttempt) -> LoginResult:
        """A program that sends its password with each request: what was right lately is so without another check.

        Only from the same address, and not while that one has to wait: or the memory would answer guesses that the
        lockout refuses.
        """
        now = time.monotonic()
        ticket = hmac.digest(
            self._secret, "\0".join((attempt.address, attempt.name, attempt.password)).encode("utf-8", "replace"), "sha256"
        )
        hashed, until = self._remembered.get(ticket, (None, 0.0))
        if (
            hashed
            and now < until
            and hashed == self._users.hash_of(attempt.name)
            and not self._lockout.wait_of_address(attempt.address, now)
        ):
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
                if wait := self._wait(attempt):  # others of its kind were wrong meanwhile
                    return LoginResult("limited", wait=wait)
                return await self._compare(attempt)
        finally:
            self._waiting -= 1

    async def _compare(self, attempt: LoginAttempt) -> LoginResult:
        hashed = self._users.hash_of(attempt.name)
        fits = await asyncio.to_thread(passwords.matches, attempt.password, hashed or self._users.dummy)
        if hashed is None or not fits:
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
