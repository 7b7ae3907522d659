"""Users whose passwords are quick to check."""

from __future__ import annotations

import functools

import bcrypt


@functools.cache
def hashed(password: str, cost: int = 5) -> bytes:
    """A hash of this password: the same in every process, as parallel tests need parameters to be."""
    return bcrypt.hashpw(password.encode(), f"$2b${cost:02}${'.' * 22}".encode())


def entry(name: str, password: str, *, cost: int = 5) -> str:
    """This user's line in a users file."""
    return f"{name}:{hashed(password, cost).decode()}"
