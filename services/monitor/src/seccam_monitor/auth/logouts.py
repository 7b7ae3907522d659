"""The file of logouts: a restarted monitor, and other replicas that share it, refuse the same cookies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seccam import logs
from seccam.files import Signature, signature

log = logs.get(__name__)

#: Size beyond which logouts of sessions that have expired are removed, and how many of the newest are kept at most.
_MAX_BYTES, _MOST = 1_000_000, 10_000

#: A session's id, and when it would have expired: seconds since 1970 UTC.
Logout = tuple[str, float]


class LogoutsFile:
    """Lines `id time`, appended under a lock. What can't be read or written is logged, and then only this process knows."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen: Signature | None = None
        if not os.access(self._path.parent, os.W_OK):
            log.info("logouts_not_kept", file=path, meaning="a restarted monitor and other replicas don't know them")

    def append(self, identity: str, ends: float, now: float) -> None:
        """Add a logout."""
        try:
            with self._locked(os.O_RDWR | os.O_CREAT | os.O_APPEND, fcntl.LOCK_EX) as descriptor:
                if os.fstat(descriptor).st_size > _MAX_BYTES:
                    kept = [logout for logout in _parsed(_content(descriptor)) if logout[1] > now]
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, b"".join(_line(*logout) for logout in kept[-_MOST:]))
                os.write(descriptor, _line(identity, ends))
        except OSError as e:
            log.warning("logout_not_kept", file=str(self._path), error=e.strerror)

    def news(self) -> list[Logout]:
        """All logouts, if the file has changed."""
        try:
            if signature(self._path) == self._seen:
                return []
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                self._seen = signature(descriptor)
                return list(_parsed(_content(descriptor)))
        except FileNotFoundError:  # nobody has logged out
            return []
        except OSError as e:
            log.warning("logouts_unreadable", file=str(self._path), error=e.strerror)
            return []

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[int]:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, lock)
            yield descriptor
        finally:
            os.close(descriptor)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _line(identity: str, ends: float) -> bytes:
    return f"{identity} {ends:.0f}\n".encode()


def _parsed(content: bytes) -> Iterator[Logout]:
    for line in content.splitlines():
        try:
            identity, ends = line.decode().split()
            yield identity, float(ends)
        except ValueError:  # not written here
            log.warning("logout_refused", size=len(line))
