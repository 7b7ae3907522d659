"""What `helm test` asks: whether the monitor is ready, its page wants a login, and the broker answers."""

import http.client
import os
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit


def status(host: str, port: int, path: str) -> tuple[int, str]:
    """Status of the answer, and where it leads."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Accept": "text/html"})  # as a browser
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location") or ""
    finally:
        connection.close()


def eventually(what: str, holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until this holds; end with what was seen instead if it doesn't."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen: object = holds()
        except OSError as e:
            seen = e
        if seen is True:
            print(f"ok: {what}")
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"failed: {what}; seen: {seen}")
        time.sleep(1)


def ready() -> object:
    """True, or the monitor's answer."""
    seen = status(os.environ["OPS_HOST"], 9090, "/readyz")
    return seen[0] == 200 or seen


def wants_login() -> object:
    """True, or the page's answer to a browser without a login."""
    seen = status(os.environ["PAGE_HOST"], int(os.environ["PAGE_PORT"]), "/")
    return (seen[0] in (302, 303, 307) and urlsplit(seen[1]).path == "/login") or seen


def broker_answers() -> object:
    """True; OSError if it can't be reached."""
    broker = urlsplit(os.environ["BROKER_URL"])
    socket.create_connection((broker.hostname or "", broker.port or 5672), timeout=5).close()
    return True


eventually("the broker answers", broker_answers)
eventually("the monitor is ready, and so connected to the broker", ready)
eventually("the page wants a login", wants_login)
