"""IFTTT that fails in every way."""

from __future__ import annotations

import time

import pytest

from tests.brokers import RunningBroker, free_port
from tests.faults.conftest import ALONE_AND_BESIDE, Begin
from tests.faults.row import check
from tests.servers import ifttt
from tests.servers.ifttt import Answer

SLOW = pytest.mark.slow


@ALONE_AND_BESIDE
@pytest.mark.parametrize(
    ("name", "answer"),
    [
        pytest.param("500", ifttt.status(500)),
        pytest.param("503", ifttt.status(503), marks=SLOW),
        pytest.param("429 with Retry-After 5", ifttt.status(429, Retry_After="5"), marks=SLOW),
        pytest.param("hangs", ifttt.hang, marks=SLOW),
        pytest.param("reset", ifttt.reset, marks=SLOW),
        pytest.param("slow head", ifttt.slow_head, marks=SLOW),
        pytest.param("half a status line", ifttt.half, marks=SLOW),
    ],
)
def test_ifttt_fails_for_a_while(begin: Begin, name: str, answer: Answer) -> None:
    row = begin()
    with row.fault():
        row.phone.answer(answer)
        time.sleep(25)
        row.phone.recover()
        row.over()

    check(row.settle(f"IFTTT: {name}", "25 s"))


@pytest.mark.slow
def test_ifttt_accepts_with_a_body_that_takes_for_ever(begin: Begin) -> None:
    row = begin()
    with row.fault():
        row.phone.answer(row.phone.accept_slowly)
        time.sleep(25)
        row.phone.recover()
        row.over()

    check(row.settle("IFTTT: slow body", "25 s, after a head that accepts"))


@pytest.mark.slow
def test_ifttt_fails_for_minutes_and_the_backlog_comes_home_soon(begin: Begin) -> None:
    row = begin(rate=2)
    with row.fault():
        row.phone.answer(ifttt.status(500))
        time.sleep(180)
        row.phone.recover()
        row.over()

    check(row.settle("IFTTT: 500", "180 s, at 2 events a second"))


@ALONE_AND_BESIDE
def test_ifttt_refuses_the_key_and_the_events_are_parked(begin: Begin) -> None:
    row = begin()
    with row.fault():
        row.phone.answer(ifttt.status(401))
        time.sleep(10)
        row.phone.recover()
        row.over()

    line = row.settle("IFTTT: 401", "10 s; parked, to be replayed")
    check(line)
    assert line.parked > 20


@ALONE_AND_BESIDE
def test_ifttt_accepts_and_the_answer_is_lost(begin: Begin) -> None:
    row = begin()
    with row.fault():
        row.phone.server.script.extend([row.phone.accept_silently] * 5)
        time.sleep(10)
        row.over()

    check(row.settle("IFTTT accepts, the answer is lost", "5 times: nobody can know"), doubled=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("no DNS", "https://no-such-host.invalid"),
        ("nothing listens", "http://127.0.0.1:{port}"),
        ("bad certificate", "https://127.0.0.1:{phone}"),
    ],
)
def test_ifttt_can_not_be_reached(begin: Begin, broker: RunningBroker, name: str, url: str) -> None:
    row = begin()
    with row.fault():
        row.notifier.end()
        right = row.phone.server.url
        row.redirect(url.format(port=free_port(), phone=row.phone.server.port))
        row.replace_notifier()
        time.sleep(15)
        row.notifier.end()
        row.redirect(right)
        row.replace_notifier()
        row.over()

    check(row.settle(f"IFTTT: {name}", "15 s, between two restarts of the notifier"))


@pytest.mark.slow
@pytest.mark.parametrize("begin", ["hangs"], indirect=True)
def test_a_second_channel_hangs(begin: Begin) -> None:
    row = begin(SECCAM_NOTIFIER_CHANNELS="ifttt,webhook")
    with row.fault():
        time.sleep(40)
        row.over()

    check(row.settle("nothing else", "40 s"))
