from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from seccam import probes
from seccam.probes import Heartbeat, Probes


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def ops(registry: CollectorRegistry) -> Iterator[Probes]:
    served = Probes("127.0.0.1", 0, registry)
    yield served
    served.close()


def asked(ops: Probes, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", ops.port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def test_a_service_is_alive_before_it_is_ready_and_ready_before_it_stops(ops: Probes) -> None:
    assert asked(ops, "/healthz")[0] == 200
    assert json.loads(asked(ops, "/readyz")[2]) == {"status": "not ready", "checks": {"start": "not finished"}}

    ops.watch(live=dict, ready=dict)
    assert json.loads(asked(ops, "/readyz")[2]) == {"status": "ready", "checks": {}}

    ops.stopping()
    assert asked(ops, "/readyz")[0] == 503
    assert asked(ops, "/healthz")[0] == 200


def test_what_fails_is_named(ops: Probes) -> None:
    ops.watch(live=lambda: {"loop": "silent for 31 s"}, ready=lambda: {"broker": "refused for 12 s"})

    status, kind, body = asked(ops, "/healthz")
    assert (status, kind, json.loads(body)) == (
        503,
        "application/json",
        {"status": "failing", "checks": {"loop": "silent for 31 s"}},
    )
    assert json.loads(asked(ops, "/readyz")[2])["checks"] == {"broker": "refused for 12 s"}


def test_readiness_is_a_metric_too(ops: Probes, registry: CollectorRegistry) -> None:
    assert registry.get_sample_value("seccam_ready") == 0
    ops.watch(live=dict, ready=dict)
    assert registry.get_sample_value("seccam_ready") == 1


def test_metrics_come_as_text_and_as_openmetrics(ops: Probes, registry: CollectorRegistry) -> None:
    Counter("seccam_things", "Things", registry=registry).inc()

    assert "seccam_things_total 1.0" in asked(ops, "/metrics")[2]
    status, kind, body = asked(ops, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind.partition(";")[0], body.endswith("# EOF\n")) == (200, "application/openmetrics-text", True)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/healthz/x", "GET", 404), ("/healthz", "POST", 501), ("/healthz?x=1", "GET", 200)],
)
def test_anything_else_is_refused(ops: Probes, path: str, method: str, status: int) -> None:
    assert asked(ops, path, method)[0] == status


def test_slow_callers_keep_nobody_out_and_the_first_of_them_are_cut_off_beyond_a_number(
    ops: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_handler(ops), "timeout", 600)  # as if they sent a byte now and then
    with ExitStack() as stack:

        def call(count: int) -> list[socket.socket]:
            return [stack.enter_context(socket.create_connection(("127.0.0.1", ops.port), timeout=60)) for _ in range(count)]

        first, *_ = call(20)
        assert asked(ops, "/healthz")[0] == 200
        *_, last = call(probes.MAX_CONNECTIONS)

        assert first.recv(1) == b""
        assert asked(ops, "/healthz")[0] == 200
        last.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert last.recv(12) == b"HTTP/1.0 200"


def _handler(ops: Probes) -> Any:
    return ops._server.RequestHandlerClass


@pytest.mark.parametrize("host", ["::1", "::"])
def test_it_listens_on_addresses_of_ipv6_too(host: str, registry: CollectorRegistry) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no address of IPv6")
    served = Probes(host, 0, registry)
    try:
        with socket.create_connection(("::1", served.port), timeout=60) as one:
            one.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.0 200"
    finally:
        served.close()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_a_caller_that_goes_away_and_garbage_do_no_harm(ops: Probes, capfd: pytest.CaptureFixture[str]) -> None:
    for garbage in (b"", b"\x00\xff\r\n\r\n", b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", ops.port)) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset on close
            one.sendall(garbage)
    assert asked(ops, "/healthz")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_heartbeat_is_as_old_as_the_last_beat() -> None:
    heartbeat = Heartbeat()
    assert heartbeat.age() < 5
    assert heartbeat.silent("loop", 5) == {}
    time.sleep(0.02)

    assert heartbeat.silent("loop", 0.01) == {"loop": "silent for 0 s"}


def test_a_beat_may_ask_for_patience() -> None:
    heartbeat = Heartbeat()

    heartbeat.beat(60)

    assert heartbeat.age() == 0
