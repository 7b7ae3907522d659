"""One connection: its parameters, the meaning of its errors, and the thread that reconnects it."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pika
import pika.exceptions
import pika.spec
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.adapters.utils import io_services_utils
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from seccam import logs
from seccam.backoff import Backoff
from seccam.errors import BrokerError
from seccam.metrics import BrokerMetrics
from seccam.probes import Heartbeat
from seccam.settings import BrokerSettings

log = logs.get(__name__)

#: Heartbeat interval in seconds: a silent cut is noticed after one to two of them plus 5 s.
HEARTBEAT = 15
#: Seconds to open a connection.
CONNECT_TIMEOUT = 5
#: Seconds that the broker has to answer an orderly close.
CLOSE_TIMEOUT = 1.0
#: Seconds between attempts: the first and the longest.
BACKOFF = (0.25, 5.0)
_JITTER = 0.5
#: Seconds between two checks of the socket (heartbeats, alarms) by an idle connection's thread.
TURN = 0.5
#: Seconds that a connection attempt may take before the thread counts as hung, including a slow name server.
_PATIENCE = 60.0
#: Seconds between the beats of a thread that waits for the broker.
_PULSE = 0.25

#: What pika raises. Not everything is an AMQPError, for example if the broker accepts a connection and stays silent.
PIKA_ERRORS = (pika.exceptions.AMQPError, AMQPConnectorException, OSError)


#: AMQP's reply code for a queue or an exchange that does not exist.
NOT_FOUND = 404


class Properties(pika.BasicProperties):  # type: ignore[misc]  # pika's has no types
    """pika's properties, but a message with unreadable headers arrives without them instead of ending the connection.

    pika raises on times beyond the calendar and on deeply nested tables, which the broker passes on.
    """

    unreadable = False

    def decode(self, encoded: bytes, offset: int = 0) -> Any:
        """Decode the properties; those after unreadable headers are lost with them."""
        try:
            return super().decode(encoded, offset)
        except Exception:  # noqa: BLE001  # a hostile table can raise anything
            self.unreadable = True
            return self


# pika looks up the class for the properties of each message here
pika.spec.props[pika.BasicProperties.INDEX] = Properties

# pika reads 4 KiB at a time and copies the partial frame each time: 0.16 ms of processor time for 100 kB. Reading as much as it
# takes in one turn of its loop: 0.05 ms
io_services_utils._AsyncTransportBase._MAX_RECV_BYTES = 100 * 1024


def headers_of(properties: pika.BasicProperties) -> Mapping[str, Any]:
    """The headers, with values of any AMQP type. Names that are not UTF-8 are left out."""
    return {name: value for name, value in (properties.headers or {}).items() if isinstance(name, str)}


def text(value: str | bytes) -> str:
    """An AMQP short string as text; the broker accepts any bytes, and pika returns bytes if they are not UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def parameters(settings: BrokerSettings, name: str) -> pika.ConnectionParameters:
    """Parameters of a connection; the broker's tools show `name`."""
    parts = urlsplit(settings.url.get_secret_value())
    tls = None
    if parts.scheme == "amqps":
        tls = pika.SSLOptions(ssl.create_default_context(cafile=settings.ca_file or None), parts.hostname)
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=parts.port or (5671 if tls else 5672),
        virtual_host=settings.vhost,
        credentials=pika.PlainCredentials(
            unquote(parts.username or "") or settings.username,
            unquote(parts.password or "") or settings.password.get_secret_value(),
        ),
        ssl_options=tls,
        heartbeat=HEARTBEAT,
        # wait for the end of an alarm, which may last for hours: each new connection would send one more message and block
        blocked_connection_timeout=None,
        socket_timeout=CONNECT_TIMEOUT,
        stack_timeout=CONNECT_TIMEOUT,
        client_properties={"connection_name": name, "product": "seccam"},
    )


def connect(settings: BrokerSettings, name: str) -> BlockingConnection:
    """Open a connection. Raises BrokerError."""
    try:
        return pika.BlockingConnection(parameters(settings, name))
    except PIKA_ERRORS as e:
        raise translated(e) from None


def translated(error: BaseException) -> BrokerError:
    """The BrokerError for an exception of pika or the socket."""
    if isinstance(error, pika.exceptions.ProbableAuthenticationError | pika.exceptions.ProbableAccessDeniedError):
        cause = "auth"
    elif isinstance(error, ssl.SSLError):
        cause = "tls"
    elif isinstance(error, pika.exceptions.AMQPHeartbeatTimeout):
        cause = "heartbeat"
    elif isinstance(error, pika.exceptions.ConnectionClosed | pika.exceptions.ChannelClosed):
        # 403 access refused; 530 not allowed: no such vhost, or no right to it
        cause = "auth" if error.reply_code in (403, 530) else "closed"
    elif isinstance(_innermost(error), ConnectionRefusedError):
        cause = "refused"
    else:
        cause = "network"
    return BrokerError(cause, _describe(error))


def _innermost(error: BaseException) -> BaseException:
    """The exception inside one of pika's: its first argument, or an attribute."""
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    held = getattr(inner, "exception", None)
    return held if isinstance(held, BaseException) else inner


def _describe(error: BaseException) -> str:
    """The error on one line. pika's exceptions contain no passwords."""
    inner = _innermost(error)
    return f"{type(inner).__name__}: {inner}"[:300]


def why_closed(channel: BlockingChannel) -> BrokerError:
    """The reason that the broker gave when it closed this channel."""
    # pika raises it only from a waiting call, and keeps it here otherwise
    reason = channel._closing_reason
    return translated(reason) if reason is not None else BrokerError("closed", "the channel is closed")


class ReconnectingConnection(threading.Thread):
    """A thread that keeps one connection open; it runs `_session` after each (re)connection."""

    def __init__(self, settings: BrokerSettings, name: str, direction: str, metrics: BrokerMetrics) -> None:
        super().__init__(name=f"broker-{direction}", daemon=True)
        self._settings, self._label, self._direction, self._metrics = settings, f"{name} {direction}", direction, metrics
        self._halt = threading.Event()
        self._holds = False
        #: When it was last lost, and last established, monotonic seconds.
        self._lost_at = self._held_at = time.monotonic()
        self._why = "not connected yet"
        self._losses = logs.Throttle()
        #: Whether to log that it holds: at first, and after each loss that was logged.
        self._log_next = True
        #: When to stop waiting for the broker, monotonic seconds.
        self._give_up_at: float | None = None
        self.heartbeat = Heartbeat()

    @property
    def connected(self) -> bool:
        """Whether the connection is open and fully usable, as far as is known."""
        return self._holds

    def connected_for(self) -> float:
        """Seconds since it was established; 0 if it is not."""
        return time.monotonic() - self._held_at if self._holds else 0.0

    def trouble(self) -> dict[str, str]:
        """The readiness check `broker`: empty while connected."""
        return {} if self.connected else {"broker": f"{self._why} for {time.monotonic() - self._lost_at:.0f} s"}

    def run(self) -> None:
        """Connect, run the session, and reconnect with backoff, until `stop` is called."""
        backoff = Backoff(*BACKOFF, jitter=_JITTER)
        while not self._halt.is_set():
            self.heartbeat.beat(_PATIENCE)
            held_before = self._lost_at
            try:
                self._run_once()
            except BrokerError as e:
                self._lost(e.cause)
                if self._halt.is_set():
                    break
                if self._lost_at != held_before:  # it was usable in between: start over
                    backoff.reset()
                delay = backoff.next_delay()
                self._count_loss(e, delay)
                self._halt.wait(delay)
        self._lost("stopped")

    def stop(self, timeout: float) -> None:
        """End the thread; waits up to `timeout` seconds for the current work."""
        self._halt.set()
        self._wake()
        if self.ident is not None:
            self.join(timeout)

    def _run_once(self) -> None:
        connection = connect(self._settings, self._label)
        self._give_up_at = None
        try:
            self._attend(connection)
            self._session(connection)
        except PIKA_ERRORS as e:
            error = translated(e)
            self._lost(error.cause)
            raise error from None
        except BrokerError as e:
            self._lost(e.cause)
            raise
        finally:
            if self._holds:
                self._lost("stopped")
            self._close(connection)

    def _attend(self, connection: BlockingConnection) -> None:
        """Watch the connection even while a call of pika waits for the broker's answer.

        BlockingConnection holds its own callbacks and timers back until such a call is over, which under an alarm is
        when the alarm is; the connection below it doesn't.
        """
        below = connection._impl
        below.add_on_connection_blocked_callback(lambda *_: self._blocked(True))
        below.add_on_connection_unblocked_callback(lambda *_: self._blocked(False))

        def pulse() -> None:
            self.heartbeat.beat()
            below.ioloop.call_later(_PULSE, pulse)
            now = time.monotonic()
            if self._halt.is_set() and self._give_up_at is None:
                self._give_up_at = now + CLOSE_TIMEOUT
            if self._give_up_at is not None and now > self._give_up_at:
                raise TimeoutError("the broker does not answer")

        pulse()

    def _close(self, connection: BlockingConnection) -> None:
        self._give_up_at = time.monotonic() + CLOSE_TIMEOUT
        try:
            if connection.is_open:
                connection.close()
        except PIKA_ERRORS as e:
            log.debug("broker_close_failed", direction=self._direction, error=_describe(e))
            self._give_up_at = None
            _abort(connection)

    def _established(self) -> None:
        """Called by the session once it is fully usable."""
        self._holds, self._held_at = True, time.monotonic()
        self._metrics.connected.labels(self._direction).set(1)
        if self._log_next:
            log.info("broker_connected", direction=self._direction)
            self._log_next = False

    def _lost(self, why: str) -> None:
        if self._holds:
            self._lost_at = time.monotonic()
        self._holds, self._why = False, why
        self._metrics.connected.labels(self._direction).set(0)

    def _count_loss(self, error: BrokerError, wait: float) -> None:
        """Count it, and log it unless the same was logged a moment ago, whether it held meanwhile or not."""
        self._metrics.reconnects.labels(self._direction, error.cause).inc()
        if self._losses.allows(str(error)):
            log.warning("broker_lost", direction=self._direction, cause=error.cause, error=str(error), retry_s=round(wait, 1))
            self._log_next = True

    def _blocked(self, blocked: bool) -> None:
        """Called when an alarm on the broker begins or ends; only publishing connections are blocked."""

    def _session(self, connection: BlockingConnection) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        raise NotImplementedError


def _abort(connection: BlockingConnection) -> None:
    """Close the sockets of a connection whose broker does not answer."""
    if connection.is_closed:
        return
    # pika has no public way to close a connection without the broker
    connection._impl._terminate_stream(pika.exceptions.StreamLostError("given up"))
    with contextlib.suppress(*PIKA_ERRORS):  # the error is what we asked for
        for _ in range(10):  # it closes in the next turn or two of its loop
            connection.process_data_events(0.01)
