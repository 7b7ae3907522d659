"""Secrets that can be recognised wherever they turn up, and the places of a machine where they might."""

from __future__ import annotations

import base64
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pika


def canary(kind: str) -> str:
    """A new secret; it survives URLs, JSON and shells as it is."""
    return f"canary-{kind}-{secrets.token_hex(12)}"


class Canaries:
    """Secrets by name, and how to find them in what they were written into."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self.planted = dict(planted)

    def found_in(self, text: str | bytes) -> set[str]:
        """The names of the secrets in it: as they are, in hexadecimal digits, or in base64 at any place."""
        raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return {name for name, secret in self.planted.items() if any(form in raw for form in forms(secret))}


def forms(secret: str) -> Iterator[bytes]:
    """The ways in which a secret may be written."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    for offset in range(3):  # what stands before it moves its letters in base64
        encoded = base64.b64encode(bytes(offset) + raw).rstrip(b"=")
        yield encoded[(0, 2, 3)[offset] : len(encoded) - bool((offset + len(raw)) % 3)]


class Processes(threading.Thread):
    """Looks again and again at the command line and the environment of every process, until it is stopped."""

    def __init__(self, canaries: Canaries) -> None:
        super().__init__(daemon=True)
        self._canaries, self._enough = canaries, threading.Event()
        #: Command lines with a secret; and (command line, camera) -> the secrets in its environment.
        self.in_commands: set[str] = set()
        self.in_environments: dict[tuple[str, str], set[str]] = {}

    def run(self) -> None:
        while not self._enough.wait(0.5):
            for process in Path("/proc").glob("[0-9]*"):
                # it has ended meanwhile, or belongs to another user
                with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                    self._look((process / "cmdline").read_bytes(), (process / "environ").read_bytes())

    def stop(self) -> None:
        """Look no more."""
        self._enough.set()
        self.join()

    def _look(self, command: bytes, environment: bytes) -> None:
        line = command.replace(b"\0", b" ").decode(errors="replace")
        if self._canaries.found_in(command):
            self.in_commands.add(line)
        if found := self._canaries.found_in(environment):
            variables = dict(one.split("=", 1) for one in environment.decode(errors="replace").split("\0") if "=" in one)
            self.in_environments.setdefault((line, variables.get("SECCAM_CAMERA_NAME", "")), set()).update(found)


class Tap(threading.Thread):
    """Reads every message that anybody publishes, as RabbitMQ's tracing shows it."""

    def __init__(self, url: str, canaries: Canaries) -> None:
        super().__init__(daemon=True)
        self._connection, self._canaries = pika.BlockingConnection(pika.URLParameters(url)), canaries
        self._enough = threading.Event()
        #: Number of messages by exchange, and the keys of those with a secret.
        self.seen, self.leaks = Counter[str](), set[str]()

    def run(self) -> None:
        channel = self._connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "amq.rabbitmq.trace", "publish.#")
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=0.2):
            if method is not None:
                exchange = method.routing_key.removeprefix("publish.")
                self.seen[exchange] += 1
                if found := self._canaries.found_in(repr(properties.headers)) | self._canaries.found_in(body):
                    self.leaks.add(f"{exchange} {properties.headers.get('routing_keys')}: {found}")
            if self._enough.is_set():
                break
        self._connection.close()

    def stop(self) -> None:
        """Read no more."""
        self._enough.set()
        self.join()


def files_with_secrets(folder: Path, canaries: Canaries) -> dict[str, set[str]]:
    """Path in the folder -> the secrets in it."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # the broker's files come and go
            if path.is_file() and (names := canaries.found_in(path.read_bytes())):
                found[str(path.relative_to(folder))] = names
    return found


def holders(seen: Mapping[tuple[str, str], Iterable[str]], programs: Iterable[str]) -> dict[str, set[str]]:
    """Program, with its camera if it has one -> the secrets in its environment."""
    known: dict[str, set[str]] = {}
    for (line, camera), names in seen.items():
        program = next((one for one in programs if one in line), line)
        known.setdefault(f"{program} {camera}".strip(), set()).update(names)
    return known
