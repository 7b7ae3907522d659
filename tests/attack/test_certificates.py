"""Whoever shows a certificate that is not to be trusted hears no word of a client: no password, no key, no picture."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from seccam_camera.sources import CaptureOptions, open_source
from seccam_camera.sources.address import parse
from seccam_camera.sources.base import SourceNotOpened, StopToken
from seccam_camera.sources.ffmpeg import Stream
from seccam_notifier.channels.ifttt import IftttChannel
from seccam_notifier.notification import Notification
from seccam_notifier.settings import IftttSettings
from tests import certificates
from tests.brokers import free_port
from tests.notifiers import KEY
from tests.servers.tls import TlsEnd
from tests.waiting import eventually

#: Kind -> how the certificate of 127.0.0.1 is made.
WRONG = {
    "of an unknown authority": {"names": "IP:127.0.0.1", "authority": "other"},
    "for another name": {"names": "IP:127.0.0.2,DNS:elsewhere.example"},
    "expired": {"names": "IP:127.0.0.1", "days": -1},
}
wrongly = pytest.mark.parametrize("certificate", [kind.replace(" ", "-") for kind in WRONG])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    certificates.make(made, "IP:127.0.0.1")
    for kind, how in WRONG.items():
        certificates.issue(made, kind.replace(" ", "-"), **how)  # type: ignore[arg-type]
    return made


# the services

PROGRAMS = ("seccam-camera", "seccam-monitor", "seccam-security", "seccam-notifier")


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


@contextmanager
def services(port: int, authority: Path, logs: Path) -> Iterator[list[Path]]:
    """One process of each service that has its broker at this port; yields their logs."""
    environment = {
        **os.environ,
        "SECCAM_BROKER_URL": f"amqps://somebody:hunter2@127.0.0.1:{port}/",
        "SECCAM_BROKER_CA_FILE": str(authority),
        "SECCAM_CAMERA_NAME": "front",
        "SECCAM_CAMERA_SOURCE": "demo",
        "SECCAM_MONITOR_PORT": str(free_port()),
        **{f"SECCAM_{name}_OPS_PORT": str(free_port()) for name in ("CAMERA", "MONITOR", "SECURITY", "NOTIFIER")},
    }
    written = [logs / name for name in PROGRAMS]
    running = []
    for name, log in zip(PROGRAMS, written, strict=True):
        with log.open("wb") as output:
            running.append(subprocess.Popen([program(name)], env=environment, stdout=output, stderr=output))
    try:
        yield written
    finally:
        for process in running:
            process.kill()
            process.wait()


@wrongly
def test_a_broker_with_a_wrong_certificate_gets_no_password_of_any_service(folder: Path, certificate: str, tmp_path: Path) -> None:
    with TlsEnd(folder / f"{certificate}.pem") as broker, services(broker.port, folder / "ca.pem", tmp_path) as logs:
        eventually(lambda: all('"cause": "tls"' in log.read_text() for log in logs), within=90, what="all have refused it")

        assert broker.heard == []


def test_a_broker_with_the_right_certificate_is_spoken_to_by_every_service(folder: Path, tmp_path: Path) -> None:
    with TlsEnd(folder / "broker.pem") as broker, services(broker.port, folder / "ca.pem", tmp_path):
        eventually(lambda: len(broker.heard) >= len(PROGRAMS), within=90, what="all have spoken")

        assert {words[:4] for words in broker.heard} == {b"AMQP"}


# single programs and sources, told whom to trust


def command(port: int, authority: Path) -> None:
    environment = {
        **os.environ,
        "SECCAM_BROKER_URL": f"amqps://operator:hunter2@127.0.0.1:{port}/",
        "SECCAM_BROKER_CA_FILE": str(authority),
    }
    done = subprocess.run([program("seccam"), "check"], env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1


def mosquitto(port: int, authority: Path) -> None:
    """As the README shows it for devices; the certificate is the client's to check."""
    where = ["-h", "127.0.0.1", "-p", str(port), "--cafile", str(authority), "-u", "device", "-P", "hunter2"]
    done = subprocess.run(["mosquitto_pub", *where, "-t", "a", "-m", "b"], capture_output=True, timeout=60, check=False)
    assert done.returncode != 0


def ifttt(port: int, authority: Path) -> None:
    record = logging.getLogRecordFactory()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", str(authority))
        channel = IftttChannel(IftttSettings(key=SecretStr(KEY), url=f"https://127.0.0.1:{port}"), 5.0)
        answer = channel.send(Notification("front", "1", "now"))
    logging.setLogRecordFactory(record)
    assert answer.result in ("tls", "network")


def source(scheme: str) -> Callable[[int, Path], None]:
    def call(port: int, authority: Path) -> None:
        options = CaptureOptions(1280, 720, 15, ca_file=str(authority))
        with pytest.raises(SourceNotOpened):
            open_source(parse(f"{scheme}://admin:hunter2@127.0.0.1:{port}/live"), options, StopToken())

    return call


def live_video(port: int, authority: Path) -> None:
    """FFmpeg opens an address over HTTPS again that is not motion JPEG."""
    with pytest.raises(SourceNotOpened):
        Stream(f"https://admin:hunter2@127.0.0.1:{port}/live", StopToken(), str(authority))


CLIENTS: dict[str, tuple[Callable[[int, Path], None], bytes]] = {
    "the operator's command": (command, b"AMQP"),
    "an MQTT client": (mosquitto, b"\x10"),
    "the notifier to IFTTT": (ifttt, b"POST /trigger/"),
    "a camera over HTTPS": (source("https"), b"GET /live"),
    "a camera with live video over HTTPS": (live_video, b"GET /live"),
    "a camera over RTSPS": (source("rtsps"), b"OPTIONS rtsps:"),
}
clients = pytest.mark.parametrize(("client", "greeting"), CLIENTS.values(), ids=CLIENTS)


@clients
@wrongly
def test_a_wrong_certificate_is_told_nothing(
    folder: Path, certificate: str, client: Callable[[int, Path], None], greeting: bytes
) -> None:
    with TlsEnd(folder / f"{certificate}.pem") as end:
        client(end.port, folder / "ca.pem")
        eventually(lambda: end.connections, what="it has tried")

        assert end.heard == []


@clients
def test_the_right_certificate_is_spoken_to(folder: Path, client: Callable[[int, Path], None], greeting: bytes) -> None:
    with TlsEnd(folder / "broker.pem") as end:
        client(end.port, folder / "ca.pem")

        assert eventually(lambda: end.heard)[0].startswith(greeting)
