"""Orders, as people and programs write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seccam.errors import BadMessage
from seccam.message import CommandEvent, decode_event
from seccam.order import Order

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=90)


def commanded(body: bytes | dict[str, Any]) -> dict[str, Any]:
    """The data of the command that an order becomes, on the wire and back."""
    order = Order.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    event = decode_event(order.command("alice", "page", NOW).encode())
    assert isinstance(event, CommandEvent)
    assert event.time == NOW
    data = event.data.model_dump(exclude_none=True)
    assert (data.pop("who"), data.pop("origin")) == ("alice", "page")
    return data


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"disarmed", {"mode": "disarmed"}),
        (b" home\n", {"mode": "home"}),
        ({"mode": "armed"}, {"mode": "armed"}),
        ({"mode": "disarmed", "minutes": 90}, {"mode": "disarmed", "until": LATER}),
        ({"mode": "disarmed", "until": "2026-03-10T14:30:00+01:00"}, {"mode": "disarmed", "until": LATER}),
        ({"snooze": {"minutes": 90}}, {"snooze": {"cameras": [], "until": LATER}}),
        ({"snooze": {"cameras": ["front"], "until": "2026-03-10T13:30:00Z"}}, {"snooze": {"cameras": ["front"], "until": LATER}}),
    ],
)
def test_an_order_becomes_a_command(body: bytes | dict[str, Any], data: dict[str, Any]) -> None:
    assert commanded(body) == data


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "Invalid JSON"),
        (b"DISARMED", "Invalid JSON"),
        (b"[]", "body"),
        (b"{}", "either mode or snooze"),
        (b'{"mode": "off"}', "mode"),
        (b'{"mode": "armed", "snooze": {"minutes": 1}}', "either mode or snooze"),
        (b'{"mode": "armed", "minutes": 1, "until": "2026-03-10T13:30:00Z"}', "either until or minutes"),
        (b'{"mode": "armed", "untill": "2026-03-10T13:30:00Z"}', "untill"),
        (b'{"mode": "armed", "until": "2026-03-10T13:30:00"}', "until"),
        (b'{"mode": "armed", "until": 1773149400}', "RFC 3339"),
        (b'{"mode": "armed", "until": "2100-01-01T00:00:00Z"}', "before 2100"),
        (b'{"snooze": {"until": "9998-12-31T23:59:59-14:00"}}', "until"),
        (b'{"mode": "armed", "minutes": -1}', "minutes"),
        (b'{"mode": "armed", "minutes": 1e9}', "minutes"),
        (b'{"snooze": {"cameras": ["front"]}}', "either until or minutes"),
        (b'{"snooze": {"minutes": 1}, "minutes": 1}', "minutes beside snooze"),
        (b'{"snooze": {"cameras": ["Front door"], "minutes": 1}}', "cameras"),
        (b'{"snooze": {"cameras": "front", "minutes": 1}}', "cameras"),
        (b'{"snooze": {"cameras": [%s], "minutes": 1}}' % b",".join([b'"a"'] * 65), "cameras"),
    ],
)
def test_an_order_that_says_something_else_is_refused_with_what_is_wrong(body: bytes, fault: str) -> None:
    with pytest.raises(BadMessage, match=fault):
        Order.read(body)
