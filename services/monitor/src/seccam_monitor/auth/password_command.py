"""`seccam-monitor-password`: prints a line for the users file."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence

from seccam_monitor.auth import passwords

_ABOUT = """Prints a line `name:hash` for the file that SECCAM_MONITOR_USERS_FILE names, which lets that user log in.
On a terminal the password is asked for twice; otherwise it is the first line of standard input. It is never an argument."""
_LEAST = 12


def main(argv: Sequence[str] | None = None) -> int:
    """Print the line; the exit status is 2 if the name or the password can't be used."""
    parser = argparse.ArgumentParser("seccam-monitor-password", description=_ABOUT)
    parser.add_argument("name", help="who may log in")
    name = parser.parse_args(argv).name
    try:
        print(_line(name))
    except ValueError as e:
        print(f"seccam-monitor-password: {e}", file=sys.stderr)
        return 2
    return 0


def _line(name: str) -> str:
    if fault := passwords.name_fault(name):
        raise ValueError(fault)
    password = _asked()
    if len(password) < _LEAST:
        raise ValueError(f"a password must have at least {_LEAST} characters")
    if len(password.encode()) > passwords.MAX_BYTES:
        raise ValueError(f"a password must have at most {passwords.MAX_BYTES} bytes")
    return passwords.line(name, password)


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Repeat the password: ") != password:
        raise ValueError("the passwords don't match")
    return password


if __name__ == "__main__":
    sys.exit(main())
