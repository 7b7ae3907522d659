"""The call to IFTTT, against a real server that misbehaves; and that the key stays where it belongs."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from seccam_notifier import channels
from seccam_notifier.channels import Answer
from seccam_notifier.channels.http import classify
from seccam_notifier.channels.ifttt import IftttChannel
from seccam_notifier.channels.redaction import Redactor
from seccam_notifier.notification import Notification
from seccam_notifier.settings import IftttSettings, Settings
from tests.brokers import free_port
from tests.servers import ifttt
from tests.servers.ifttt import Ifttt

KEY = "c4naryKEY/47 11"
NOTIFICATION = Notification("front", "2", "noon")
VALUES = {"value1": "front", "value2": "2", "value3": "noon"}


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
    settings = IftttSettings.model_construct(key=SecretStr(KEY), event="seccam", url=url)  # odd ones, too
    return IftttChannel(settings, timeout).send(NOTIFICATION)


def test_the_call_carries_event_key_and_three_texts(server: Ifttt) -> None:
    answer = call(server.url)

    assert answer == Answer("2xx")
    (made,) = server.calls
    assert (made.event, made.key) == ("seccam", "c4naryKEY%2F47%2011")
    assert made.values == VALUES
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


def test_a_line_of_our_own_log_is_without_the_key(whole_log: pytest.LogCaptureFixture) -> None:
    """structlog hands its fields to the standard library's logging as a dict, which is rendered later."""
    log = structlog.wrap_logger(
        logging.getLogger("ours"),
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    log.warning("it_failed", error=f"GET /with/key/{KEY}")

    assert "GET /with/key/***" in str(whole_log.records[-1].msg)
    assert "c4nary" not in whole_log.text


def test_without_a_key_it_says_what_it_would_send() -> None:
    with capture_logs() as lines:
        (channel,) = channels.chosen(Settings())
        assert channel.send(NOTIFICATION) == Answer("2xx")

    assert (channel.name, [line["event"] for line in lines]) == ("log", ["no_channel", "notification"])
    assert lines[1].items() >= {"camera": "front", "what": "2", "when": "noon"}.items()


@pytest.mark.parametrize(
    ("status", "result", "cause"),
    [
        (200, "2xx", None),
        (204, "2xx", None),
        (301, "4xx", None),
        (400, "4xx", None),
        (401, "401", None),
        (404, "4xx", None),
        (408, "timeout", "timeout"),
        (429, "429", "rate_limited"),
        (500, "5xx", "server"),
        (503, "5xx", "server"),
    ],
)
def test_what_a_status_means(status: int, result: str, cause: str | None) -> None:
    answer = classify(status)

    assert (answer.result, answer.retry_cause, answer.accepted) == (result, cause, result == "2xx")


def test_network_and_tls_errors_are_worth_another_try() -> None:
    assert Answer("network").retry_cause == "network"
    assert Answer("tls").retry_cause == "network"


def assert_clean(answer: Answer, log: pytest.LogCaptureFixture) -> None:
    assert "c4nary" not in answer.detail
    assert "c4nary" not in log.text
