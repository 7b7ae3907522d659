"""The notifier in Nuclio's processor: `handler: seccam_notifier.nuclio:handler`.

Old versions of Nuclio acknowledge the event of a handler that raised or answered 400 and more, so the handler does
neither: it returns once it is certain what became of the event.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import Any

import nuclio_sdk

from seccam import logs, settings
from seccam.metrics import BrokerMetrics, new_registry
from seccam.probes import Probes
from seccam.settings import LogSettings
from seccam.version import __version__
from seccam_notifier import PROGRAM
from seccam_notifier.host import DIRECTIONS, Host
from seccam_notifier.received import ReceivedMessage
from seccam_notifier.settings import GROUPS, Settings

log = logs.get(PROGRAM)


def init_context(context: nuclio_sdk.Context) -> None:
    """Called by Nuclio once, before the first event; raises SettingsError. Works without a broker."""
    # the environment is not ours alone: Kubernetes adds variables such as SECCAM_MONITOR_PORT
    log_settings, *groups = settings.load(LogSettings, *GROUPS, ignore_unknown=True)
    own = Settings._make(groups).own
    registry = new_registry(os.environ.get("SECCAM_REVISION", ""))
    # to standard output, past Nuclio's own log, whose info level would show the broker's password
    logs.configure(log_settings.level, log_settings.format, PROGRAM, registry, sys.stdout)
    logging.getLogger("nuclio_sdk").propagate = False
    threading.excepthook = _end_with_any_thread
    host = Host(registry, BrokerMetrics(registry, DIRECTIONS), Settings._make(groups))
    try:
        Probes(own.ops_host, own.ops_port, registry).watch(live=host.live, ready=host.ready)
    except OSError as e:  # a notification matters more than metrics
        log.error("ops_port_taken", address=f"{own.ops_host}:{own.ops_port}", error=str(e))  # noqa: TRY400  # says it all
    host.start()
    context.user_data.notifier = host.notifier
    log.info("started", version=__version__, ops=f"{own.ops_host}:{own.ops_port}")


def handler(context: nuclio_sdk.Context, event: nuclio_sdk.Event) -> nuclio_sdk.Response:
    """Called by Nuclio for each message, which may be acknowledged whatever became of it."""
    notifier = context.user_data.notifier
    outcome = notifier.handle_empty() if _is_empty(event) else notifier.handle(_received(event))
    return context.Response(body=outcome, status_code=200)


def _is_empty(event: nuclio_sdk.Event) -> bool:
    """Whether Nuclio made the event up, as it does once its queue was deleted."""
    return event.body in (None, b"", "") and _text(event.path) in ("", "/")


def _received(event: nuclio_sdk.Event) -> ReceivedMessage:
    """The message of an event: its texts may be bytes, and a JSON body is parsed already."""
    body = event.body
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "replace") if isinstance(body, str) else _json(body)
    # the path is exchange/key
    return ReceivedMessage.of(raw, _text(event.id), event.headers or {}, _text(event.path).partition("/")[2] or None)


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):  # nothing that came as JSON
        return repr(type(value)).encode()


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _end_with_any_thread(args: threading.ExceptHookArgs) -> None:
    """A thread that dies of an error ends the process: the event in hand comes again once it was restarted."""
    log.critical("thread_died", thread=args.thread.name if args.thread else "", exc_info=args.exc_value)
    os._exit(1)
