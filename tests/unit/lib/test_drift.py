"""Differences between a broker's definitions and seccam's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from seccam import drift, topology

CAMERAS = ("front", "yard")
PASSWORDS = dict.fromkeys(topology.permissions(CAMERAS), "secret")
Definitions = dict[str, Any]


def without(kind: str, **identity: str) -> Callable[[Definitions], None]:
    """Removes the entries with these values."""

    def change(found: Definitions) -> None:
        found[kind] = [entry for entry in found[kind] if not identity.items() <= entry.items()]

    return change


def changed(kind: str, name: str, field: str, value: Any) -> Callable[[Definitions], None]:
    """Changes a field of an entry."""

    def change(found: Definitions) -> None:
        entry = next(entry for entry in found[kind] if name in (entry.get("name"), entry.get("user")))
        entry[field] = value

    return change


def with_binding(source: str, queue: str, key: str) -> Callable[[Definitions], None]:
    """Adds a binding."""
    return lambda found: found["bindings"].append({"source": source, "vhost": "/", "destination": queue, "routing_key": key})


def test_definitions_as_seccam_makes_them_do_not_differ() -> None:
    assert drift.differences(topology.definitions(PASSWORDS, cameras=CAMERAS), "/") == []
    many = [f"c{number}" for number in range(40)]
    assert drift.differences(topology.definitions(dict.fromkeys(topology.permissions(many), "secret"), cameras=many), "/") == []
    assert drift.differences(topology.definitions({"monitor": "secret"}), "/") == []
    for mqtt_cameras in (None, ["shed", "pond"]):
        made = topology.definitions(PASSWORDS, cameras=CAMERAS, mqtt_cameras=mqtt_cameras)
        assert drift.differences(made, "/") == []
        made["topic_permissions"].reverse()  # RabbitMQ exports them in any order
        assert drift.differences(made, "/") == []


def test_the_user_of_a_former_camera_does_not_matter() -> None:
    assert drift.differences(topology.definitions({**PASSWORDS, "camera-gone": "secret"}, cameras=CAMERAS), "/") == []


def test_what_others_have_on_the_broker_does_not_matter() -> None:
    found = topology.definitions(PASSWORDS, cameras=CAMERAS)
    for kind in ("queues", "exchanges", "bindings", "policies", "permissions", "topic_permissions"):
        found[kind] = [*found[kind], *({**entry, "vhost": "other"} for entry in found[kind])]
    found["queues"].append({"name": "mine", "vhost": "/", "durable": True, "arguments": {}})

    assert drift.differences(found, "/") == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (without("queues", name="seccam.events"), "queues: seccam.events is missing"),
        (without("exchanges", name="seccam.events"), "exchanges: seccam.events is missing"),
        (
            without("bindings", source="seccam.events"),
            "bindings: seccam.events → seccam.events → seccam.events.* is missing",
        ),
        (without("policies", name="seccam.events.retry.10s"), "policies: seccam.events.retry.10s is missing"),
        (
            changed("queues", "seccam.notified", "durable", False),
            "queues: seccam.notified has durable False instead of True",
        ),
        (changed("permissions", "camera-front", "read", ".*"), "permissions: camera-front has read '.*' instead of '^$'"),
        (
            changed("policies", "seccam.notified", "definition", {}),
            "policies: seccam.notified has definition {} instead of " + repr(topology.policies()["seccam.notified"][1]),
        ),
        (
            with_binding("amq.topic", "seccam.events", "seccam.events.*"),
            "bindings: amq.topic → seccam.events → seccam.events.* is of an earlier version; seccam broker apply removes it",
        ),
        (
            lambda found: found["policies"].append({"name": "ttl", "vhost": "/", "pattern": "^seccam.*parked$", "priority": 1}),
            "policies: ttl may take the place of ours on seccam.events.parked",
        ),
    ],
)
def test_what_is_missing_or_different_is_named(change: Callable[[Definitions], None], line: str) -> None:
    found = copy.deepcopy(topology.definitions(PASSWORDS, cameras=CAMERAS))

    change(found)

    assert drift.differences(found, "/") == [line]
