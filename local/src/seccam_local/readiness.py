"""Whether the services are ready, by their own word: /readyz."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable

from seccam_local.stack import Service

#: What is said of a service whose ops port nobody answers.
NO_ANSWER = "doesn't answer yet"


def not_ready(services: Iterable[Service]) -> dict[str, str]:
    """Each service that is not ready, and what it says is missing."""
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
    """The failing checks of a /readyz answer in one line."""
    try:
        checks = json.loads(body)["checks"]
        return ", ".join(f"{name}: {why}" for name, why in checks.items())
    except (ValueError, KeyError, AttributeError):
        return "not ready"
