"""Waits until the services are ready, according to their /readyz."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from seccam_local.stack import Service

#: What is missing of a service whose ops port doesn't answer.
NO_ANSWER = "doesn't answer yet"
#: Seconds between checks of the services, and between reports on those that aren't ready.
POLL_SECONDS, REPORT_SECONDS = 0.5, 15.0
#: Seconds to wait for the cameras' first pictures once everything else is ready.
PICTURE_SECONDS = 4.0


def wait(
    services: Sequence[Service], stop: threading.Event, on_waiting: Callable[[Mapping[str, str]], None]
) -> Mapping[str, str] | None:
    """Wait until all services are ready; None if `stop` is set before.

    Cameras that answer but have no picture are not waited for, as they may be away for long: they are returned, each with
    what it says is missing. Meanwhile `on_waiting` is called now and then with all services that aren't ready.
    """
    reported = time.monotonic()
    complete_at: float | None = None  # since when only pictures of cameras are missing
    while not stop.wait(POLL_SECONDS):
        missing, now = not_ready(services), time.monotonic()
        complete_at = (complete_at or now) if complete_but_for_pictures(services, missing) else None
        if not missing or (complete_at is not None and now - complete_at >= PICTURE_SECONDS):
            return missing
        if complete_at is None and now - reported > REPORT_SECONDS:
            on_waiting(missing)
            reported = now
    return None


def complete_but_for_pictures(services: Iterable[Service], missing: Mapping[str, str]) -> bool:
    """Whether everything is ready except cameras, and these answer."""
    return all(service.camera and missing[service.name] != NO_ANSWER for service in services if service.name in missing)


def not_ready(services: Iterable[Service]) -> dict[str, str]:
    """The services that aren't ready, each with what it says is missing."""
    answers = {service.name: _missing(service.ops.client_address) for service in services}
    return {name: missing for name, missing in answers.items() if missing}


def _missing(address: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        connection.close()
    return "" if answer.status == http.HTTPStatus.OK else _failing_checks(body)


def _failing_checks(body: bytes) -> str:
    """The failing checks in a /readyz answer, in one line."""
    try:
        checks = json.loads(body)["checks"]
        return ", ".join(f"{name}: {why}" for name, why in checks.items())
    except (ValueError, KeyError, AttributeError):
        return "not ready"
