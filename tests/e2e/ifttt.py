"""The stand-in for IFTTT in the cluster, and the notifications that it received."""

from __future__ import annotations

import json

from tests.e2e.cluster import Namespace, wait_ready

#: Camera and number of faces.
Notification = tuple[str, str]


def start(namespace: Namespace, image: str) -> None:
    """Start it. The URL in values.yaml refers to it."""
    namespace.apply("ifttt.yaml", image=image)
    wait_ready(namespace, "app=ifttt", 1)


def calls(namespace: Namespace) -> list[dict[str, str]]:
    """Return all calls so far, oldest first. value1 is the camera, value2 the number of faces, value3 the time."""
    lines = namespace.kubectl("logs", "ifttt", "--tail", "-1").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def notifications(namespace: Namespace) -> list[Notification]:
    """Return all notifications so far, oldest first."""
    return [(call["value1"], call["value2"]) for call in calls(namespace)]
