"""A copy on disk of the messages that the broker has not confirmed, for a process that dies meanwhile."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from seccam import logs
from seccam.broker.outgoing import Message
from seccam.files import write_private

log = logs.get(__name__)

#: Processes that can share a folder.
_PLACES = 64
_SUFFIX = ".json"


class Spool:
    """Keeps messages in a place of its own in a folder, and finds those that an earlier process left there.

    Processes may share the folder, for example the workers on one volume: each takes a place that no other one has locked.
    Files survive the end of the process, not a power cut: they are not synced, because a worker must not wait for the disk.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError if the folder can't be used."""
        self._place, self._lock = _taken_place(folder)
        self._count = max((int(path.stem) for path in self._files()), default=0)
        self._failures = logs.Throttle()

    def messages(self) -> Iterator[tuple[Path, Message]]:
        """The messages that were left, oldest first; files that can't be read are deleted."""
        for path in self._files():
            try:
                yield path, _decoded(path.read_bytes())
            except (OSError, ValueError, TypeError, KeyError) as e:
                log.warning("spool_file_unreadable", file=path.name, error=type(e).__name__)
                path.unlink(missing_ok=True)

    def put(self, message: Message) -> Path | None:
        """Keep this message; None if the disk doesn't take it."""
        self._count += 1
        path = self._place / f"{self._count:012}{_SUFFIX}"
        try:
            write_private(path, _encoded(message), sync=False)
        except OSError as e:
            if self._failures.allows("failed"):
                log.warning("spool_failed", error=e.strerror, meaning="a crash may lose events that are not confirmed")
            return None
        return path

    def remove(self, path: Path) -> None:
        """The message is confirmed."""
        with contextlib.suppress(OSError):  # then it is sent once more, and known by its id
            path.unlink()

    def close(self) -> None:
        """Leave the place, with what is in it, to another process."""
        self._lock.close()

    def _files(self) -> list[Path]:
        return sorted(path for path in self._place.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def _taken_place(folder: Path) -> tuple[Path, IO[str]]:
    """A place that no other process has, and the open file that locks it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(_PLACES):
        place = folder / str(number)
        place.mkdir(mode=0o700, exist_ok=True)
        lock = (place / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return place, lock
    raise OSError(f"{_PLACES} processes use it already")


def _encoded(message: Message) -> str:
    fields: dict[str, Any] = {**asdict(message), "headers": dict(message.headers), "body": base64.b64encode(message.body).decode()}
    return json.dumps(fields)


def _decoded(text: bytes) -> Message:
    fields = json.loads(text)
    try:
        return Message(**{**fields, "body": base64.b64decode(fields["body"], validate=True)})
    except binascii.Error as e:
        raise ValueError(str(e)) from None
