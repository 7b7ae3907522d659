"""What `make run` prints when everything is ready. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from seccam import topology
from seccam.settings import given, is_given
from seccam_local.installation import newest
from seccam_local.node import Node
from seccam_local.stack import Stack

#: Channel -> the setting that turns it on.
_KEYS = {
    "Telegram": "SECCAM_TELEGRAM_TOKEN",
    "ntfy": "SECCAM_NTFY_TOPIC",
    "a webhook": "SECCAM_WEBHOOK_URL",
    "Apprise": "SECCAM_APPRISE_URLS",
    "IFTTT": "IFTTT_KEY",
}


def ready_lines(stack: Stack, environ: Mapping[str, str], missing: Mapping[str, str]) -> Iterator[str]:
    """The page's address, the cameras, the notifications, the metrics; `missing` are camera services that aren't ready."""
    yield f"seccam is ready: {stack.page_url}"
    yield _row("cameras", "; ".join(_cameras(stack, missing)))
    yield _row("phone", _channels(environ))
    for service in stack.services:
        yield _row("metrics", f"http://{service.ops.client_address}/metrics  {service.name}")


def _channels(environ: Mapping[str, str]) -> str:
    """Where notifications go."""
    named = given(environ, "SECCAM_NOTIFIER_CHANNELS") or ", ".join(name for name, key in _KEYS.items() if is_given(environ, key))
    return f"notifications through {named}" if named else f"notifications are only logged; set one of {', '.join(_KEYS.values())}"


def _cameras(stack: Stack, missing: Mapping[str, str]) -> Iterator[str]:
    """The live cameras together, then each other camera with its reason."""
    not_live = {one.camera.name: missing[one.name] for one in stack.services if one.camera and one.name in missing}
    if live := [camera.name for camera in stack.cameras if camera.name not in not_live]:
        yield ", ".join(live)
    for name, why in not_live.items():
        kind, _, reason = why.partition(": ")
        yield f"{name}: away, {'no picture yet' if reason == 'none yet' else reason}" if kind == "frames" else f"{name}: {why}"


def example_camera(stack: Stack, missing: Mapping[str, str]) -> str:
    """The camera in the printed commands: the first one that is live, or else the first."""
    names = [service.camera.name for service in stack.services if service.camera and service.name not in missing]
    return (names or [camera.name for camera in stack.cameras])[0]


def waiting_line(stack: Stack, services: Mapping[str, str]) -> str:
    """The services that aren't ready and why, and the page's address if that is ready, as a camera may be away for long."""
    text = "not ready yet: " + "; ".join(f"{name} ({why})" for name, why in services.items())
    return text if "monitor" in services else f"{text}; the page is ready: {stack.page_url}"


def broker_lines(node: Node, camera: str, folder: Path) -> Iterator[str]:
    """Commands for MQTT clients of the private broker. They read its address and password from a private file."""
    options = f"XDG_CONFIG_HOME={shlex.quote(str(node.mqtt_options))}"
    picture, other = (topology.topic(topology.key(topology.VIEW, name)) for name in (camera, "other"))
    yield _row("metrics", f"http://127.0.0.1:{node.ports.prometheus}/metrics  broker")
    yield _row("picture", f"{options} mosquitto_sub -N -t {picture} -C 1 > frame.jpg")
    yield _row("events", f"{options} mosquitto_sub -t '{topology.topic(topology.EVENTS)}/#'")
    yield _row("publish", f"{options} mosquitto_pub -t {other} -f picture.jpg")
    rabbitmq = newest()
    if rabbitmq and not rabbitmq.is_supported:
        number = ".".join(map(str, rabbitmq.version))
        yield _row(
            "note", f"RabbitMQ {number} gets no security fixes any more; a newer one in /opt or RABBITMQ_HOME is used instead"
        )
    yield _row("files", f"{folder}: the broker's data, passwords and log")


def _row(name: str, text: str) -> str:
    return f"  {name:8} {text}"
