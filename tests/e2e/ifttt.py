"""The stand-in for IFTTT in the cluster, and what it was told."""

from __future__ import annotations

import json

from tests.e2e.cluster import Namespace, patiently_ready

#: (camera, faces) of a call.
Told = tuple[str, str]


def start(namespace: Namespace, image: str) -> None:
    """Run it; the chart's values lead there."""
    namespace.apply("ifttt.yaml", image=image)
    patiently_ready(namespace, "app=ifttt", 1)


def calls(namespace: Namespace) -> list[dict[str, str]]:
    """All calls so far, oldest first: value1 camera, value2 faces, value3 when."""
    lines = namespace.kubectl("logs", "ifttt", "--tail", "-1").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def told(namespace: Namespace) -> list[Told]:
    """Camera and faces of all calls so far."""
    return [(call["value1"], call["value2"]) for call in calls(namespace)]
