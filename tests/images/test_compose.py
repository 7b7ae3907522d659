"""compose.yaml runs the images of this checkout on the docker engine that has built them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brokers import free_port
from tests.images import engine
from tests.waiting import eventually

pytestmark = [pytest.mark.images, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).parents[2]
SERVICES = ("camera", "monitor", "notifier", "rabbitmq", "security")

#: A bot that can't be reached, and the log.
CHANNELS = """\
# my bot
SECCAM_TELEGRAM_TOKEN=4711:c4nary
SECCAM_TELEGRAM_CHATS=42
SECCAM_TELEGRAM_URL=http://127.0.0.1:1
SECCAM_NOTIFIER_CHANNELS=telegram,log
"""
#: Exits with 3 where the broker refuses this login.
LOG_IN = """
import sys, pika
login = pika.PlainCredentials(*sys.argv[1:])
try:
    pika.BlockingConnection(pika.ConnectionParameters("rabbitmq", credentials=login))
except pika.exceptions.ProbableAuthenticationError:
    sys.exit(3)
"""


def compose_command() -> list[str]:
    """Docker's plugin, or the older program of its own; skips where there is neither, fails there in CI."""
    if engine.docker("compose", "version").returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if os.environ.get("CI"):
        pytest.fail("docker compose is not installed")
    pytest.skip("docker compose is not installed")


class Project:
    """The services of compose.yaml under a name and a port of their own."""

    def __init__(self, channels: Path) -> None:
        """`channels`: a file with the notifier's settings."""
        self.name, self.port = f"seccam-test-{uuid.uuid4().hex[:8]}", free_port()
        self._command = [*compose_command(), "--file", str(CHECKOUT / "compose.yaml"), "--project-name", self.name]
        prefix, _, tag = engine.name("monitor").partition("monitor:")
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("SECCAM_", "IFTTT_"))}
        self._environ = {**outside, "IMAGE_PREFIX": prefix, "IMAGE_TAG": tag, "PAGE_PORT": str(self.port)}
        self._environ["NOTIFIER_SETTINGS_FILE"] = str(channels)

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of docker compose, done."""
        command = [*self._command, *arguments]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, timeout=180, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0 or not check, done.stderr
        return done

    def execute(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the service's container; its status is the caller's to judge."""
        return self.compose("exec", "-T", service, *command, check=False)

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of the service's container."""
        container = self.compose("ps", "-q", service).stdout.strip()
        found: dict[str, Any] = json.loads(engine.docker("inspect", container).stdout)[0]
        return found

    def is_healthy(self, service: str) -> bool:
        """Whether its health check passes."""
        return bool(self.inspect(service)["State"]["Health"]["Status"] == "healthy")

    def get(self, path: str, login: tuple[str, str] | None = None) -> httpx.Response:
        """What the published page answers; status 503 while nothing listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", auth=login, timeout=20)
        except httpx.TransportError:
            return httpx.Response(503)

    def login(self) -> tuple[str, str]:
        """The generated one of the page."""
        return "admin", self.execute("monitor", "cat", "/etc/seccam/page/password").stdout.strip()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    channels = tmp_path_factory.mktemp("compose") / "channels.env"
    channels.write_text(CHANNELS)
    for component in engine.COMPONENTS:
        engine.config(engine.name(component))
    started = Project(channels)
    try:
        started.compose("up", "--detach")
        yield started
        print(started.compose("logs", "--tail", "50", check=False).stdout, file=sys.stderr)
    finally:
        started.compose("down", "--volumes", "--timeout", "20")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_becomes_healthy(project: Project, service: str) -> None:
    eventually(lambda: project.is_healthy(service), within=120, every=1, what=service)


def test_the_notifier_has_the_channels_of_its_file_and_no_other_container_knows_them(project: Project) -> None:
    def logged() -> str:
        return project.compose("logs", "notifier").stdout

    eventually(lambda: "started" in logged(), within=60, every=1, what="the notifier")
    assert "no_channel" not in logged()
    assert all("c4nary" not in json.dumps(project.inspect(service)) for service in SERVICES)
    assert "c4nary" not in logged()


def test_the_page_shows_the_demo_to_the_generated_login_alone(project: Project) -> None:
    eventually(lambda: project.get("/login").status_code == 200, within=60, every=0.5, what="the login page")
    assert project.get("/cameras").status_code == 401
    assert project.get("/cameras", ("admin", "admin")).status_code == 401

    login = project.login()
    frame = "/cameras/demo/snapshot.jpg"
    eventually(lambda: project.get(frame, login).status_code == 200, within=60, every=0.5, what="a frame")
    first = project.get(frame, login).content
    assert first.startswith(b"\xff\xd8")
    eventually(lambda: project.get(frame, login).content not in (b"", first), every=0.2, what="another frame")


def test_an_event_reaches_the_notifiers_log(project: Project) -> None:
    eventually(
        lambda: '"event": "notification"' in project.compose("logs", "notifier").stdout, within=90, every=1, what="a notification"
    )


def test_the_broker_takes_generated_passwords_alone(project: Project) -> None:
    eventually(lambda: project.is_healthy("rabbitmq"), within=120, every=1, what="the broker")
    password = project.execute("monitor", "cat", "/etc/seccam/passwords/monitor").stdout.strip()

    assert project.execute("monitor", "python", "-c", LOG_IN, "monitor", password).returncode == 0
    for user in ("guest", "admin", "monitor", "operator", "device", "viewer", "commander"):
        assert project.execute("monitor", "python", "-c", LOG_IN, user, user).returncode == 3


def test_a_service_can_not_read_what_belongs_to_another(project: Project) -> None:
    assert project.execute("camera", "cat", "/etc/seccam/passwords/camera-demo").returncode == 0
    for secret in (
        "passwords/monitor",
        "passwords/operator",
        "page/session-key",
        "ifttt-key",
        "notifier-settings",
        "definitions.json",
    ):
        assert "Permission denied" in project.execute("camera", "cat", f"/etc/seccam/{secret}").stderr


def test_nothing_but_the_page_is_published_and_that_on_loopback(project: Project) -> None:
    published = {
        (service, binding["HostIp"], binding["HostPort"])
        for service in SERVICES
        for bindings in project.inspect(service)["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }

    assert published == {("monitor", "127.0.0.1", str(project.port))}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_root_no_capability_and_a_read_only_root(project: Project, service: str) -> None:
    container = project.inspect(service)

    assert int(container["Config"]["User"].partition(":")[0]) > 0
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert not container["HostConfig"]["CapAdd"]
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_passwords_are_made_once(project: Project) -> None:
    before = project.login()
    project.compose("run", "--rm", "setup")

    assert project.login() == before
    assert project.get("/cameras", before).status_code == 200
