"""A notifier that dies, hangs, or is not alone."""

from __future__ import annotations

import os
import signal
import time
from random import Random

import pytest

from seccam import topology
from tests.broker_clients import proxy_to, through
from tests.brokers import RunningBroker
from tests.faults.conftest import ALONE_AND_BESIDE, Begin
from tests.faults.injections import starved
from tests.faults.row import check
from tests.servers.ifttt import Exchange
from tests.waiting import eventually


@ALONE_AND_BESIDE
def test_the_notifier_is_killed_at_random(begin: Begin) -> None:
    row = begin()
    random = Random(9)
    with row.fault():
        for _ in range(6):
            time.sleep(random.uniform(0.5, 2.0))
            row.notifier.end(signal.SIGKILL)
            row.replace_notifier(wait=True)
        row.over()

    check(row.settle("notifier kill -9", "6 times at random"), doubled=6)


@ALONE_AND_BESIDE
def test_the_notifier_is_killed_between_the_answer_and_the_record(begin: Begin) -> None:
    row = begin()

    def accept_and_kill(exchange: Exchange) -> None:
        row.phone.accept(exchange)
        os.kill(row.notifier.process.pid, signal.SIGKILL)

    with row.fault():
        for _ in range(5):
            row.phone.server.script.append(accept_and_kill)
            row.notifier.process.wait(30)
            row.replace_notifier(wait=True)
        row.over()

    check(row.settle("notifier kill -9 after the answer", "5 times, before the record: unavoidable"), doubled=5)


@ALONE_AND_BESIDE
def test_the_notifier_is_killed_before_the_answer(begin: Begin) -> None:
    row = begin()

    def kill(exchange: Exchange) -> None:
        os.kill(row.notifier.process.pid, signal.SIGKILL)
        exchange.reset()

    with row.fault():
        for _ in range(3):
            row.phone.server.script.append(kill)
            row.notifier.process.wait(30)
            row.replace_notifier(wait=True)
        row.over()

    check(row.settle("notifier kill -9 before the answer", "3 times: not accepted"))


@pytest.mark.slow
def test_the_notifier_runs_out_of_memory(begin: Begin) -> None:
    row = begin()
    with row.fault():
        process = row.notifier.process
        with starved(process.pid, kb=64):
            eventually(lambda: row.notifier.get("/metrics") and process.poll() is not None, within=60, what="killed by the kernel")
        assert process.returncode == -signal.SIGKILL
        row.replace_notifier(wait=True)
        row.over()

    check(row.settle("notifier out of memory", "killed by the kernel in a cgroup"), doubled=1)


@pytest.mark.slow
def test_the_notifier_hangs(begin: Begin) -> None:
    row = begin()
    with row.fault():
        row.notifier.process.send_signal(signal.SIGSTOP)
        time.sleep(60)
        row.notifier.process.send_signal(signal.SIGCONT)
        row.over()

    check(row.settle("notifier hangs", "SIGSTOP for 60 s"), doubled=1)


@ALONE_AND_BESIDE
def test_the_notifier_ends_in_order_under_load(begin: Begin) -> None:
    row = begin(rate=10)
    with row.fault():
        for _ in range(3):
            assert row.notifier.end(signal.SIGTERM) == 0
            row.replace_notifier(wait=True)
        row.over()

    check(row.settle("notifier SIGTERM", "3 times, at 10 events a second"))


@ALONE_AND_BESIDE
def test_the_active_one_of_two_notifiers_is_killed(begin: Begin) -> None:
    row = begin(notifiers=2)
    with row.fault():
        time.sleep(5)
        row.notifiers[0].end(signal.SIGKILL)
        time.sleep(5)
        row.over()

    check(row.settle("two notifiers", "the active one killed"), doubled=1)


@pytest.mark.slow
def test_the_notifier_is_cut_off_silently(begin: Begin, broker: RunningBroker) -> None:
    with proxy_to(broker) as proxy:
        row = begin(SECCAM_BROKER_URL=through(proxy, broker, topology.NOTIFIER_USER).url.get_secret_value())
        with row.fault():
            proxy.freeze()
            time.sleep(45)
            proxy.open()
            row.over()

        check(row.settle("silent cut", "notifier and broker, 45 s"), doubled=1)


@pytest.mark.slow
def test_duplicates_are_delivered(begin: Begin, broker: RunningBroker) -> None:
    row = begin()
    with row.fault():
        time.sleep(5)
        with broker.connection() as connection:
            for one in row.load.confirmed():
                connection.channel().basic_publish("", topology.EVENTS_QUEUE, one.event.encode())
        row.over()

    check(row.settle("duplicate delivery", "each event of 5 s once more"))
