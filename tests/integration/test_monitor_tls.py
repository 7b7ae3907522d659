"""The page over HTTPS, with a certificate of the monitor's own."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from seccam_monitor.http import server
from seccam_monitor.http.certificate import read
from seccam_monitor.http.connections import Connections
from tests import certificates
from tests.brokers import RunningBroker
from tests.integration.monitors import Camera, picture, running
from tests.integration.test_monitor_connections import WITHIN, Port, on_a_port
from tests.unit.monitor.auth.users import entry
from tests.waiting import eventually

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """ca.pem, and broker.pem and broker.key for this machine's loopback address."""
    certificates.make(tmp_path, "IP:127.0.0.1")
    return tmp_path


def settings(folder: Path) -> dict[str, str]:
    """Those of a monitor with that certificate, and of its clients."""
    return {
        "certificate_file": str(folder / "broker.pem"),
        "certificate_key_file": str(folder / "broker.key"),
        "authority": str(folder / "ca.pem"),
    }


async def shown(base: str, cookie: str, trusted: ssl.SSLContext) -> bytes:
    """The first picture that a page gets. In one thread: two that read and write break a TLS connection of Python before 3.13."""
    async with asyncio.timeout(WITHIN):
        url = f"{base.replace('https', 'wss', 1)}/ws"
        headers = {"Cookie": cookie}
        subprotocols = [Subprotocol("seccam.v1")]
        async with connect(url, ssl=trusted, origin=Origin(base), additional_headers=headers, subprotocols=subprotocols) as page:
            await page.send(json.dumps({"type": "watch", "cams": [0]}))
            while not isinstance(message := await page.recv(), bytes):
                pass
            return message


def served(port: int) -> str:
    """The certificate that a new connection gets."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=WITHIN)


def test_pictures_socket_and_login_work_over_https(broker: RunningBroker, folder: Path) -> None:
    (folder / "users").write_text(entry("ann", PASSWORD))
    with (
        running(broker, host="0.0.0.0", users_file=str(folder / "users"), **settings(folder)) as monitor,
        Camera(broker, "front", [picture(40)], fps=2),
    ):
        assert monitor.http.get("/cameras").status_code == 401
        login = monitor.http.post("/login", data={"name": "ann", "password": PASSWORD})
        assert login.status_code == 303
        assert "secure" in login.headers["set-cookie"].lower()
        eventually(lambda: monitor.snapshot("front") == picture(40))
        cookie = "; ".join(f"{name}={value}" for name, value in monitor.http.cookies.items())
        trusted = ssl.create_default_context(cafile=folder / "ca.pem")
        assert asyncio.run(shown(monitor.base, cookie, trusted)).endswith(picture(40))


def test_a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not(broker: RunningBroker, folder: Path) -> None:
    log = folder / "log"
    with log.open("wb") as written, running(broker, written, **settings(folder)) as monitor, httpx.Client(verify=False) as viewer:
        assert viewer.get(f"{monitor.base}/cameras").status_code == 200
        first = served(monitor.port)
        (folder / "broker.pem").write_text("no certificate")
        eventually(lambda: "certificate_refused" in log.read_text())
        assert served(monitor.port) == first
        renewed = folder / "renewed"
        renewed.mkdir()
        certificates.make(renewed, "IP:127.0.0.1")
        for name in ("broker.key", "broker.pem"):
            shutil.move(renewed / name, folder / name)
        eventually(lambda: served(monitor.port) == (folder / "broker.pem").read_text())
        assert viewer.get(f"{monitor.base}/cameras").status_code == 200  # on its old connection


def test_plain_http_on_the_port_of_https_gets_no_page_and_is_counted(folder: Path) -> None:
    async def body(port: Port) -> None:
        caller = await port.call(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await caller.is_closed()
        await asyncio.to_thread(eventually, lambda: port.refused("handshake") == 1, within=WITHIN)
        assert len(port.connections) == 0

    on_a_port(body, tls=read(str(folder / "broker.pem"), str(folder / "broker.key")))


def test_clients_that_begin_no_handshake_count_and_are_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_TLS_SECONDS", 1.0)

    async def body(port: Port) -> None:
        silent = [await port.call(b"", address=f"127.0.0.{1 + i}") for i in range(3)]
        await asyncio.to_thread(eventually, lambda: port.refused("limit") == 1, within=WITHIN)
        for caller in silent:
            await caller.is_closed()
        assert port.refused("handshake") == 2
        await asyncio.to_thread(eventually, lambda: len(port.connections) == 0, within=WITHIN)

    on_a_port(body, most=2, tls=read(str(folder / "broker.pem"), str(folder / "broker.key")))


def test_a_handshake_stops_counting_although_its_client_has_no_address_any_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connections, "open", lambda *_: None)  # as it can't tell whose handshake is over
    trusting = ssl.create_default_context(cafile=folder / "ca.pem")

    async def body(port: Port) -> None:
        await port.call(b"", tls=trusting)
        await asyncio.to_thread(eventually, lambda: len(port.connections) == 0, within=WITHIN)

    on_a_port(body, tls=read(str(folder / "broker.pem"), str(folder / "broker.key")))


def test_a_request_in_one_piece_with_the_handshake_is_answered(folder: Path) -> None:
    async def body(port: Port) -> None:
        def ask() -> bytes:
            trusting = ssl.create_default_context(cafile=folder / "ca.pem")
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = trusting.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            with socket.create_connection(port.address, timeout=WITHIN) as raw:
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(65536))
                client.write(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                raw.sendall(outgoing.read())  # the handshake's last message and the request
                while True:
                    try:
                        return client.read(65536)
                    except ssl.SSLWantReadError:
                        incoming.write(raw.recv(65536))

        assert (await asyncio.to_thread(ask)).startswith(b"HTTP/1.1 ")

    on_a_port(body, tls=read(str(folder / "broker.pem"), str(folder / "broker.key")))
