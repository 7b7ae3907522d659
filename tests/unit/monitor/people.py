"""Users whose passwords are quick to check."""

from __future__ import annotations

import functools

import bcrypt


@functools.cache
def hashed(password: str, cost: int = 5) -> bytes:
    """A hash of this password."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost))


def entry(name: str, password: str, *, cost: int = 5) -> str:
    """This user's line in a users file."""
    return f"{name}:{hashed(password, cost).decode()}"
