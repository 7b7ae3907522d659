"""Every name on the broker: topics, queues, policies, users and their rights.

The broker loads `definitions()` when it starts (RabbitMQ's definitions file). Services declare only exclusive queues of their
own. docs/ref/topics.md explains each argument.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from seccam import jpeg

#: The topic exchange that RabbitMQ's MQTT plugin uses: routing key `seccam.view.front` is topic `seccam/view/front`.
EXCHANGE = "amq.topic"
#: The exchange of events, which only the events queue is bound to: the broker returns an event that the queue doesn't get.
EVENTS_EXCHANGE = "seccam.events"
#: What monitors write to instead of `seccam.events` and `amq.topic`; both pass on topics of events and nothing else. A monitor may
#: declare exchanges, so it could route anything to `amq.topic`; and `seccam.events` is the name of a queue, too, so who may write
#: to it may bind the queue.
MONITORS_EXCHANGE, COPIES_EXCHANGE = "seccam.events.monitors", "seccam.events.copies"
#: The exchange of commands from services. It has no queue of its name, so who may publish to it may bind no queue.
COMMANDS_EXCHANGE = "seccam.commands"
#: AMQP's default exchange: the routing key is a queue's name.
DEFAULT_EXCHANGE = ""

VIEW = "seccam.view"
SECURITY = "seccam.security"
STATUS = "seccam.status"
FACES = "seccam.faces"
PRESENCE = "seccam.presence"
EVENTS = "seccam.events"
#: Commands: of MQTT clients under this key, of services under `seccam.command.<origin>`.
COMMAND = "seccam.command"
#: Which events are told, for everybody.
MODE = "seccam.mode"

SECURITY_QUEUE = "seccam.security"
EVENTS_QUEUE = "seccam.events"
EVENTS_LOG = "seccam.events.log"
PARKED_QUEUE = "seccam.events.parked"
JOURNAL = "seccam.notified"
#: Prefix of the names of monitors' own exchanges.
ROUTERS = "seccam.monitor"
#: Delay queues, by the milliseconds a message waits in each.
RETRY_QUEUES = {"seccam.events.retry.10s": 10_000, "seccam.events.retry.1m": 60_000, "seccam.events.retry.10m": 600_000}

#: A frame older than this many milliseconds is dropped, in a queue or by its receiver.
FRAME_TTL_MS = 2000
#: Bytes of the largest message: of a frame, as events have smaller pictures.
MAX_MESSAGE_BYTES = jpeg.MAX_BYTES
#: What an MQTT packet has beside its message: a header, a topic, an MQTT 5 client's properties.
MQTT_HEADER_BYTES = 4096
#: Queues in the vhost: those of a hundred monitors with 64 cameras, far from what a broker can bear.
MAX_QUEUES = 10_000
#: Frames that may wait in the work queue: per camera, and at least. With more, what workers get above their capacity is almost
#: too old: four per camera take 2 s at two frames a second.
WORK_QUEUE_PER_CAMERA, WORK_QUEUE_LEAST = 1, 32

_CAMERA = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
CAMERA_PATTERN = f"^{_CAMERA.pattern}$"


def is_camera(name: str) -> bool:
    """Whether this is a valid camera name; it becomes part of topics, pod names and URLs."""
    return _CAMERA.fullmatch(name) is not None


def key(flow: str, camera: str) -> str:
    """The routing key of a camera in a flow: `seccam.view.front`."""
    return f"{flow}.{camera}"


def every(flow: str) -> str:
    """The binding key for all cameras of a flow: `seccam.view.*`."""
    return f"{flow}.*"


def camera_of(flow: str, routing_key: str) -> str | None:
    """The camera in a routing key of this flow; None if the name is not valid."""
    name = routing_key.removeprefix(f"{flow}.")
    return name if name != routing_key and is_camera(name) else None


def topic(routing_key: str) -> str:
    """The MQTT topic of a routing key."""
    return routing_key.replace(".", "/")


#: Arguments of a monitor's own queue for one camera's frames: it holds only the newest.
NEWEST_ONLY: Mapping[str, Any] = {
    "x-queue-type": "classic",
    "x-max-length": 1,
    "x-overflow": "drop-head",
    "x-message-ttl": FRAME_TTL_MS,
}
#: Arguments of a service's own queue for small JSON messages that matter for seconds.
SHORT_NEWS: Mapping[str, Any] = {"x-queue-type": "classic", "x-max-length": 1000, "x-message-ttl": 10_000}

#: The policy of the queues that RabbitMQ's MQTT plugin declares for a subscriber, with the subscriber's rights.
MQTT_POLICY = "seccam.mqtt"
_MQTT_QUEUES = r"mqtt-subscription-.*qos[01]"
_AT_LEAST_ONCE = {"overflow": "reject-publish", "dead-letter-strategy": "at-least-once"}
_WEEK = "7D"
#: A stream deletes whole segments only, and never the one that it writes to. So this is what it may keep beyond its age: about
#: three events. Smaller segments cost time: an event takes 1 ms with segments of 16 MiB, and 4 to 5 ms with 1500 of 64 KiB.
LOG_SEGMENT_BYTES = 384 * 1024
#: How long an event stays parked: then it is deleted with its picture.
PARKED_DAYS = 30
#: The durable queues that hold events which the notifier has not got at the moment, so that an operator can delete them.
WAITING_QUEUES = (PARKED_QUEUE, *RETRY_QUEUES)


def queues() -> dict[str, dict[str, Any]]:
    """Durable queues, with the arguments that can't change later (type, single active consumer, dead-letter target)."""
    quorum = {"x-queue-type": "quorum"}
    to_events = {**quorum, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": EVENTS_QUEUE}
    return {
        SECURITY_QUEUE: {"x-queue-type": "classic"},
        EVENTS_QUEUE: {
            **quorum,
            "x-single-active-consumer": True,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": PARKED_QUEUE,
        },
        **dict.fromkeys(RETRY_QUEUES, to_events),
        PARKED_QUEUE: quorum,
        EVENTS_LOG: {"x-queue-type": "stream"},
        JOURNAL: {"x-queue-type": "stream"},
    }


def exchanges() -> dict[str, str]:
    """Durable exchanges beside RabbitMQ's own: name -> type."""
    return dict.fromkeys((EVENTS_EXCHANGE, MONITORS_EXCHANGE, COPIES_EXCHANGE, COMMANDS_EXCHANGE), "topic")


def bindings() -> list[tuple[str, str, str]]:
    """Bindings: (exchange, queue, binding key)."""
    return [
        (EXCHANGE, SECURITY_QUEUE, every(SECURITY)),
        (EVENTS_EXCHANGE, EVENTS_QUEUE, every(EVENTS)),
        (EXCHANGE, EVENTS_QUEUE, every(PRESENCE)),
        (COMMANDS_EXCHANGE, EVENTS_QUEUE, every(COMMAND)),
        (EXCHANGE, EVENTS_QUEUE, COMMAND),
        (EXCHANGE, EVENTS_LOG, every(EVENTS)),
    ]


def forwards() -> list[tuple[str, str, str]]:
    """Bindings of exchanges to exchanges: (source, destination, binding key)."""
    return [(MONITORS_EXCHANGE, EVENTS_EXCHANGE, every(EVENTS)), (COPIES_EXCHANGE, EXCHANGE, every(EVENTS))]


def former_bindings() -> list[tuple[str, str, str]]:
    """Bindings of earlier versions, which importing definitions doesn't remove."""
    return [(EXCHANGE, EVENTS_QUEUE, every(EVENTS))]


def policies(cameras: int = 1) -> dict[str, tuple[str, dict[str, Any]]]:
    """Lengths, sizes and times, which an upgrade can change: policy name → (queue pattern, definition)."""
    exactly = {name: f"^{re.escape(name)}$" for name in queues()}
    event_queue = {"max-length": 10_000, "max-length-bytes": 512 * 1024 * 1024, **_AT_LEAST_ONCE}
    table: dict[str, tuple[str, dict[str, Any]]] = {
        SECURITY_QUEUE: (
            exactly[SECURITY_QUEUE],
            {
                "max-length": max(WORK_QUEUE_LEAST, WORK_QUEUE_PER_CAMERA * cameras),
                "max-length-bytes": 16 * 1024 * 1024 * max(1, cameras // 8),
                "overflow": "drop-head",
                "message-ttl": FRAME_TTL_MS,
            },
        ),
        # presence events are small and many: a busy house must not fill the queue while the notifier is away for a night
        EVENTS_QUEUE: (exactly[EVENTS_QUEUE], {**event_queue, "max-length": 100_000, "delivery-limit": 100}),
        # listing parked events counts as a delivery, and RabbitMQ 4 drops a message after 20 deliveries
        PARKED_QUEUE: (
            exactly[PARKED_QUEUE],
            {
                "max-length": 10_000,
                "overflow": "reject-publish",
                "delivery-limit": 1_000_000,
                "message-ttl": PARKED_DAYS * 24 * 3600 * 1000,
            },
        ),
        EVENTS_LOG: (
            exactly[EVENTS_LOG],
            {"max-age": _WEEK, "max-length-bytes": 256 * 1024 * 1024, "stream-max-segment-size-bytes": LOG_SEGMENT_BYTES},
        ),
        # a notifier reads all of it before its first event, at some 4,000 entries a second (seen on a busy machine)
        JOURNAL: (
            exactly[JOURNAL],
            {"max-age": "1D", "max-length-bytes": 16 * 1024 * 1024, "stream-max-segment-size-bytes": 1_000_000},
        ),
        # RabbitMQ before 3.12 has no mailbox limit for MQTT subscribers; this bounds the queue of a slow one
        MQTT_POLICY: (
            f"^{_MQTT_QUEUES}$",
            {
                "max-length": 20,
                "max-length-bytes": 8 * 1024 * 1024,
                "message-ttl": 10_000,
                "overflow": "drop-head",
                "expires": 3_600_000,
            },
        ),
        # a viewer may declare streams with such names over AMQP, and no policy with `expires` applies to a stream
        f"{MQTT_POLICY}.streams": (
            f"^{_MQTT_QUEUES}$",
            {"max-age": "1m", "max-length-bytes": 8 * 1024 * 1024, "stream-max-segment-size-bytes": 1_000_000},
        ),
    }
    for name, delay in RETRY_QUEUES.items():
        table[name] = (exactly[name], {**event_queue, "message-ttl": delay})
    return table


#: One user for each service and each camera, three for MQTT clients, one for the `seccam` command.
MONITOR_USER, SECURITY_USER, NOTIFIER_USER = "monitor", "security", "notifier"
DEVICE_USER, VIEWER_USER, COMMANDER_USER, OPERATOR_USER = "device", "viewer", "commander", "operator"
#: Users of earlier versions: all cameras shared one, and all MQTT clients.
FORMER_USERS = ("camera", "mqtt")

_NOTHING = "^$"
#: A monitor's queues, which the broker names, and its exchanges.
_OWN = rf"(amq\.gen-|{re.escape(ROUTERS)}\.).*"
_EXCHANGE, _EVENTS_EXCHANGE, _COPIES_EXCHANGE = map(re.escape, (EXCHANGE, EVENTS_EXCHANGE, COPIES_EXCHANGE))
_DEFAULT_EXCHANGE = r"amq\.default"


def _exactly(*keys: str) -> str:
    return f"^({'|'.join(re.escape(key) for key in keys)})$"


def camera_user(camera: str) -> str:
    """The broker user of a camera."""
    return f"camera-{camera}"


def _topics(flows: Iterable[str], name: str) -> str:
    return "^(" + "|".join(re.escape(f) for f in flows) + rf")\.{name}$"


_ANY_NAME = "[a-z0-9-]+"


def _flows(*flows: str) -> str:
    return _topics(flows, _ANY_NAME)


def _reading(*flows: str) -> str:
    return _topics(flows, rf"({_ANY_NAME}|\*|#)")


def _of_devices(cameras: Collection[str], mqtt_cameras: Iterable[str] | None) -> str:
    flows = (VIEW, SECURITY)
    if mqtt_cameras is None:
        taken = f"(?!({'|'.join(cameras)})$)" if cameras else ""
        return _topics(flows, taken + _ANY_NAME)
    names = sorted(mqtt_cameras)
    return _topics(flows, f"({'|'.join(names)})") if names else _NOTHING


def mqtt_cameras_in(write_topics: str) -> list[str] | None:
    """The MQTT cameras in the rights of the user for devices; None: discovery."""
    if write_topics == _NOTHING:
        return []
    names = write_topics.removesuffix(")$").rpartition(r"\.(")[2].split("|")
    return names if _topics((VIEW, SECURITY), f"({'|'.join(names)})") == write_topics and all(map(is_camera, names)) else None


class Rights(NamedTuple):
    """What a user may do: with queues, exchanges, and topics of the topic exchanges (regular expressions), and how often.

    RabbitMQ before 3.12 opens two channels for an MQTT connection, and doesn't answer a client that gets no channel.
    """

    configure: str = _NOTHING
    write: str = _NOTHING
    read: str = _NOTHING
    write_topics: str = _NOTHING
    read_topics: str = _NOTHING
    connections: int = 1000
    channels: int = 10_000

    def topics_on(self, exchange: str) -> str:
        """The topics that it may write on an exchange.

        None where it may not write at all: RabbitMQ 3.10 would leave an MQTT client that tries without an answer.
        """
        return self.write_topics if re.search(self.write, exchange) else _NOTHING


def permissions(cameras: Iterable[str] = (), mqtt_cameras: Iterable[str] | None = ()) -> dict[str, Rights]:
    """User → rights. A camera publishes under its own name only, and devices under those of the MQTT cameras.

    With None instead of their names, discovery: under any name that no camera has.
    """
    names = sorted(cameras)
    own = {
        camera_user(name): Rights(
            write=f"^{_EXCHANGE}$", write_topics=_topics((VIEW, SECURITY, STATUS), name), connections=20, channels=40
        )
        for name in names
    }
    return own | {
        MONITOR_USER: Rights(
            configure=f"^{_OWN}$",
            write=f"^({_OWN}|{re.escape(MONITORS_EXCHANGE)}|{_COPIES_EXCHANGE}|{re.escape(COMMANDS_EXCHANGE)})$",
            read=f"^({_EXCHANGE}|{_OWN}|{re.escape(EVENTS_LOG)}|{re.escape(JOURNAL)})$",
            write_topics=f"{_flows(EVENTS)}|{_exactly(key(COMMAND, 'page'), key(COMMAND, 'api'))}",
            read_topics=f"{_reading(VIEW, STATUS, FACES, PRESENCE)}|{_exactly(MODE)}",
        ),
        SECURITY_USER: Rights(
            write=f"^({_EXCHANGE}|{_EVENTS_EXCHANGE}|{_COPIES_EXCHANGE})$",
            read=f"^{re.escape(SECURITY_QUEUE)}$",
            write_topics=_flows(FACES, PRESENCE, EVENTS),
        ),
        NOTIFIER_USER: Rights(
            write=f"^({_DEFAULT_EXCHANGE}|{_EXCHANGE})$",
            read=_exactly(EVENTS_QUEUE, JOURNAL),
            write_topics=_exactly(MODE),
        ),
        DEVICE_USER: Rights(write=f"^{_EXCHANGE}$", write_topics=_of_devices(names, mqtt_cameras), connections=200, channels=500),
        VIEWER_USER: Rights(
            configure=f"^{_MQTT_QUEUES}$",
            write=f"^{_MQTT_QUEUES}$",  # to bind them
            read=f"^({_EXCHANGE}|{_MQTT_QUEUES})$",
            read_topics=r"^seccam\.([a-z]+\.([a-z0-9-]+|\*|#)|mode|#)$",
            connections=200,
            channels=500,
        ),
        COMMANDER_USER: Rights(write=f"^{_EXCHANGE}$", write_topics=_exactly(COMMAND), connections=200, channels=500),
        OPERATOR_USER: Rights(
            r"^seccam\.", rf"^({_EXCHANGE}|{_DEFAULT_EXCHANGE}|seccam\..*)$", rf"^({_EXCHANGE}|seccam\..*)$", ".*", ".*"
        ),
    }


def is_former_user(user: str) -> bool:
    """Whether this may be a user of an earlier version, or of a camera that is no longer configured."""
    return user in FORMER_USERS or is_camera(user.removeprefix(camera_user("")) if user.startswith(camera_user("")) else "")


def password_hash(password: str, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256 hash: base64(salt + sha256(salt + password)), salt of 4 bytes (docs: passwords)."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _salt(user: str, password: str) -> bytes:
    """A salt that depends only on user and password: the broker skips definitions that have not changed."""
    return hashlib.sha256(f"{user}:{password}".encode()).digest()[:4]


def definitions(
    passwords: Mapping[str, str],
    *,
    vhost: str = "/",
    cameras: Collection[str] = (),
    mqtt_cameras: Collection[str] | None = (),
) -> dict[str, Any]:
    """A RabbitMQ definitions file: vhost, the users in `passwords` (name → password), rights, queues, policies.

    The broker keeps users that its file no longer has. So a user in `passwords` without rights, of a former camera or version,
    is defined without a password, which refuses every login.
    """
    rights = permissions(cameras, mqtt_cameras)
    granted = {user: rights.get(user, Rights()) for user in passwords}
    return {
        "vhosts": [{"name": vhost}],
        "users": [
            {
                "name": user,
                "password_hash": password_hash(password, _salt(user, password)) if user in rights else "",
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
                "limits": {"max-connections": granted[user].connections, "max-channels": granted[user].channels},
            }
            for user, password in passwords.items()
        ],
        "parameters": [{"component": "vhost-limits", "vhost": vhost, "name": "limits", "value": {"max-queues": MAX_QUEUES}}],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": may.configure, "write": may.write, "read": may.read}
            for user, may in granted.items()
        ],
        "topic_permissions": [
            {"user": user, "vhost": vhost, "exchange": exchange, "write": may.topics_on(exchange), "read": may.read_topics}
            for user, may in granted.items()
            for exchange in (EXCHANGE, *exchanges())
        ],
        "policies": [
            {"vhost": vhost, "name": name, "pattern": pattern, "apply-to": "queues", "priority": 0, "definition": definition}
            for name, (pattern, definition) in policies(len(cameras) + len(mqtt_cameras or ())).items()
        ],
        "queues": [
            {"name": name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": arguments}
            for name, arguments in queues().items()
        ],
        "exchanges": [
            {"name": name, "vhost": vhost, "type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
            for name, kind in exchanges().items()
        ],
        "bindings": [
            {
                "source": exchange,
                "vhost": vhost,
                "destination": destination,
                "destination_type": kind,
                "routing_key": binding,
                "arguments": {},
            }
            for kind, bound in (("queue", bindings()), ("exchange", forwards()))
            for exchange, destination, binding in bound
        ],
    }
