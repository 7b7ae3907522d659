"""The audit log: who entered, watched and deleted. docs/ref/audit-log.md lists its lines."""

from __future__ import annotations

import logging
import os
import pwd
import socket
import sys
from typing import Any

import structlog

_logger = logging.getLogger("seccam.audit")
_logger.setLevel(logging.INFO)
#: Its lines are written at every log level: a setting for shorter logs must not hide who watched.
_log = structlog.wrap_logger(_logger, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def note(action: str, **what: Any) -> None:
    """Write one line of a service. Neither names that are no user's nor anything secret may be in it."""
    _log.info("audit", action=action, **what)


def note_of_command(program: str, action: str, **what: Any) -> None:
    """Write one line of a command, which has no log, to standard error; its user is that of the system."""
    written = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.JSONRenderer(default=repr),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    written.info("audit", service=program, action=action, user=_system_user(), address=socket.gethostname(), **what)


def _system_user() -> str:
    """The name of the user who runs this process; in a container the number may have none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
