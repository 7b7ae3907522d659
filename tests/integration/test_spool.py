"""Events on disk until the broker confirms them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from seccam.broker import Message, Spool
from seccam.settings import BrokerSettings
from tests.broker_clients import BrokerClients, clients_of, event, waiting_events
from tests.brokers import RunningBroker, free_port
from tests.waiting import eventually


@pytest.fixture
def clients(broker: RunningBroker) -> Iterator[BrokerClients]:
    with clients_of(broker) as clients:
        yield clients


def left(folder: Path) -> list[Message]:
    """The messages in a spool that no process has."""
    with closing(Spool(folder)) as spool:
        return [message for _, message in spool.messages()]


def test_events_of_a_process_that_died_with_the_broker_away_are_published_by_the_next(
    clients: BrokerClients, broker: RunningBroker, tmp_path: Path
) -> None:
    nowhere = BrokerSettings(url=f"amqp://127.0.0.1:{free_port()}/")
    spool = Spool(tmp_path)
    dead = clients.publisher("security", settings=nowhere, spool=spool)
    for number in range(3):
        dead.publish_durable(event(number))
    spool.close()  # as the kernel does when the process dies

    publisher = clients.publisher("security", spool=Spool(tmp_path))
    publisher.publish_durable(event(3))

    eventually(lambda: publisher.oldest_unconfirmed() == 0)
    assert waiting_events(broker) == [event(n).message_id for n in range(4)]
    publisher.stop(5)
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_in_the_spool_at_the_end_is_not_lost(clients: BrokerClients, tmp_path: Path) -> None:
    nowhere = BrokerSettings(url=f"amqp://127.0.0.1:{free_port()}/")
    publisher = clients.publisher("security", settings=nowhere, spool=Spool(tmp_path))
    publisher.publish_durable(event(1))

    publisher.stop(1.5)

    assert clients.value("seccam_events_lost_total", reason="shutdown") == 0
    assert left(tmp_path) == [event(1)]


def test_processes_share_a_folder_and_take_over_the_place_of_one_that_ended(tmp_path: Path) -> None:
    with closing(Spool(tmp_path)) as first:
        with closing(Spool(tmp_path)) as second:
            second.put(event(2))

        assert list(first.messages()) == []
        assert left(tmp_path) == [event(2)]


def test_files_that_can_not_be_read_are_deleted_and_the_others_kept(tmp_path: Path) -> None:
    with closing(Spool(tmp_path)) as spool:
        kept = spool.put(event(1))
    assert kept is not None
    good = json.loads(kept.read_text())
    contents = [b"", b"{", b"[]", b"\xff", json.dumps({**good, "body": "?"}).encode(), b'{"key": 1}']
    for number, content in enumerate(contents, start=10):
        (kept.parent / f"{number:012}.json").write_bytes(content)

    assert left(tmp_path) == [event(1)]
    assert list(kept.parent.glob("*.json")) == [kept]


def test_a_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "spool")) as spool:
        path = spool.put(event(1))

    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_disk_that_takes_nothing_stops_no_event(clients: BrokerClients, broker: RunningBroker, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    publisher = clients.publisher("security", spool=spool)
    (tmp_path / "0" / "lock").unlink()
    (tmp_path / "0").rmdir()

    publisher.publish_durable(event(1))

    eventually(lambda: publisher.oldest_unconfirmed() == 0)
    assert waiting_events(broker) == [event(1).message_id]
