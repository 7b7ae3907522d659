"""What became of each event, from the broker's two streams: what workers published, and what the notifier decided."""

from __future__ import annotations

import json
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

#: Outcomes that are an end.
FINAL = {"notified", "suppressed", "parked"}
#: Seconds of silence after which a stream's end is reached.
_SILENCE = 2.0
#: Seconds in which some node must be able to read a stream.
_PATIENCE = 60.0


@contextmanager
def channel(release: Release, user: str = topology.OPERATOR_USER) -> Iterator[BlockingChannel]:
    """A channel of the release's broker, through a forwarded port."""
    with release.namespace.forward(f"service/{release.prefix}-rabbitmq", 5672) as port:
        login = pika.PlainCredentials(user, release.broker_password(user))
        with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, credentials=login)) as connection:
            yield connection.channel()


def _stream(release: Release, queue: str) -> list[tuple[str, bytes]]:
    """Id and body of all its messages, from any node that has them.

    While another node goes or comes, a node may refuse for a moment: its replica of the stream is being started.
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
    """Ids of all events that the broker has ever taken, but for those of presence, of which nobody is notified.

    AssertionError if known ones are not among them.
    """
    presence = {message.FACE_PRESENT, message.FACE_GONE}

    def ask() -> list[set[str]]:
        events = _stream(release, topology.EVENTS_LOG)
        found = {identity for identity, body in events if json.loads(body)["type"] not in presence}
        return [found] if found.issuperset(known) else []  # a broker that is busy may have fallen silent before its end

    (found,) = eventually(ask, within=_PATIENCE, every=1, what=f"all of {known} in the log of events")
    return found


def cameras(events: set[str]) -> set[str]:
    """The cameras that these events are of."""
    return {identity.rsplit("-", 2)[0] for identity in events}


def decided(release: Release) -> set[str]:
    """Ids of all events that were told, suppressed on record, or parked."""
    entries = [json.loads(body) for _, body in _stream(release, topology.JOURNAL)]
    return {entry["id"] for entry in entries if entry.get("outcome") in FINAL}


def settle(release: Release, *known: str) -> set[str]:
    """Ids of all events so far, once each of them is decided upon; AssertionError if known ones are not among them."""
    events = published(release, *known)
    eventually(lambda: not events - decided(release), within=90, every=2, what="every event told, suppressed or parked")
    return events


class Announcements:
    """The log lines of a worker from now to its end: which events it had to tell."""

    def __init__(self, release: Release, pod: str, folder: Path) -> None:
        self.pod = pod
        self._path = folder / f"{pod}.log"
        with self._path.open("wb") as log:
            command = ["kubectl", "--namespace", release.namespace.name, "logs", "--follow", pod]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def stop(self) -> set[str]:
        """Ids of the events it announced."""
        self._process.kill()
        self._process.wait()
        lines = [json.loads(line) for line in self._path.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return {line["event_id"] for line in lines if line.get("event") == "visit_announced"}
