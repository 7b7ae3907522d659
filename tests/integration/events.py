"""Events that are handed to the broker as workers do, and delays that suit tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pika

from seccam import message, topology
from tests.brokers import RunningBroker


def set_delays(broker: RunningBroker, milliseconds: Mapping[str, int]) -> None:
    """Until the node starts again, which loads its own definitions."""
    definitions = topology.definitions({})
    policies = [p for p in definitions["policies"] if p["name"] in topology.RETRY_QUEUES]
    for policy in policies:
        policy["definition"]["message-ttl"] = milliseconds[policy["name"].rpartition(".")[2]]
    file = broker.node.folder / "delays.json"
    file.write_text(json.dumps({"policies": policies}))
    broker.node.ctl("import_definitions", str(file))


def event(seq: int, *, camera: str = "front", faces: int = 1, taken: datetime | None = None) -> message.FaceEvent:
    data = message.FaceData(
        camera=camera,
        frame=message.FrameIdentity(boot_id="b00t", seq=seq, ts_ms=0),
        size=(640, 360),
        faces=faces,
        boxes=[(1, 2, 3, 4)] * faces,
        scores=[0.9] * faces,
        worker="w1",
        zone="Europe/Berlin",
        snapshot="A" * 4000,
    )
    trace = f"{seq:032x}"
    return message.FaceEvent(
        id=f"{camera}-b00t-{seq}",
        source=f"/seccam/camera/{camera}",
        time=taken or datetime.now(UTC),
        traceparent=f"00-{trace}-{trace[16:]}-01",
        data=data,
    )


def publish(broker: RunningBroker, *events: message.FaceEvent, headers: dict[str, Any] | None = None) -> None:
    """Hand events to the broker as a worker does: persistent, mandatory, confirmed."""
    with broker.connection() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for e in events:
            properties = pika.BasicProperties(content_type="application/json", message_id=e.id, delivery_mode=2, headers=headers)
            key = topology.key(topology.EVENTS, e.data.camera)
            channel.basic_publish(topology.EVENTS_EXCHANGE, key, e.encode(), properties, mandatory=True)
