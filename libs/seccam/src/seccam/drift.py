"""How a broker's definitions differ from seccam's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seccam import topology

#: Lists of a definitions file, and the fields that identify an entry in each.
_IDENTITIES: Mapping[str, Sequence[str]] = {
    "exchanges": ("name",),
    "queues": ("name",),
    "bindings": ("source", "destination", "routing_key"),
    "policies": ("name",),
    "permissions": ("user",),
    "topic_permissions": ("user", "exchange"),
}
#: The fields that must be as ours.
_COMPARED: Mapping[str, Sequence[str]] = {
    "exchanges": ("type", "durable"),
    "queues": ("durable", "arguments"),
    "bindings": (),
    "policies": ("pattern", "definition"),
    "permissions": ("configure", "write", "read"),
    "topic_permissions": ("write", "read"),
}
#: Limits that grow with the number of cameras.
_BY_CAMERAS = ("max-length", "max-length-bytes")

Entry = Mapping[str, Any]


def differences(found: Mapping[str, Any], vhost: str) -> list[str]:
    """What is missing or different in a definitions file that RabbitMQ exported, a line each.

    Users that the broker doesn't have are passed over, because not every installation has all of them. The cameras are those
    whose users may publish, and the MQTT cameras those under whose names devices may.
    """
    cameras = _cameras(_of(vhost, found.get("permissions", [])))
    mqtt_cameras = _mqtt_cameras(_of(vhost, found.get("topic_permissions", [])))
    known = topology.permissions(cameras)
    users = {user["name"]: "-" for user in found.get("users", []) if user["name"] in known}
    wanted = topology.definitions(users, vhost=vhost, cameras=cameras, mqtt_cameras=mqtt_cameras)
    return [
        *(line for kind in _IDENTITIES for line in _differing(kind, wanted[kind], _of(vhost, found.get(kind, [])))),
        *_former(_of(vhost, found.get("bindings", []))),
        *_overriding(_of(vhost, found.get("policies", []))),
    ]


def _cameras(permissions: Sequence[Entry]) -> list[str]:
    prefix = topology.camera_user("")
    publishing = [str(entry["user"]) for entry in permissions if entry.get("write") != topology.Rights().write]
    names = [user.removeprefix(prefix) for user in publishing if user.startswith(prefix)]
    return [name for name in names if topology.is_camera(name)]


def _mqtt_cameras(permissions: Sequence[Entry]) -> list[str] | None:
    of_devices = (topology.DEVICE_USER, topology.EXCHANGE)
    found = [str(entry.get("write")) for entry in permissions if (entry["user"], entry.get("exchange")) == of_devices]
    return topology.mqtt_cameras_in(found[0]) if found else []


def _of(vhost: str, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.get("vhost") == vhost]


def _differing(kind: str, wanted: Sequence[Entry], found: Sequence[Entry]) -> Iterator[str]:
    known = {_identity(kind, entry): entry for entry in found}
    for entry in wanted:
        identity = _identity(kind, entry)
        label = f"{kind}: {' → '.join(identity)}"
        there = known.get(identity)
        if there is None:
            yield f"{label} is missing"
            continue
        for field in _COMPARED[kind]:
            if _comparable(identity, entry[field]) != _comparable(identity, there.get(field)):
                yield f"{label} has {field} {there.get(field)!r} instead of {entry[field]!r}"


def _comparable(identity: Sequence[str], value: Any) -> Any:
    if isinstance(value, Mapping) and identity == (topology.SECURITY_QUEUE,):
        return {name: one for name, one in value.items() if name not in _BY_CAMERAS}
    return value


def _identity(kind: str, entry: Entry) -> tuple[str, ...]:
    return tuple(str(entry.get(field, "")) for field in _IDENTITIES[kind])


def _former(bindings: Sequence[Entry]) -> Iterator[str]:
    found = {_identity("bindings", binding) for binding in bindings}
    for binding in topology.former_bindings():
        if binding in found:
            yield f"bindings: {' → '.join(binding)} is of an earlier version; seccam broker apply removes it"


def _overriding(policies: Sequence[Entry]) -> Iterator[str]:
    """Policies of somebody else that take precedence over ours: RabbitMQ applies only one to a queue."""
    ours = topology.policies()
    for policy in policies:
        matched = [queue for queue in topology.queues() if re.search(str(policy.get("pattern", "")), queue)]
        if policy["name"] not in ours and policy.get("priority", 0) >= 0 and matched:
            yield f"policies: {policy['name']} may take the place of ours on {', '.join(matched)}"
