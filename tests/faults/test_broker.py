"""A broker that dies, hangs, is short of something, or lost a part of its topology."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from seccam import topology
from tests.brokers import RunningBroker
from tests.faults.conftest import Begin
from tests.faults.injections import ALARMS, alarm, apply, delete, frozen, killed, stopped, unbound, without, without_exchange
from tests.faults.row import check
from tests.servers import ifttt
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _whole(broker: RunningBroker) -> Iterator[None]:
    """The broker has all of its topology again after each test."""
    yield
    broker.ensure_running()
    apply(broker)


def test_the_broker_is_killed_three_times(begin: Begin, broker: RunningBroker) -> None:
    row = begin(rate=10)
    with row.fault():
        for _ in range(3):
            with killed(broker):
                time.sleep(3)
            eventually(lambda: row.notifier.metric('seccam_broker_connected{direction="consume"}') == 1, within=60)
            time.sleep(3)
        row.over()

    check(row.settle("broker kill -9", "three times, at 10 events a second"), doubled=3)


def test_the_broker_restarts_in_order(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        with stopped(broker):
            time.sleep(5)
        row.over()

    check(row.settle("broker stop and start", "stop_app, 5 s, start_app"))


@pytest.mark.slow
def test_the_broker_hangs(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        with frozen(broker.pid):
            time.sleep(30)
        row.over()

    check(row.settle("broker hangs", "SIGSTOP for 30 s"), doubled=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALARMS)
def test_the_broker_blocks_publishers_and_the_notifier_dies_meanwhile(begin: Begin, broker: RunningBroker, kind: str) -> None:
    row = begin()
    with row.fault():
        with alarm(broker, kind):
            time.sleep(10)
            row.notifier.end(signal.SIGKILL)
            row.replace_notifier()
            time.sleep(20)
        row.over()

    check(row.settle(f"{kind} alarm", "30 s, the notifier killed after 10 s"), doubled=1)


def test_the_events_queue_is_deleted_and_declared_again(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        eventually(lambda: broker.depth(topology.EVENTS_QUEUE) == 0, within=30)
        with without(broker, topology.EVENTS_QUEUE):
            time.sleep(10)
        row.over()

    check(row.settle("events queue deleted", "for 10 s; what it held at that moment is gone with it"))


def test_the_binding_of_the_events_queue_is_removed(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        with unbound(broker):
            time.sleep(10)
        row.over()

    check(row.settle("binding removed", "seccam.events, for 10 s"))


def test_the_exchange_of_events_is_deleted(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        with without_exchange(broker):
            time.sleep(10)
        row.over()

    check(row.settle("exchange deleted", "seccam.events, for 10 s"))


def test_the_events_queue_is_full_while_the_notifier_is_away(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with broker.policy(topology.EVENTS_QUEUE, max_length=20), row.fault():
        row.notifier.end()
        time.sleep(10)
        row.replace_notifier()
        row.over()

    check(row.settle("events queue full", "20 places, the notifier away for 10 s"))


@pytest.mark.parametrize(
    "queue",
    [
        topology.EVENTS_LOG,
        topology.JOURNAL,
        pytest.param(topology.PARKED_QUEUE, marks=pytest.mark.slow),
        pytest.param("seccam.events.retry.10s", marks=pytest.mark.slow),
    ],
)
def test_the_writer_of_another_queue_hangs_and_ifttt_fails_once(begin: Begin, broker: RunningBroker, queue: str) -> None:
    row = begin()
    with row.fault():
        with broker.hanging(queue):
            row.phone.server.script.append(ifttt.status(500))
            time.sleep(20)
            told = len(row.phone.accepted)
        row.over()

    assert told > 40, "others are told meanwhile"
    check(row.settle(f"{queue} hangs", "its writer is suspended for 20 s; one IFTTT 500 meanwhile"))


@pytest.mark.slow
def test_the_notifier_starts_while_the_journal_hangs(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        with broker.hanging(topology.JOURNAL):
            row.notifier.end(signal.SIGKILL)
            told = len(row.phone.accepted)
            row.replace_notifier()
            time.sleep(40)
            told = len(row.phone.accepted) - told
        row.over()

    assert told > 40, "events are told without it"
    check(row.settle("start without the journal", "it hangs for 40 s, the notifier killed at its beginning"), doubled=1)


def test_the_journal_is_deleted(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        eventually(lambda: broker.depth(topology.EVENTS_QUEUE) == 0, within=30)
        with without(broker, topology.JOURNAL):
            row.keep_records()
            time.sleep(15)
            told = len(row.phone.accepted)
        row.over()

    assert told > 40
    line = row.settle("journal deleted", "for 15 s; entries until then are gone with it")
    check(line)


@pytest.mark.slow
def test_the_parked_queue_is_full_of_poison(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with broker.policy(topology.PARKED_QUEUE, max_length=1), row.fault():
        with broker.connection() as connection:
            for number in range(8):
                connection.channel().basic_publish("", topology.EVENTS_QUEUE, b"poison %d" % number)
        time.sleep(15)
        told = len(row.phone.accepted)
    row.over()

    assert told > 40
    check(row.settle("parked queue full", "one place, 8 messages that are no events"))


@pytest.mark.slow
def test_a_delay_queue_is_deleted_and_lacks_its_policy_later(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        delete(broker, "seccam.events.retry.10s")
        row.phone.server.script.append(ifttt.status(500))
        time.sleep(10)
        with broker.connection() as connection:
            name = "seccam.events.retry.10s"
            connection.channel().queue_declare(name, durable=True, arguments=topology.queues()[name])
        broker.node.ctl("clear_policy", name)
        row.phone.server.script.append(ifttt.status(500))
        time.sleep(10)
        apply(broker)
        row.over()

    check(row.settle("delay queue deleted, then without its policy", "10 s each, one IFTTT 500 in each"))
