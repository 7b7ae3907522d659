"""The stand-ins for IFTTT and Telegram in the cluster, and the notifications that they received."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.cluster import Namespace, wait_ready

#: Camera and number of faces.
Notification = tuple[str, str]


def start(namespace: Namespace, image: str) -> None:
    """Start them. The URLs in values.yaml refer to them."""
    for name in ("ifttt", "telegram"):
        namespace.apply(f"{name}.yaml", image=image)
    for name in ("ifttt", "telegram"):
        wait_ready(namespace, f"app={name}", 1)


def calls(namespace: Namespace, service: str = "ifttt") -> list[dict[str, Any]]:
    """Return all calls so far, oldest first. With IFTTT value1 is the camera, value2 the number of faces, value3 the time."""
    lines = namespace.kubectl("logs", service, "--tail", "-1").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def notifications(namespace: Namespace) -> list[Notification]:
    """Return all notifications by IFTTT so far, oldest first."""
    return [(call["value1"], call["value2"]) for call in calls(namespace)]


def messages(namespace: Namespace, camera: str) -> list[dict[str, Any]]:
    """Return all messages by Telegram about a camera so far, oldest first; `photo` is the size of the picture, bytes."""
    return [call for call in calls(namespace, "telegram") if f" at {camera}," in call.get("caption", call.get("text", ""))]
