"""Tells the phone: takes an event off the queue and calls IFTTT Webhooks. A Nuclio function, all of it in this file.

Nuclio loads the handler from its folder alone, so nothing of the library is imported; a contract test keeps the names
below in step with `seccam.topology`. runner.py hosts the same handler without Nuclio.

The promise: an event that comes in is told, suppressed on record, sent to a delay queue, or parked, and only then does
the handler return. Old versions of Nuclio acknowledge the event of a handler that raised or answered 400 and more, so
the handler does neither; while it can do nothing with the event (the broker is away), it keeps it and goes on trying.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import ssl
import sys
import threading
import time
import traceback
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import product
from typing import Any, Literal, TextIO, TypeVar, get_args
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import nuclio_sdk
import pika
import pika.data
import pika.exceptions
import requests
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, start_http_server

VERSION = "0.1.0"

#: Delay queues by the seconds an event waits in each, shortest first.
RETRY_QUEUES = {10: "seccam.events.retry.10s", 60: "seccam.events.retry.1m", 600: "seccam.events.retry.10m"}
PARKED_QUEUE = "seccam.events.parked"
JOURNAL = "seccam.notified"

#: How often an event has been tried and sent to a delay queue; one that has was judged, and is not judged again.
ATTEMPT_HEADER = "x-seccam-attempt"
#: An operator sent a parked event again: it is told however old it is, and cooldown or not.
REPLAYED_HEADER = "x-seccam-replayed"
#: Why an event was parked, on the parked message.
WHY_HEADER = "x-seccam-why"

#: Largest event that is read, bytes.
MAX_BYTES = 128 * 1024
#: Bytes of a message's headers that are kept: with ours they must fit into one frame (128 KiB), or the broker hangs up.
MAX_HEADERS = 64 * 1024
#: An event older than this is no news: it is parked.
MAX_AGE = timedelta(hours=24)
#: From this age on a notification says how late it is.
LATE = timedelta(minutes=1)
#: Seconds to connect to IFTTT; and for the whole call, beyond what reading may take, so that a slow DNS can't hold us.
CONNECT_TIMEOUT, CALL_GRACE = 3.05, 5.0
#: Seconds that the handler waits for the journal before it goes on; its memory covers what the journal lacks.
JOURNAL_TIMEOUT = 5.0

#: Seconds between two lines that say the same of a broker that doesn't come back.
TELL_AGAIN = 60.0
#: What pika raises; a broker that takes the connection and then says nothing makes it raise no AMQPError.
PIKA_ERRORS = (pika.exceptions.AMQPError, AMQPConnectorException, OSError)

_TYPES = {"seccam.face": "face", "seccam.camera.offline": "camera_offline", "seccam.camera.online": "camera_online"}
_ID = re.compile(r"[!-~]{1,128}")
_CAMERA = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

Headers = Mapping[str, str | int | bool]
Metric = TypeVar("Metric", Counter, Gauge, Histogram)
#: A JsonLog, or a logger of structlog: events in snake_case, everything else key=value.
Log = Any


# --- Settings ---------------------------------------------------------------------------------------------------------


#: Settings that are numbers: what they look like, and what they are.
_SECONDS = (r"\d{1,9}(\.\d+)?", float)
_NUMBERS: dict[str, tuple[str, type]] = {"cooldown_seconds": _SECONDS, "timeout_seconds": _SECONDS, "ops_port": (r"\d{1,5}", int)}


@dataclass(frozen=True)
class Settings:
    """What the function reads from its environment; what it doesn't know or can't read it leaves alone."""

    ifttt_key: str = field(default="", repr=False)
    ifttt_event: str = "seccam"
    ifttt_url: str = "https://maker.ifttt.com"
    broker_url: str = field(default="amqp://127.0.0.1:5672/", repr=False)
    broker_username: str = ""
    broker_password: str = field(default="", repr=False)
    broker_ca_file: str = ""
    #: Seconds between two notifications of one camera, unless more faces come.
    cooldown_seconds: float = 60.0
    #: Seconds that IFTTT may take to answer.
    timeout_seconds: float = 10.0
    #: IANA zone of the time in a notification where the event names none; empty: the machine's.
    zone: str = ""
    ops_host: str = "127.0.0.1"
    #: Port of the metrics under Nuclio; None: no metrics.
    ops_port: int | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in this environment (a pod's may hold any other variable)."""
        given: dict[str, Any] = {}
        for name in (f.name for f in fields(cls)):
            prefix = "" if name.startswith("ifttt_") else "SECCAM_" if name.startswith("broker_") else "SECCAM_NOTIFIER_"
            text = environ.get(prefix + name.upper(), "").strip()
            pattern, kind = _NUMBERS.get(name, (".+", str))
            if re.fullmatch(pattern, text):
                given[name] = kind(text)
        return cls(**given)


# --- What comes in ----------------------------------------------------------------------------------------------------


class EventError(Exception):
    """A message that is no event of ours."""


@dataclass(frozen=True)
class News:
    """An event, as far as the notifier needs it."""

    id: str
    kind: Literal["face", "camera_offline", "camera_online"]
    camera: str
    #: When the picture was taken.
    time: datetime
    faces: int = 0
    zone: str = ""
    trace_id: str = ""


def parse(body: object) -> News:
    """The event in a JSON body (docs/ref: event-face, event-camera); raises EventError with what is wrong."""
    if not isinstance(body, dict) or not isinstance(data := body.get("data"), dict):
        raise EventError("not a JSON object with an object `data`")
    kind: Any = _TYPES.get(str(body.get("type")))
    taken: Any = _time(body.get("time"))
    event_id, camera, faces = _matching(_ID, body.get("id")), _matching(_CAMERA, data.get("camera")), data.get("faces")
    checks = {
        "specversion: not 1.0": body.get("specversion") == "1.0",
        "type: unknown": kind,
        "id: not 1 to 128 of ASCII's visible characters": event_id,
        "data.camera: not a camera's name": camera,
        "data.faces: not a count": faces >= 0 if type(faces) is int else faces is None and kind != "face",
        "time: not the RFC 3339 time of a picture": taken,
    }
    for fault, holds in checks.items():
        if not holds:
            raise EventError(fault)
    zone, traced = data.get("zone"), _TRACEPARENT.fullmatch(str(body.get("traceparent")))
    return News(event_id, kind, camera, taken, faces or 0, zone if isinstance(zone, str) else "", traced[1] if traced else "")


def _matching(pattern: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _time(text: object) -> datetime | None:
    """A time in UTC; None for what is none, or so far off that some zone has no local time for it."""
    try:
        time = datetime.fromisoformat(str(text))
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if 1970 <= time.year < 9999 else None


@dataclass(frozen=True)
class Letter:
    """A message as it came, to be sent on as it came."""

    body: bytes
    content: object
    message_id: str
    headers: Headers

    @classmethod
    def of(cls, event: nuclio_sdk.Event) -> Letter:
        """The message of a Nuclio event: its texts may be bytes, and a JSON body is parsed already."""
        body = event.body
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        content = _json(raw) if isinstance(body, bytes | str) else body
        message_id = _text(event.id).encode("ascii", "replace").decode()[:128]
        return cls(raw, content if len(raw) <= MAX_BYTES else None, message_id, _headers(event.headers))

    @property
    def attempt(self) -> int:
        """How often it was tried before."""
        count = self.headers.get(ATTEMPT_HEADER, 0)
        return count if isinstance(count, int) and 0 <= count < 1_000_000 else 0

    @property
    def replayed(self) -> bool:
        """Whether an operator sent it again."""
        return REPLAYED_HEADER in self.headers


def _headers(given: Mapping[Any, Any]) -> Headers:
    """The headers that can be sent on: those that pika can encode, as many as fit into one frame."""
    kept, room = {}, MAX_HEADERS
    for name, value in given.items():
        key, plain = _text(name), _text(value) if isinstance(value, bytes) else value
        # what the broker tells of earlier deaths would make a broker before 4.0 see a cycle, and drop the event
        if isinstance(plain, str | int) and not key.startswith(("x-death", "x-first-death", "x-last-death")):
            with suppress(Exception):  # of many kinds: a name too long, a number too large, a text that is no Unicode
                size = pika.data.encode_table([], {key: plain})
                if size <= room:
                    kept[key], room = plain, room - size
    return kept


def is_empty(event: nuclio_sdk.Event) -> bool:
    """Whether Nuclio made this up: after its queue was deleted it calls for ever, with nothing (nuclio#3701)."""
    return event.body in (None, b"", "") and _text(event.path) in ("", "/")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


# --- What is decided: no clock, no network ----------------------------------------------------------------------------

Outcome = Literal["notified", "duplicate", "cooldown", "requeued", "parked"]
#: What an entry of the journal has of an event, beside its time.
_JOURNALED = ("id", "kind", "camera", "faces")


@dataclass(frozen=True)
class Record:
    """What became of an event: an entry of the journal."""

    news: News
    outcome: Outcome

    def encode(self) -> bytes:
        """The entry's body."""
        entry = {name: getattr(self.news, name) for name in _JOURNALED}
        return json.dumps({**entry, "time": self.news.time.isoformat(), "outcome": self.outcome}).encode()

    @classmethod
    def decode(cls, body: bytes) -> Record | None:
        """The entry in a body; None where there is none (a reader's mark)."""
        try:
            entry = json.loads(body)
            time = datetime.fromisoformat(entry["time"]).astimezone(UTC)
            return cls(News(time=time, **{name: entry[name] for name in _JOURNALED}), entry["outcome"])
        except (ValueError, KeyError, TypeError):
            return None


@dataclass
class _Window:
    """The cooldown that one event began; `told` has the faces of each event told in it."""

    start: datetime
    told: dict[str, int]


class Memory:
    """What became of the events of late; the same whether it lived through them or read the journal.

    Bounded: it keeps the last `ids` events and `cameras` cameras, 16 cooldowns of each (a worker that was cut off sends
    events of an earlier time).
    """

    def __init__(self, cooldown: float, *, ids: int = 50_000, cameras: int = 1_000) -> None:
        self._cooldown = timedelta(seconds=cooldown)
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._windows: OrderedDict[str, deque[_Window]] = OrderedDict()
        self._ids, self._cameras = ids, cameras

    def outcome(self, event_id: str) -> Outcome | None:
        """What became of this event, if it was told or suppressed."""
        return self._outcomes.get(event_id)

    def window(self, news: News) -> _Window | None:
        """The camera's cooldown that this event falls into."""
        near = (w for w in self._windows.get(news.camera, ()) if abs(news.time - w.start) < self._cooldown)
        return min(near, key=lambda w: abs(news.time - w.start), default=None)

    def record(self, record: Record) -> None:
        """From now on this is known."""
        news, outcome = record.news, record.outcome
        if outcome in ("notified", "cooldown"):
            # an event that was told stays told, whatever became of another copy of it
            if self._outcomes.get(news.id) != "notified":
                self._outcomes[news.id] = outcome
            self._outcomes.move_to_end(news.id)
            if len(self._outcomes) > self._ids:
                self._outcomes.popitem(last=False)
        if news.kind == "face" and outcome in ("notified", "requeued"):
            self._open(news)
        elif outcome == "parked":
            self._forget(news)

    def _open(self, news: News) -> None:
        window = self.window(news)
        if window is None:
            windows = self._windows.setdefault(news.camera, deque(maxlen=16))
            windows.append(_Window(news.time, {news.id: news.faces}))
        else:
            window.told[news.id] = news.faces
        self._windows.move_to_end(news.camera)
        if len(self._windows) > self._cameras:
            self._windows.popitem(last=False)

    def _forget(self, news: News) -> None:
        """An event that nobody will be told of silences no other."""
        for window in list(self._windows.get(news.camera, ())):
            window.told.pop(news.id, None)
            if not window.told:
                self._windows[news.camera].remove(window)


Verdict = Literal["tell", "duplicate", "cooldown", "too_old"]


def judge(news: News, memory: Memory, now: datetime, *, attempt: int = 0, replayed: bool = False) -> Verdict:
    """What is to become of an event.

    Told is the first of a camera, and within the cooldown of its time only what shows more faces than any told. This is
    decided once: a retry (`attempt` ≥ 1) was found worth telling before, and another copy of it may have been
    suppressed meanwhile. Word of the camera itself is always told.
    """
    known = memory.outcome(news.id)
    if known == "notified" or (known == "cooldown" and not attempt and not replayed):
        return "duplicate"
    if now - news.time > MAX_AGE and not replayed:
        return "too_old"
    window = memory.window(news)
    if replayed or attempt or news.kind != "face" or window is None:
        return "tell"
    return "tell" if news.id in window.told or news.faces > max(window.told.values()) else "cooldown"


class Breaker:
    """Opens after LIMIT failures in a row; while open nothing is called, but for one trial every SECONDS."""

    LIMIT, SECONDS = 5, 10.0

    def __init__(self) -> None:
        self._failures, self._failed_at = 0, 0.0

    @property
    def open(self) -> bool:
        """Whether calls are spared."""
        return self._failures >= self.LIMIT

    def allows(self, now: float) -> bool:
        """Whether a call may be made; `now` is monotonic seconds."""
        return not self.open or now - self._failed_at >= self.SECONDS

    def failed(self, now: float) -> None:
        """A call failed that is worth another try."""
        self._failures += 1
        self._failed_at = now

    def answered(self) -> None:
        """The other side is there."""
        self._failures = 0


def retry_delay(attempt: int, retry_after: float | None) -> int:
    """Seconds until the next try: one of RETRY_QUEUES, by what was tried before and by the answer's Retry-After."""
    by_attempt = 10 if attempt < 3 else 60 if attempt < 8 else 600
    wanted = max(by_attempt, retry_after or 0)
    return next((delay for delay in RETRY_QUEUES if delay >= wanted), max(RETRY_QUEUES))


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds a Retry-After header asks for, as a number or a date (RFC 9110, 10.2.3); None where it says neither."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds())


Result = Literal["2xx", "401", "4xx", "429", "5xx", "timeout", "network", "tls"]
#: Results that are worth another try, and why.
_RETRIED = {"429": "rate_limited", "5xx": "server", "timeout": "timeout", "network": "network", "tls": "network"}
#: Statuses with a meaning of their own.
_STATUSES: dict[int, Result] = {401: "401", 408: "timeout", 429: "429"}


@dataclass(frozen=True)
class Answer:
    """What came of a call."""

    result: Result
    #: Seconds that the other side asks us to wait.
    retry_after: float | None = None
    #: In words, the key left out.
    detail: str = ""

    @property
    def told(self) -> bool:
        """It was taken."""
        return self.result == "2xx"

    @property
    def cause(self) -> str | None:
        """Why it is worth another try; None if it isn't."""
        return _RETRIED.get(self.result)


def classify(status: int, wait: float | None = None) -> Answer:
    """An HTTP status as an answer. A redirection is refused: the key goes to no other address."""
    result = _STATUSES.get(status) or ("2xx" if 200 <= status < 300 else "5xx" if status >= 500 else "4xx")
    return Answer(result, wait, "" if result in ("2xx", "401", "429") else str(status))


def values(news: News, now: datetime, default_zone: str = "") -> dict[str, str]:
    """What IFTTT is given: camera, faces (or what the camera did), local time."""
    what = str(news.faces) if news.kind == "face" else news.kind.removeprefix("camera_")
    local = news.time.astimezone(_zone(news.zone) or _zone(default_zone))
    late = now - news.time
    delay = f", delayed {_spell(late)}" if late >= LATE else ""
    return {"value1": news.camera, "value2": what, "value3": f"{local:%Y-%m-%d %H:%M:%S %Z}{delay}"}


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # no such zone, or a name that is no name
        return None


def _spell(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


# --- Metrics and log --------------------------------------------------------------------------------------------------

_EVENT_BUCKETS = (0.25, 0.5, 1, 2, 5, 15, 60, 300, 900, 3600, 21600, 86400)
_DELAYS = {delay: queue.rpartition(".")[2] for delay, queue in RETRY_QUEUES.items()}
_CAUSES = ("refused", "auth", "tls", "heartbeat", "closed", "network")
_RETRY_CAUSES = ("rate_limited", "server", "timeout", "network", "circuit_open")


class Metrics:
    """The notifier's own; names and meanings: docs/ref/metrics.md."""

    def __init__(self, registry: CollectorRegistry, channel: str) -> None:
        types, reasons = (*_TYPES.values(), "unknown"), ("schema", "refused", "too_old", "bug")
        counter, gauge = partial(_series, Counter, registry), partial(_series, Gauge, registry)
        ages = partial(_series, partial(Histogram, buckets=_EVENT_BUCKETS), registry)
        calls = partial(_series, partial(Histogram, buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)), registry)
        self.received = counter("notifier_events_received", "Events received", attempt=("first", "retry"))
        self.events = counter("notifier_events", "What became of the events", type=types, outcome=get_args(Outcome))
        self.parked = counter("notifier_parked", "Events parked", reason=reasons)
        self.requeued = counter(
            "notifier_requeued", "Events sent to a delay queue", delay=tuple(_DELAYS.values()), cause=_RETRY_CAUSES
        )
        self.attempts = counter("notifier_attempts", "Calls of a channel", channel=(channel,), result=get_args(Result))
        self.empty = counter("notifier_empty_events", "Calls without an event (nuclio#3701)")
        self.last_success = gauge("notifier_last_success_timestamp_seconds", "When the channel last took one", channel=(channel,))
        self.circuit_open = gauge("notifier_circuit_open", "Calls are spared after failures in a row")
        self.holding = gauge("notifier_holding", "An event is kept in the handler: publishing fails")
        self.journal_ready = gauge("notifier_journal_ready", "The journal was read")
        self.age = ages(
            "notifier_event_age_seconds",
            "From the picture to the function, and to the channel's yes",
            stage=("received", "notified"),
        )
        self.attempt_seconds = calls("notifier_attempt_seconds", "Duration of a call", channel=(channel,))

    def observe_age(self, stage: str, news: News, now: datetime) -> float:
        """The event's age in seconds, 0 if its clock is ahead, counted with a link to its trace."""
        age = max(0.0, (now - news.time).total_seconds())
        # an exemplar has room for 128 characters
        link = {"trace_id": news.trace_id, "event_id": news.id} if news.trace_id and len(news.id) <= 64 else None
        self.age.labels(stage).observe(age, link)
        return age


def _series(kind: Callable[..., Metric], registry: CollectorRegistry, name: str, about: str, **labels: tuple[str, ...]) -> Metric:
    """A metric, with every combination of its labels' values there from the start."""
    metric = kind(f"seccam_{name}", about, list(labels), registry=registry)
    for combination in product(*labels.values()) if labels else ():
        metric.labels(*combination)
    return metric


class BrokerMetrics:
    """Of the connection that publishes. Under Nuclio ours is the only one we know of; the runner gives the library's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        publish = ("publish",)
        self.connected = _series(Gauge, registry, "broker_connected", "Connected to the broker", direction=publish)
        self.reconnects = _series(
            Counter, registry, "broker_reconnects", "Connections lost or refused", direction=publish, cause=_CAUSES
        )


class JsonLog:
    """JSON lines, past Nuclio's own log, whose info level would tell the broker's password."""

    def __init__(self, stream: TextIO, registry: CollectorRegistry) -> None:
        self._stream = stream
        self._lines = _series(Counter, registry, "log_lines", "Log lines written", level=("warning", "error"))
        self.info, self.warning, self.error = (partial(self._write, level) for level in ("info", "warning", "error"))

    def _write(self, level: str, event: str, **fields: Any) -> None:
        if level != "info":
            self._lines.labels(level).inc()
        line = {**fields, "service": "seccam-notifier", "event": event, "level": level, "timestamp": datetime.now(UTC).isoformat()}
        self._stream.write(json.dumps(line, default=str) + "\n")
        self._stream.flush()


class Redactor:
    """Takes the key out of texts; it is part of the URL, so it is part of what requests and urllib3 say."""

    def __init__(self, key: str) -> None:
        self._forms = sorted({form for form in (key, quote(key, safe=""), quote(key)) if form}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with `***` for the key."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text

    def guard_logging(self) -> None:
        """From now on no record of the standard library's logging carries the key, whoever writes it."""
        make = logging.getLogRecordFactory()

        def redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            try:
                said = record.getMessage()
            except (TypeError, ValueError):  # the caller's fault, which logging itself tells
                return record
            if record.exc_info and record.exc_info[0]:
                said = "\n".join((said, *traceback.format_exception(*record.exc_info)))
            if self(said) != said:
                record.msg, record.args, record.exc_info = self(said), (), None
            return record

        if self._forms:
            logging.setLogRecordFactory(redacted)


# --- The channel ------------------------------------------------------------------------------------------------------


class Channel:
    """IFTTT's Webhooks service: POST /trigger/<event>/with/key/<key> with up to three texts (ifttt.com/maker_webhooks).

    Without a key it only logs what it would send.
    """

    def __init__(self, settings: Settings, redact: Redactor, log: Log) -> None:
        self.name = "ifttt" if settings.ifttt_key else "log"
        path = f"/trigger/{quote(settings.ifttt_event, safe='')}/with/key/{quote(settings.ifttt_key, safe='')}"
        self._url = settings.ifttt_url.rstrip("/") + path
        self._timeout, self._redact, self._log = settings.timeout_seconds, redact, log

    def tell(self, told: Mapping[str, str]) -> Answer:
        """One call, over within the timeouts, whatever the other side (or the DNS) does."""
        if self.name == "log":
            self._log.info("notification", **told)
            return Answer("2xx")
        answers: deque[Answer] = deque()
        call = threading.Thread(target=lambda: answers.append(self._call(told)), name="ifttt", daemon=True)
        call.start()
        call.join(CONNECT_TIMEOUT + self._timeout + CALL_GRACE)
        return answers[0] if answers else Answer("timeout", detail="no answer in time")

    def _call(self, told: Mapping[str, str]) -> Answer:
        try:
            # the status is all we need: the body is left unread, for it may never end
            response = requests.post(
                self._url, json=told, timeout=(CONNECT_TIMEOUT, self._timeout), allow_redirects=False, stream=True
            )
            response.close()
            return classify(response.status_code, retry_after(response.headers.get("Retry-After"), datetime.now(UTC)))
        except Exception as e:  # noqa: BLE001  # nothing may leave this thread: with the URL in it, or to end the process
            tls = isinstance(e, requests.exceptions.SSLError)
            result: Result = "timeout" if isinstance(e, requests.Timeout) else "tls" if tls else "network"
            return Answer(result, detail=self._redact(f"{type(e).__name__}: {e}")[:300])


# --- The broker -------------------------------------------------------------------------------------------------------


def parameters(settings: Settings, name: str) -> pika.ConnectionParameters:
    """Parameters of pika; `name` is what the broker's own tools show."""
    parts = urlsplit(settings.broker_url)
    tls = None
    if parts.scheme == "amqps":
        tls = pika.SSLOptions(ssl.create_default_context(cafile=settings.broker_ca_file or None), parts.hostname)
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=parts.port or (5671 if tls else 5672),
        virtual_host=unquote(parts.path[1:]) or "/",
        credentials=pika.PlainCredentials(
            unquote(parts.username or "") or settings.broker_username, unquote(parts.password or "") or settings.broker_password
        ),
        ssl_options=tls,
        heartbeat=15,
        blocked_connection_timeout=None,  # an alarm may last for hours: it is waited out
        socket_timeout=5,
        stack_timeout=5,
        client_properties={"connection_name": name, "product": "seccam"},
    )


def cause_of(error: BaseException) -> str:
    """The metric's label for a lost or refused connection."""
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    inner = getattr(inner, "exception", inner)
    if isinstance(error, pika.exceptions.ProbableAuthenticationError | pika.exceptions.ProbableAccessDeniedError):
        return "auth"
    if isinstance(error, pika.exceptions.ConnectionClosed | pika.exceptions.ChannelClosed):
        return "auth" if error.reply_code in (403, 530) else "closed"
    if isinstance(error, pika.exceptions.AMQPHeartbeatTimeout):
        return "heartbeat"
    if isinstance(inner, ssl.SSLError):
        return "tls"
    return "refused" if isinstance(inner, ConnectionRefusedError) else "network"


def backoff() -> Iterator[float]:
    """Seconds between attempts, for ever: doubled from 0.25 to 5, with jitter."""
    wait = 0.25
    while True:
        yield wait * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        wait = min(5.0, wait * 2)


@dataclass(eq=False)
class Post:
    """A message to a queue, and whether the broker has it."""

    queue: str
    body: bytes
    message_id: str
    headers: Headers
    confirmed: threading.Event = field(default_factory=threading.Event)


class Outbox(threading.Thread):
    """Publishes to queues by name until the broker confirms, for ever; owns its connection, as pika wants it."""

    #: Entries of the journal that may wait for a broker.
    LIMIT = 1000

    def __init__(self, settings: Settings, metrics: Any, log: Log) -> None:
        super().__init__(name="outbox", daemon=True)
        self._settings, self._metrics, self._log = settings, metrics, log
        self._posts: deque[Post] = deque()
        self._work = threading.Condition()

    def put(self, post: Post) -> threading.Event:
        """Publish this; the answer is set when the broker has confirmed it."""
        with self._work:
            entries = [p for p in self._posts if p.queue == JOURNAL]
            if len(entries) >= self.LIMIT:
                self._posts.remove(entries[0])
            self._posts.append(post)
            self._work.notify()
        return post.confirmed

    def run(self) -> None:
        """Connect, publish while it holds, again."""
        waits, told, told_at = backoff(), "", 0.0
        while True:
            began = time.monotonic()
            try:
                self._session()
            except PIKA_ERRORS as e:
                cause = cause_of(e)
                self._metrics.reconnects.labels("publish", cause).inc()
                if cause != told or began - told_at > TELL_AGAIN:
                    told, told_at = cause, began
                    self._log.warning("broker_lost", direction="publish", cause=cause, error=repr(e)[:200])
            except Exception as e:  # noqa: BLE001  # the promise rests on this thread: a bug may delay it, not end it
                self._log.error("outbox_failed", error=_where(e))
            finally:
                self._metrics.connected.labels("publish").set(0)
            if time.monotonic() - began > 5:
                waits = backoff()
            time.sleep(next(waits))

    def _session(self) -> None:
        with pika.BlockingConnection(parameters(self._settings, "seccam-notifier publish")) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            self._metrics.connected.labels("publish").set(1)
            while True:
                with self._work:
                    if not self._posts:
                        self._work.wait(1.0)
                    # a letter first: the handler waits for it, and only for a while for an entry of the journal
                    post = min(self._posts, key=lambda p: p.queue == JOURNAL, default=None)
                if post is not None and not self._publish(channel, post):
                    connection.sleep(0.5)  # the queue is full or missing: it won't be better at once
                connection.process_data_events(0)

    def _publish(self, channel: Any, post: Post) -> bool:
        try:
            channel.basic_publish("", post.queue, post.body, self._properties(post), mandatory=True)
        except (pika.exceptions.UnroutableError, pika.exceptions.NackError) as e:
            self._log.warning("publish_refused", queue=post.queue, event_id=post.message_id, cause=type(e).__name__)
            return False
        with self._work:
            if post in self._posts:
                self._posts.remove(post)
        post.confirmed.set()
        return True

    def _properties(self, post: Post) -> pika.BasicProperties:
        """The message's head; a bare one where AMQP can't hold it, for no post may stop those behind it for ever."""
        bare = {"content_type": "application/json", "delivery_mode": 2}
        properties = pika.BasicProperties(**bare, message_id=post.message_id, headers=dict(post.headers))
        try:
            properties.encode()
        except Exception as e:  # noqa: BLE001  # pika raises many kinds
            self._log.error("head_dropped", queue=post.queue, error=_where(e))
            return pika.BasicProperties(**bare)
        return properties


def read_journal(settings: Settings) -> list[Record] | None:
    """All entries that the journal still has; None if the broker has no journal. Raises pika's errors, OSError.

    A mark is published and read back: what comes before it is all there is.
    """
    mark = json.dumps({"mark": uuid.uuid4().hex}).encode()
    with pika.BlockingConnection(parameters(settings, "seccam-notifier journal")) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish("", JOURNAL, mark, pika.BasicProperties(delivery_mode=2), mandatory=True)
        except pika.exceptions.UnroutableError:
            return None
        channel.basic_qos(prefetch_count=200)
        records: list[Record] = []
        for method, _, body in channel.consume(JOURNAL, arguments={"x-stream-offset": "first"}, inactivity_timeout=30):
            if method is None:
                raise TimeoutError("the journal fell silent before its end")
            if body == mark:
                break
            channel.basic_ack(method.delivery_tag)
            if record := Record.decode(body):
                records.append(record)
        return records


# --- The notifier -----------------------------------------------------------------------------------------------------


class Notifier:
    """Handles one event after another, in one thread."""

    def __init__(
        self, settings: Settings, *, metrics: Metrics, channel: Channel, outbox: Outbox, log: Log, on_wait: Callable[[], None]
    ) -> None:
        self._settings, self._metrics, self._channel = settings, metrics, channel
        self._outbox, self._log, self._on_wait = outbox, log, on_wait
        self._memory = Memory(settings.cooldown_seconds)
        self._breaker = Breaker()
        self._empties = 0
        self._recalled: list[Record] = []
        #: The journal was read, or there is none.
        self._may_begin = threading.Event()
        #: The journal was read.
        self.journal_ready = threading.Event()

    def recall(self) -> None:
        """Read the journal; again until it works. Without one it begins all the same: better told twice than not at all."""
        for wait in backoff():
            try:
                records = read_journal(self._settings)
            except PIKA_ERRORS as e:
                self._log.warning("journal_unavailable", cause=cause_of(e), error=repr(e)[:200])
            except Exception as e:  # noqa: BLE001  # every event waits for this thread
                self._log.error("journal_failed", error=_where(e))
            else:
                if records is not None:
                    self._recalled = records
                    self._may_begin.set()
                    self.journal_ready.set()
                    self._metrics.journal_ready.set(1)
                    self._log.info("journal_read", entries=len(records))
                    return
                self._log.error(
                    "journal_missing", queue=JOURNAL, remedy="load the broker's definitions, or run: seccam broker apply"
                )
                self._may_begin.set()
            time.sleep(wait)

    def handle(self, event: nuclio_sdk.Event) -> str:
        """What became of the event; returns only when that is certain, and never raises."""
        if is_empty(event):
            return self._count_empty()
        self._empties = 0
        while not self._may_begin.wait(0.5):
            self._on_wait()
        letter, kind = Letter(b"", None, "", {}), "unknown"
        try:
            letter = Letter.of(event)
            self._metrics.received.labels("retry" if letter.attempt else "first").inc()
            news = self._read(letter)
            kind = news.kind if news else kind
            outcome = self._decide(letter, news) if news else "parked"
        except Exception as e:  # noqa: BLE001  # Nuclio would lose the event of a handler that raised
            self._log.error("handler_failed", event_id=letter.message_id, error=_where(e))
            self._park(letter, None, "bug")
            outcome = "parked"
        self._metrics.events.labels(kind, outcome).inc()
        return outcome

    def _count_empty(self) -> str:
        self._metrics.empty.inc()
        self._empties += 1
        if self._empties >= 3:
            self._log.error("queue_lost", remedy="leaving, to be started anew")
            os._exit(1)  # the only way out of Nuclio's loop; there is no event in hand
        return "empty"

    def _read(self, letter: Letter) -> News | None:
        try:
            return parse(letter.content)
        except EventError as e:
            self._park(letter, None, "schema", detail=str(e))
            return None

    def _decide(self, letter: Letter, news: News) -> Outcome:
        now = datetime.now(UTC)
        age = self._metrics.observe_age("received", news, now)
        self._log.info("event_received", attempt=letter.attempt, age_ms=round(age * 1000), **_names(news))
        recalled, self._recalled = self._recalled, []
        for record in recalled:
            self._memory.record(record)
        verdict = judge(news, self._memory, now, attempt=letter.attempt, replayed=letter.replayed)
        if verdict == "tell":
            return self._tell(letter, news)
        if verdict == "too_old":
            return self._park(letter, news, "too_old")
        self._log.info("event_suppressed", why=verdict, **_names(news))
        return self._keep(news, "cooldown") if verdict == "cooldown" else verdict

    def _tell(self, letter: Letter, news: News) -> Outcome:
        if not self._breaker.allows(time.monotonic()):
            return self._requeue(letter, news, "circuit_open", None)
        began = time.monotonic()
        answer = self._channel.tell(values(news, datetime.now(UTC), self._settings.zone))
        self._count(answer, news, time.monotonic() - began)
        if answer.told:
            self._metrics.last_success.labels(self._channel.name).set_to_current_time()
            age = self._metrics.observe_age("notified", news, datetime.now(UTC))
            self._keep(news, "notified")
            self._log.info("event_notified", age_ms=round(age * 1000), attempts=letter.attempt + 1, **_names(news))
            return "notified"
        if answer.cause:
            return self._requeue(letter, news, answer.cause, answer.retry_after)
        remedy = ": wrong IFTTT_KEY? Cure it, then: seccam parked replay" if answer.result == "401" else ""
        return self._park(letter, news, "refused", detail=(answer.detail or answer.result) + remedy)

    def _count(self, answer: Answer, news: News, seconds: float) -> None:
        name = self._channel.name
        if answer.cause:
            self._breaker.failed(time.monotonic())
        else:
            self._breaker.answered()
        self._metrics.circuit_open.set(self._breaker.open)
        self._metrics.attempts.labels(name, answer.result).inc()
        self._metrics.attempt_seconds.labels(name).observe(seconds)
        write = self._log.info if answer.told else self._log.warning
        told = {"channel": name, "result": answer.result, "ms": round(seconds * 1000), **_names(news)}
        write("channel_answered", **told, **({"detail": answer.detail} if answer.detail else {}))

    def _requeue(self, letter: Letter, news: News, cause: str, wait: float | None) -> Outcome:
        delay = retry_delay(letter.attempt, wait)
        tried = {**letter.headers, ATTEMPT_HEADER: letter.attempt + 1}
        self._hand_over(Post(RETRY_QUEUES[delay], letter.body, news.id, tried))
        self._keep(news, "requeued")
        self._metrics.requeued.labels(_DELAYS[delay], cause).inc()
        self._log.warning("event_requeued", delay=_DELAYS[delay], cause=cause, **_names(news))
        return "requeued"

    def _park(self, letter: Letter, news: News | None, why: str, detail: str = "") -> Outcome:
        headers = {**letter.headers, WHY_HEADER: f"{why}: {detail}" if detail else why}
        self._hand_over(Post(PARKED_QUEUE, letter.body, news.id if news else letter.message_id, headers))
        if news:
            self._keep(news, "parked")
        self._metrics.parked.labels(why).inc()
        self._log.error("event_parked", why=why, detail=detail, **(_names(news) if news else {"event_id": letter.message_id}))
        return "parked"

    def _hand_over(self, post: Post) -> None:
        """Returns when the broker has it; until then the event is ours, and its original unacknowledged."""
        confirmed = self._outbox.put(post)
        if confirmed.wait(1.0):
            return
        self._metrics.holding.set(1)
        self._log.warning("event_held", event_id=post.message_id, queue=post.queue)
        while not confirmed.wait(1.0):
            self._on_wait()
        self._metrics.holding.set(0)

    def _keep(self, news: News, outcome: Outcome) -> Outcome:
        """Remember what became of the event, and have the journal remember it."""
        record = Record(news, outcome)
        self._memory.record(record)
        if not self._outbox.put(Post(JOURNAL, record.encode(), news.id, {})).wait(JOURNAL_TIMEOUT):
            self._log.warning("journal_late", **_names(news))
        return outcome


def _names(news: News) -> dict[str, str]:
    """What every line on an event carries."""
    return {"event_id": news.id, "trace_id": news.trace_id, "camera": news.camera}


def _where(error: Exception) -> str:
    """The kind of a bug and its place; its text may hold anything."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno}"


def start(
    settings: Settings, registry: CollectorRegistry, broker: Any, log: Log, on_wait: Callable[[], None] = lambda: None
) -> Notifier:
    """A notifier that reads its journal and is ready for events; `on_wait` is called each second while it holds one.

    `broker` is a BrokerMetrics, or the library's.
    """
    redact = Redactor(settings.ifttt_key)
    redact.guard_logging()
    channel = Channel(settings, redact, log)
    if not settings.ifttt_key:
        log.warning("no_ifttt_key", meaning="notifications are logged and sent nowhere", remedy="set IFTTT_KEY")
    outbox = Outbox(settings, broker, log)
    notifier = Notifier(settings, metrics=Metrics(registry, channel.name), channel=channel, outbox=outbox, log=log, on_wait=on_wait)
    outbox.start()
    threading.Thread(target=notifier.recall, name="journal", daemon=True).start()
    return notifier


# --- Nuclio's entry points --------------------------------------------------------------------------------------------


def init_context(context: nuclio_sdk.Context) -> None:
    """Called by Nuclio once, before the first event; works without a broker."""
    settings = Settings.read(os.environ)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells each attempt as an error; we say it once, better
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    log = JsonLog(sys.stdout, registry)
    build = Gauge("seccam_build_info", "The version that runs", ["version", "revision"], registry=registry)
    build.labels(VERSION, os.environ.get("SECCAM_REVISION", "")).set(1)
    notifier = start(settings, registry, BrokerMetrics(registry), log)
    ready = Gauge("seccam_ready", "The journal was read: 1 ready, 0 not", registry=registry)
    ready.set_function(notifier.journal_ready.is_set)
    if settings.ops_port is not None:
        try:
            start_http_server(settings.ops_port, settings.ops_host, registry)
        except (OSError, OverflowError, ValueError) as e:  # nobody shall go untold for want of metrics
            log.error("ops_port_taken", address=f"{settings.ops_host}:{settings.ops_port}", error=str(e))  # noqa: TRY400  # the line says it all
    context.user_data.notifier = notifier


def handler(context: nuclio_sdk.Context, event: nuclio_sdk.Event) -> nuclio_sdk.Response:
    """Called by Nuclio (or runner.py) for each message; whatever became of it, it may be acknowledged."""
    return context.Response(body=context.user_data.notifier.handle(event), status_code=200)
