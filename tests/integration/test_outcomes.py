"""What becomes of an event on each channel, from the notifier's journal to the visit that the monitor lists."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from seccam import topology
from tests.brokers import RunningBroker
from tests.integration.monitors import RunningMonitor, Sender, messages, picture, running
from tests.notifiers import record
from tests.waiting import eventually

TOLD, WAITS = {"channel": "telegram:1", "outcome": "notified"}, {"channel": "ntfy", "outcome": "requeued"}


@pytest.fixture
def sender(broker: RunningBroker) -> Iterator[Sender]:
    sender = Sender(broker)
    yield sender
    sender.close()


def outcomes(monitor: RunningMonitor, event: str) -> list[dict[str, Any]] | None:
    """What the monitor says of the event's visit; None if it knows none."""
    answer = monitor.http.get(f"/events/{event}")
    return list(answer.json()["outcomes"]) if answer.status_code == 200 else None


def test_a_visit_is_found_by_each_of_its_events_and_says_what_became_of_them(broker: RunningBroker, sender: Sender) -> None:
    with running(broker) as monitor, monitor.socket() as page:
        json.loads(page.recv())
        began = time.time() - 5
        first = sender.event("front", 1, taken=began)
        second = sender.event("front", 2, taken=began + 2, snapshot=picture(101))
        eventually(lambda: monitor.http.get(f"/events/{second}").status_code == 200)
        record(broker, first, {"telegram:1": "notified"})
        record(broker, second, {"ntfy": "requeued"})

        changes = [row["outcomes"] for row in itertools.islice(messages(page, "event"), 4)]
        assert changes == [[], [], [TOLD], [WAITS, TOLD]]
        by_id = [monitor.http.get(f"/events/{event}").json() for event in (first, second)]
        assert by_id[0] == by_id[1] == monitor.http.get("/events").json()[0]
        assert (by_id[0]["id"], by_id[0]["outcomes"]) == (first, [WAITS, TOLD])
        assert monitor.http.get(f"/events/{second}/picture.jpg").content == picture(101)
        unknown = monitor.http.get("/events/front-b1-3")
        assert (unknown.status_code, "last 100 visits" in unknown.json()["detail"]) == (404, True)


def test_a_monitor_that_starts_reads_what_became_of_the_visits_before(broker: RunningBroker, sender: Sender) -> None:
    event = sender.event("front", 1)
    record(broker, event, {"ntfy": "requeued"})
    record(broker, event, {"telegram:1": "notified"}, before=[b'{"mark": "1"}', b"\xff not JSON", b"{}"])
    with running(broker) as monitor:
        eventually(lambda: outcomes(monitor, event) == [WAITS, TOLD])


@pytest.mark.parametrize("missing", ["the journal", "the right to read it"])
def test_without_the_journal_the_page_lists_visits_and_learns_of_outcomes_once_it_is_there(
    broker: RunningBroker, sender: Sender, missing: str
) -> None:
    rights = topology.permissions()[topology.MONITOR_USER]
    if missing == "the journal":
        with broker.connection() as connection:
            connection.channel().queue_delete(topology.JOURNAL)
    else:
        earlier = rights.read.replace(f"|{re.escape(topology.JOURNAL)}", "")
        assert earlier != rights.read
        broker.node.ctl("set_permissions", topology.MONITOR_USER, rights.configure, rights.write, earlier)
    try:
        with running(broker) as monitor, monitor.socket() as page:
            assert next(m for m in messages(page, "status") if m["broker"])["events"] is True
            event = sender.event("front", 1)
            eventually(lambda: outcomes(monitor, event) == [])

            if missing == "the journal":
                broker.empty()
            else:
                broker.node.ctl("set_permissions", topology.MONITOR_USER, rights.configure, rights.write, rights.read)
            record(broker, event, {"telegram:1": "notified"})
            eventually(lambda: outcomes(monitor, event) == [TOLD], within=60)
    finally:
        broker.node.ctl("set_permissions", topology.MONITOR_USER, rights.configure, rights.write, rights.read)
