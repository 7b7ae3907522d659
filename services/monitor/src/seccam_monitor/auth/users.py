"""The users file: who may log in. It is read again when it changes."""

from __future__ import annotations

from pathlib import Path

from seccam import logs
from seccam.files import signature
from seccam_monitor.auth import passwords
from seccam_monitor.auth.passwords import BadUsers

log = logs.get(__name__)


class UsersFile:
    """A users file. Raises BadUsers if it can't be used at the start."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._signature = signature(self._path)
        self._keep(read(path))

    def __len__(self) -> int:
        return len(self._users)

    @property
    def dummy(self) -> bytes:
        """The hash that the password of an unknown name is checked against."""
        return self._dummy

    def hash_of(self, name: str) -> bytes | None:
        """The hash of this user's password; None if the user is unknown."""
        return self._users.get(name)

    def refresh(self) -> None:
        """Read the file if it has changed. A broken one changes nothing and is logged once."""
        found = signature(self._path)
        if found == self._signature:
            return
        self._signature = found
        try:
            self._keep(read(str(self._path)))
        except BadUsers as e:
            log.error("users_refused", file=str(self._path), faults=e.faults, kept=len(self._users))  # noqa: TRY400  # the faults say it all
        else:
            log.info("users_read", file=str(self._path), users=len(self._users))

    def _keep(self, users: passwords.Users) -> None:
        self._users, self._dummy = users, passwords.dummy(users)


def read(path: str) -> passwords.Users:
    """The users in this file; raises BadUsers."""
    try:
        text = Path(path).read_text("utf-8")
    except OSError as e:
        raise BadUsers([f"can't be read: {e.strerror}"]) from None
    except UnicodeDecodeError:  # its text would show the file's content
        raise BadUsers(["is not UTF-8 text"]) from None
    return passwords.parsed(text)
