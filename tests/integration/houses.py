"""A monitor with a login."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.brokers import RunningBroker
from tests.integration.monitors import RunningMonitor, running
from tests.unit.monitor.auth.users import entry

PASSWORD = "correct horse battery"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()}


class House:
    """A monitor with a login, and its files."""

    def __init__(self, monitor: RunningMonitor, users: Path, log: Path) -> None:
        self.monitor, self.users, self.log = monitor, users, log

    def cookie(self, name: str = "ann", password: str = PASSWORD) -> dict[str, str]:
        """The headers of somebody who has logged in."""
        answer = httpx.post(f"{self.monitor.base}/login", data={"name": name, "password": password}, timeout=20)
        assert answer.status_code == 303
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}

    def employ(self, *lines: str) -> None:
        """Another users file, put there as the kubelet does it."""
        new = self.users.with_name("new")
        new.write_text("\n".join(lines))
        new.rename(self.users)

    def noted(self) -> list[dict[str, Any]]:
        """The lines of the audit log, without the fields of every line."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines())
        every = ("event", "service", "level", "timestamp")
        return [{name: value for name, value in line.items() if name not in every} for line in lines if line["event"] == "audit"]


@contextmanager
def open_house(broker: RunningBroker, folder: Path, **settings: str) -> Iterator[House]:
    """A house with the user ann, behind a trusted proxy on loopback."""
    users, key, log = folder / "users", folder / "key", folder / "log"
    users.write_text(entry("ann", PASSWORD))
    key.write_bytes(os.urandom(48).hex().encode() + b"\n")
    files = {"users_file": str(users), "session_key_file": str(key), "trusted_proxies": "127.0.0.0/8"}
    with log.open("wb") as written, running(broker, written, **{**files, **settings}) as monitor:
        yield House(monitor, users, log)
