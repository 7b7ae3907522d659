"""The events that workers published and the notifier's decisions, read from the broker's two streams."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel

from seccam import message, topology
from seccam.broker.connection import PIKA_ERRORS
from tests.e2e.release import Release
from tests.waiting import eventually

#: Outcomes after which an event is not processed again.
FINAL = {"notified", "suppressed", "parked"}
#: Seconds without a message after which a stream counts as read to its end.
_SILENCE = 2.0
#: Seconds within which a node must be able to read a stream.
_PATIENCE = 60.0


@contextmanager
def channel(release: Release, user: str = topology.OPERATOR_USER) -> Iterator[BlockingChannel]:
    """Open a channel to the release's broker through a forwarded port."""
    with release.namespace.forward(f"service/{release.prefix}-rabbitmq", 5671) as port:
        login = pika.PlainCredentials(user, release.broker_password(user))
        tls = pika.SSLOptions(ssl.create_default_context(cadata=release.authority()), "127.0.0.1")
        with pika.BlockingConnection(
            pika.ConnectionParameters("127.0.0.1", port, credentials=login, ssl_options=tls)
        ) as connection:
            yield connection.channel()


def _stream(release: Release, queue: str) -> list[tuple[str, bytes]]:
    """Return id and body of all messages of a stream, from any node.

    While another node stops or starts, a node may refuse for a moment, until its replica of the stream is running.
    """

    def ask() -> list[list[tuple[str, bytes]]]:
        with suppress(*PIKA_ERRORS), channel(release) as opened:
            return [_messages(opened, queue)]
        return []

    (found,) = eventually(ask, within=_PATIENCE, every=1, what=f"a node that reads {queue}")
    return found


def _messages(opened: BlockingChannel, queue: str) -> list[tuple[str, bytes]]:
    opened.basic_qos(prefetch_count=200)
    found = []
    for method, properties, body in opened.consume(queue, arguments={"x-stream-offset": "first"}, inactivity_timeout=_SILENCE):
        if method is None:
            break
        opened.basic_ack(method.delivery_tag)
        found.append((properties.message_id, body))
    opened.cancel()
    return found


def published(release: Release, *known: str) -> set[str]:
    """Return the ids of all events in the stream, except presence events, which are never notified.

    AssertionError if one of the known ids is missing.
    """
    presence = {message.FACE_PRESENT, message.FACE_GONE}

    def ask() -> list[set[str]]:
        events = _stream(release, topology.EVENTS_LOG)
        found = {identity for identity, body in events if json.loads(body)["type"] not in presence}
        return [found] if found.issuperset(known) else []  # a busy broker may pause before the end of the stream

    (found,) = eventually(ask, within=_PATIENCE, every=1, what=f"all of {known} in the stream of events")
    return found


def cameras(events: set[str]) -> set[str]:
    """Return the cameras of these events."""
    return {identity.rsplit("-", 2)[0] for identity in events}


def decided(release: Release) -> set[str]:
    """Return the ids of all events that were notified, suppressed or parked."""
    entries = [json.loads(body) for _, body in _stream(release, topology.JOURNAL)]
    return {entry["id"] for entry in entries if entry.get("outcome") in FINAL}


def settle(release: Release, *known: str) -> set[str]:
    """Wait until all events so far are decided, and return their ids; AssertionError if a known one is missing."""
    events = published(release, *known)
    eventually(lambda: not events - decided(release), within=90, every=2, what="every event notified, suppressed or parked")
    return events


class ReportedEvents:
    """Follows a worker's log, to learn which events it reports."""

    def __init__(self, release: Release, pod: str, folder: Path) -> None:
        self.pod = pod
        self._path = folder / f"{pod}.log"
        with self._path.open("wb") as log:
            command = ["kubectl", "--namespace", release.namespace.name, "logs", "--follow", pod]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def stop(self) -> set[str]:
        """Stop following, and return the ids of the reported events."""
        self._process.kill()
        self._process.wait()
        lines = [json.loads(line) for line in self._path.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return {line["event_id"] for line in lines if line.get("event") == "faces_reported"}
