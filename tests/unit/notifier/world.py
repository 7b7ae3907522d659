"""A notifier in Nuclio's hands, whose broker is a list and whose phones are, too."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import nuclio_sdk
import nuclio_sdk.test
from nuclio_sdk.event import TriggerInfo
from prometheus_client import CollectorRegistry

from seccam.broker import Message, Receipt
from seccam.message import CommandEvent
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings, VisitSettings
from seccam.topology import JOURNAL
from seccam_notifier import nuclio
from seccam_notifier.channels import Answer
from seccam_notifier.host import DIRECTIONS
from seccam_notifier.journal import Journal
from seccam_notifier.lane import Start, in_a_thread
from seccam_notifier.memory import JournalEntry
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.mode import Modes
from seccam_notifier.notification import Notification, Writer
from seccam_notifier.notifier import Notifier
from tests.unit.notifier.events import face


@dataclass
class Outbox:
    """A publisher whose broker confirms at once, or when it is let, and refuses what is for some queues."""

    confirming: bool = True
    refusing: set[str] = field(default_factory=set)
    limit: int = 1000
    messages: list[Message] = field(default_factory=list)
    owed: list[Receipt] = field(default_factory=list)
    age: float = 0.0
    connected: bool = True
    blocked: bool = False
    #: Transient messages.
    news: list[Message] = field(default_factory=list)
    #: Called with each message that was confirmed at once.
    echo: Callable[[Message], object] = lambda message: None

    def publish_durable(self, message: Message) -> Receipt | None:
        if len(self.owed) >= self.limit:
            return None
        receipt = Receipt()
        if message.key in self.refusing:
            receipt.answered.set()
            return receipt
        self.messages.append(message)
        if self.confirming:
            receipt.confirmed.set()
            receipt.answered.set()
            self.echo(message)
        else:
            self.owed.append(receipt)
        return receipt

    def publish_latest(self, slot: str, message: Message) -> None:
        self.news.append(message)

    def withdraw(self, receipt: Receipt) -> None:
        if receipt in self.owed:
            self.messages.pop(self.owed.index(receipt) - len(self.owed))
            self.owed.remove(receipt)

    def unconfirmed(self) -> int:
        return len(self.owed)

    def oldest_unconfirmed(self) -> float:
        return self.age

    def confirm(self) -> None:
        for receipt in self.owed:
            receipt.confirmed.set()
            receipt.answered.set()
        self.owed.clear()
        self.confirming, self.age = True, 0.0

    def to(self, queue: str) -> list[Message]:
        return [message for message in self.messages if message.destination == ("", queue)]


@dataclass
class Phone:
    """A channel that gives these answers, then yes."""

    answers: list[Answer | Exception] = field(default_factory=list)
    sent: list[Notification] = field(default_factory=list)
    #: Ids of the events whose notification it has taken.
    accepted: list[str] = field(default_factory=list)
    name: str = "ifttt"
    is_read_by_people: bool = True
    seconds: float = 15.0

    #: Called before each answer.
    wait: Callable[[], object] = lambda: None

    def send(self, notification: Notification) -> Answer:
        self.sent.append(notification)
        self.wait()
        answer = self.answers.pop(0) if self.answers else Answer("2xx")
        if isinstance(answer, Exception):
            raise answer
        if answer.accepted:
            self.accepted.append(notification.event_id)
        return answer


class World:
    """A notifier in Nuclio's hands."""

    def __init__(
        self,
        max_per_minute: int = 0,
        *,
        phones: Sequence[Phone] = (),
        silent_at_home: Sequence[str] = (),
        start: Start = in_a_thread,
    ) -> None:
        """`start` starts the calls of the phones."""
        self.phones = [*phones] or [Phone()]
        self.phone = self.phones[0]
        self.outbox, self.entries, self.registry = Outbox(), Outbox(), CollectorRegistry()
        self._max_per_minute, self._silent_at_home, self._start_call = max_per_minute, silent_at_home, start
        self.lines: list[Any] = []
        self._platform = nuclio_sdk.test.Platform()
        self.start()

    def start(self) -> None:
        """A new process, which reads the journal."""
        self.registry = CollectorRegistry()
        metrics = NotifierMetrics(self.registry, [phone.name for phone in self.phones])
        publisher: Any = self.entries
        self.journal = Journal(BrokerSettings(), publisher, metrics, BrokerMetrics(self.registry, DIRECTIONS))
        self.journal.ready.set()
        self.entries.echo = self._read_back
        self.modes = Modes(self._silent_at_home)
        retries: Any = self.outbox
        self.notifier = Notifier(
            VisitSettings(),
            channels=self.phones,
            max_per_minute=self._max_per_minute,
            writer=Writer(),
            publisher=retries,
            journal=self.journal,
            modes=self.modes,
            metrics=metrics,
            start=self._start_call,
        )
        for entry in self.journal_entries():
            self.notifier.remember(entry)
        self.journal._take = self.notifier.remember

    def call(self, event: nuclio_sdk.Event) -> nuclio_sdk.Response:
        def with_notifier(context: nuclio_sdk.Context) -> nuclio_sdk.Context:
            context.user_data.notifier = self.notifier
            return context

        return self._platform.call_handler_with_context_mutation(nuclio.handler, event, with_notifier)

    def outcomes(self) -> list[str]:
        """What the journal says."""
        return [entry.outcome for entry in self.journal_entries()]

    def journal_entries(self) -> list[JournalEntry]:
        return [JournalEntry.decode(m.body) for m in self.entries.to(JOURNAL) if not m.body.startswith(b'{"mark"')]

    def _read_back(self, message: Message) -> None:
        """The broker delivers what is written to the journal to whoever reads it, its writer too."""
        delivery: Any = SimpleNamespace(headers=message.headers, body=message.body)
        self.journal._on_entry(delivery)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        samples = (sample for metric in self.registry.collect() for sample in metric.samples)
        return sum(s.value for s in samples if s.name == f"seccam_notifier_{name}" and s.labels.items() >= labels.items())


def body(id_: str = "front-b-1", *, faces: int = 1, camera: str = "front", seconds: float = 0, **changes: Any) -> dict[str, Any]:
    event = face(seconds, faces=faces, camera=camera, id_=id_, start=datetime.now(UTC))
    content: dict[str, Any] = json.loads(event.encode())
    return {**content, **changes}


def commanding(command: CommandEvent) -> nuclio_sdk.Event:
    """A command from a service."""
    return event(json.loads(command.encode()), path=f"seccam.commands/seccam.command.{command.data.origin}")


def event(
    content: Any, *, raw: bool = True, headers: dict[str, Any] | None = None, path: str = "seccam.events/seccam.events.front"
) -> nuclio_sdk.Event:
    """As Nuclio's Python wrapper hands it over: JSON parsed; texts as bytes (`raw`, its default) or not."""
    headers = headers or {}
    id_ = content.get("id", "") if isinstance(content, dict) else "message-1"
    if raw:
        coded = {k.encode(): v.encode() if isinstance(v, str) else v for k, v in headers.items()}
        return nuclio_sdk.Event(
            body=content, headers=coded, _id=str(id_).encode(), path=path.encode(), trigger=TriggerInfo(b"rabbit-mq", b"e")
        )
    return nuclio_sdk.Event(body=content, headers=headers, _id=id_, path=path, trigger=TriggerInfo("rabbitMq", "e"))
