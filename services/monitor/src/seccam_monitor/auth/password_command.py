"""`seccam-monitor-password`: a line for the users file."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence

from seccam_monitor.auth import passwords

_ABOUT = """Prints the line `name:hash` that lets somebody log in to the monitor, for the file that SECCAM_MONITOR_USERS_FILE names.
The password is asked for twice on a terminal, and else is the first line of standard input; it is never an argument."""
_LEAST = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Make the line; the exit status is 2 if the name or the password can't be used."""
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
        raise ValueError(f"a password has at least {_LEAST} characters")
    if len(password.encode()) > passwords.MOST_BYTES:
        raise ValueError(f"a password has at most {passwords.MOST_BYTES} bytes")
    return passwords.line(name, password)


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ValueError("the two passwords are not the same")
    return password


if __name__ == "__main__":
    sys.exit(main())
