"""`helm test`: checks that the broker responds, the monitor is ready, and its page requires a login."""

import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit


def status(url: str) -> tuple[int, str]:
    """Return status and Location of the response."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        # the page's certificate is for its name outside the cluster
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", parts.path, headers={"Accept": "text/html"})  # as a browser
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location") or ""
    finally:
        connection.close()


def eventually(what: str, holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the check returns True; exit with its last result otherwise."""
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
    """Return True, or the monitor's response."""
    seen = status(f"http://{os.environ['OPS_HOST']}:9090/readyz")
    return seen[0] == 200 or seen


def requires_login() -> object:
    """Return True, or the page's response to a browser without a login."""
    seen = status(f"{os.environ['PAGE_URL']}/")
    return (seen[0] in (302, 303, 307) and urlsplit(seen[1]).path == "/login") or seen


def broker_responds() -> object:
    """Return True; OSError if it can't be reached."""
    broker = urlsplit(os.environ["BROKER_URL"])
    socket.create_connection((broker.hostname or "", broker.port or 5672), timeout=5).close()
    return True


eventually("the broker responds", broker_responds)
eventually("the monitor is ready and connected to the broker", ready)
eventually("the page requires a login", requires_login)
