"""The call to IFTTT, against a real server that misbehaves; and that the key stays where it belongs."""

from __future__ import annotations

import http.client
import io
import json
import logging
import threading
import time
from collections.abc import Iterator

import notifier
import pytest
from notifier import Answer, Channel, Redactor, Settings
from prometheus_client import CollectorRegistry

from tests.brokers import free_port
from tests.servers import ifttt
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

KEY = "c4naryKEY/47 11"
TOLD = {"value1": "front", "value2": "2", "value3": "noon"}


@pytest.fixture
def server() -> Iterator[Ifttt]:
    with Ifttt() as running:
        yield running


@pytest.fixture
def whole_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, at debug level, after the key was taken out as the notifier does it."""
    before = logging.getLogRecordFactory()
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "requests"):
        caplog.set_level(logging.DEBUG, name)
    Redactor(KEY).guard_logging()
    yield caplog
    logging.setLogRecordFactory(before)


def call(url: str, timeout: float = 10.0) -> Answer:
    log = notifier.JsonLog(io.StringIO(), CollectorRegistry())
    return Channel(Settings(ifttt_key=KEY, ifttt_url=url, timeout_seconds=timeout), Redactor(KEY), log).tell(TOLD)


def test_the_call_carries_event_key_and_three_texts(server: Ifttt) -> None:
    answer = call(server.url + "/")

    assert answer == Answer("2xx")
    (made,) = server.calls
    assert (made.event, made.key) == ("seccam", "c4naryKEY%2F47%2011")
    assert made.values == TOLD
    assert made.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (ifttt.status(401), "401"),
        (ifttt.status(400), "4xx"),
        (ifttt.status(302, Location="http://127.0.0.1:1/steal"), "4xx"),
        (ifttt.status(500), "5xx"),
        (ifttt.status(503), "5xx"),
        (ifttt.hang, "timeout"),
        (ifttt.reset, "network"),
        (ifttt.half, "network"),
        (ifttt.slow_body, "2xx"),
    ],
)
def test_every_misbehaviour_has_its_answer_soon_and_without_the_key(
    server: Ifttt, whole_log: pytest.LogCaptureFixture, behaviour: ifttt.Answer, result: str
) -> None:
    server.script.append(behaviour)

    answer = call(server.url, timeout=0.4 if behaviour is ifttt.hang else 10.0)

    assert answer.result == result
    assert len(server.calls) == 1
    assert_clean(answer, whole_log)


def test_a_server_that_asks_to_wait_is_heard(server: Ifttt) -> None:
    server.script.append(ifttt.status(429, Retry_After="37"))

    assert call(server.url) == Answer("429", 37.0)


def test_a_wish_that_no_calendar_holds_is_no_wish(server: Ifttt) -> None:
    server.script.append(ifttt.status(429, Retry_After="Tue, 10 Mar 2026 12:00:45 +9999999999999999"))

    assert call(server.url) == Answer("429")


def test_a_bug_in_the_thread_that_calls_is_an_answer_too(server: Ifttt, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves a thread ends the process under runner.py."""
    monkeypatch.delattr(notifier, "classify")

    assert call(server.url).result == "network"


def test_headers_that_never_end_are_given_up(server: Ifttt, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, so no timeout between bytes helps."""
    monkeypatch.setattr(notifier, "CONNECT_TIMEOUT", 0.3)
    monkeypatch.setattr(notifier, "CALL_GRACE", 0.3)
    server.script.append(ifttt.slow_head)

    began = time.monotonic()
    answer = call(server.url, timeout=0.4)

    assert answer.result == "timeout"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "result"),
    [
        pytest.param(f"http://127.0.0.1:{free_port()}", "network", id="nobody listens"),
        ("http://no-such-host.invalid", "network"),
        ("http://host with spaces", "network"),
        ("http://" + "a" * 80 + ".example", "network"),  # no label of a name is so long: urllib3 has an error of its own
        ("no-scheme", "network"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_the_key(
    whole_log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], url: str, result: str
) -> None:
    answer = call(url)

    assert answer.result == result
    assert answer.detail
    assert_clean(answer, whole_log)
    assert "c4nary" not in "".join(capfd.readouterr())


def test_a_server_without_tls_is_not_spoken_to(server: Ifttt, whole_log: pytest.LogCaptureFixture) -> None:
    answer = call(server.url.replace("http:", "https:"))

    assert answer.result == "tls"
    assert server.calls == []
    assert_clean(answer, whole_log)


def test_debug_logging_of_the_libraries_shows_the_call_without_the_key(server: Ifttt, whole_log: pytest.LogCaptureFixture) -> None:
    call(server.url)

    assert "/trigger/seccam/with/key/***" in whole_log.text  # urllib3 does log the address
    assert "c4nary" not in whole_log.text


def test_a_traceback_in_the_log_is_without_the_key(whole_log: pytest.LogCaptureFixture) -> None:
    try:
        http.client.HTTPConnection("127.0.0.1", 1).putrequest("GET", f"/trigger/x/with/key/{KEY}")
    except http.client.InvalidURL:
        logging.getLogger("anyone").exception("it failed: %s", KEY)

    assert "it failed: ***" in whole_log.text
    assert "with/key/***" in whole_log.text
    assert "c4nary" not in whole_log.text


def test_a_log_call_with_wrong_arguments_still_raises_nothing(whole_log: pytest.LogCaptureFixture) -> None:
    logging.getLogger("anyone").makeRecord("n", logging.INFO, "f", 1, "%d", ("x",), None)

    assert not whole_log.records


def test_without_a_key_it_says_what_it_would_send() -> None:
    log = notifier.JsonLog(stream := io.StringIO(), CollectorRegistry())

    assert Channel(Settings(), Redactor(""), log).tell(TOLD) == Answer("2xx")
    line = json.loads(stream.getvalue())
    assert line["event"] == "notification"
    assert line.items() >= TOLD.items()


def test_calls_leave_no_thread_behind(server: Ifttt) -> None:
    call(server.url)

    eventually(lambda: not [t for t in threading.enumerate() if t.name == "ifttt"])


def assert_clean(answer: Answer, log: pytest.LogCaptureFixture) -> None:
    assert "c4nary" not in answer.detail
    assert "c4nary" not in log.text
