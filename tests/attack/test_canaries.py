"""Secrets that can be recognised are planted in a run of the whole chain and its errors, and looked for everywhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pika
import pytest

from seccam import message, topology
from seccam_local.node import Node, Ports
from tests.attack.canaries import Canaries, Processes, Tap, canary, files_with_secrets, forms, holders
from tests.brokers import free_port
from tests.integration.local import SEVERAL, Run, members
from tests.scenes import FACELESS, jpeg, photo
from tests.servers import telegram
from tests.servers.ifttt import Ifttt, reset, status
from tests.servers.mjpeg import MjpegServer
from tests.servers.telegram import Telegram
from tests.unit.monitor.auth.users import entry
from tests.waiting import eventually

#: Secrets of the notifier's channels.
OF_CHANNELS = ("key of IFTTT", "token of Telegram", "topic of ntfy", "token of ntfy", "address of webhook")
#: `front` has a right login, `locked` a wrong one, `far` is not there.
CAMERAS = ("front", "locked", "far")
PROGRAMS = ("seccam-camera", "seccam-monitor", "seccam-security", "seccam-notifier", "seccam-local", "make ")
PATIENCE = 120.0


class Chain:
    """A run of everything that has met with every error here, and what was seen of it."""

    def __init__(self, folder: Path) -> None:
        users = topology.permissions(CAMERAS)
        self.canaries = Canaries(
            {
                **{f"password of {user}": canary(user) for user in users},
                **{f"login of {camera}": canary(camera) for camera in CAMERAS},
                **{name: canary(name.split()[-1]) for name in (*OF_CHANNELS, "password of the page", "key of sessions")},
            }
        )
        self.folder, self.secret = folder, self.canaries.planted
        self.users, self.key, broker = folder / "users", folder / "key", folder / "run" / "state" / "broker"
        broker.mkdir(parents=True)
        (broker / "passwords.json").write_text(json.dumps({user: self.secret[f"password of {user}"] for user in users}))
        self.users.write_text(entry("ann", self.secret["password of the page"]))
        self.key.write_text(self.secret["key of sessions"])
        login = self.secret["login of front"]
        self._servers = ExitStack()
        self.ifttt = self._servers.enter_context(Ifttt(default=status(401)))
        self.telegram = self._servers.enter_context(Telegram(default=telegram.BROKEN))
        pictures = [jpeg(photo(name)) for name in FACELESS]
        self.camera = self._servers.enter_context(MjpegServer(pictures, 5.0, login=("admin", login)))
        sources = {
            "front": f"http://admin:{login}@127.0.0.1:{self.camera.port}/stream",
            "locked": f"http://admin:{self.secret['login of locked']}@127.0.0.1:{self.camera.port}/stream",
            "far": f"rtsp://admin:{self.secret['login of far']}@127.0.0.1:{free_port()}/{self.secret['login of far']}",
        }
        self.processes = Processes(self.canaries)
        self.processes.start()
        self.run = Run(
            folder / "run",
            SECCAM_CAMERAS=" ".join(f"{name}={source}" for name, source in sources.items()),
            SECCAM_CAMERA_VIEW_FPS="2",
            SECCAM_CAMERA_SECURITY_FPS="1",
            SECCAM_LOG_LEVEL="debug",
            SECCAM_MONITOR_USERS_FILE=str(self.users),
            SECCAM_MONITOR_SESSION_KEY_FILE=str(self.key),
            IFTTT_URL=self.ifttt.url,
            IFTTT_KEY=self.secret["key of IFTTT"],
            SECCAM_TELEGRAM_URL=self.telegram.url,
            SECCAM_TELEGRAM_TOKEN=f"4711:{self.secret['token of Telegram']}",
            SECCAM_TELEGRAM_CHATS="42",
            SECCAM_NTFY_URL=f"http://127.0.0.1:{free_port()}",
            SECCAM_NTFY_TOPIC=self.secret["topic of ntfy"],
            SECCAM_NTFY_TOKEN=self.secret["token of ntfy"],
            SECCAM_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/{self.secret['address of webhook']}",
        )
        #: What commands that failed have printed, and what was answered to requests.
        self.errors: list[str] = []
        self.answers: list[str] = []
        self.tap: Tap | None = None

    def ctl(self, *arguments: str) -> None:
        ports = Ports(*(int(self.run.environ[f"SECCAM_LOCAL_{name}_PORT"]) for name in SEVERAL))
        Node(self.run.folder / "state" / "broker", ports, cameras=CAMERAS).ctl(*arguments)

    def amqp(self, user: str, password: str) -> str:
        return f"amqp://{user}:{password}@127.0.0.1:{self.run.environ['SECCAM_LOCAL_BROKER_PORT']}/"

    def listen(self) -> None:
        """To every message from now on."""
        self.ctl("add_user", "tap", "tap")
        self.ctl("set_permissions", "tap", ".*", ".*", ".*")
        self.ctl("trace_on")
        self.tap = Tap(self.amqp("tap", "tap"), self.canaries)
        self.tap.start()

    def event(self, number: int) -> None:
        """A face event, as a worker publishes it."""
        frame = message.FrameIdentity(boot_id="b1", seq=number)
        data = message.FaceData(
            camera="front", frame=frame, size=(9, 9), faces=number, boxes=[(1, 2, 3, 4)] * number, scores=[0.9] * number, worker="w"
        )
        event = message.FaceEvent(id=f"front-b1-{number}", source="/seccam/camera/front", time=datetime.now(UTC), data=data)
        worker = pika.URLParameters(self.amqp(topology.SECURITY_USER, self.secret["password of security"]))
        with pika.BlockingConnection(worker) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for exchange in (topology.EVENTS_EXCHANGE, topology.EXCHANGE):
                channel.basic_publish(exchange, topology.key(topology.EVENTS, "front"), event.encode(), mandatory=True)

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Keeps what is answered."""
        answer = httpx.request(method, url, timeout=20, **more)
        self.answers.append(f"{answer.status_code} {answer.headers} {answer.text}")
        return answer

    def fail(self, program: str, *arguments: str, **environment: str) -> None:
        """Run a program that must refuse this, and keep what it prints."""
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("SECCAM_", "IFTTT_"))}
        done = subprocess.run(command, env={**environ, **environment}, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in (1, 2), (program, environment, done)
        self.errors.append(done.stdout + done.stderr)

    def output_of(self, what: str) -> str:
        """Wait until the run has printed it."""
        return eventually(lambda: self.run.output if what in self.run.output else "", within=PATIENCE, what=what)

    def close(self) -> None:
        self.processes.stop()
        if self.tap:
            self.tap.stop()
        self.run.clear_away()
        self._servers.close()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = Chain(tmp_path_factory.mktemp("canaries"))
    try:
        eventually(lambda: all(chain.run.is_ready(one) for one in ("MONITOR", "SECURITY", "NOTIFIER")), within=PATIENCE)
        chain.listen()
        visit_the_page(chain)
        meet_ifttts_errors(chain)
        crash(chain)
        chain.processes.stop()  # what follows is given its secrets here
        refuse_settings(chain)
        yield chain
    finally:
        chain.close()


def visit_the_page(chain: Chain) -> None:
    """As who may, and as who may not."""
    page, password = f"http://127.0.0.1:{chain.run.environ['SECCAM_MONITOR_PORT']}", chain.secret["password of the page"]
    picture = f"{page}/cameras/front/snapshot.jpg"
    eventually(lambda: httpx.get(picture, auth=("ann", password), timeout=20).status_code == 200, within=PATIENCE)
    entered = httpx.post(f"{page}/login", data={"name": "ann", "password": password}, timeout=20)
    assert entered.status_code == 303
    cookie = entered.cookies["seccam"]
    chain.canaries.planted["cookie of the page"] = cookie
    for path in ("/", "/cameras", "/events", "/openapi.json", "/nothing"):
        chain.ask("GET", page + path, auth=("ann", password))
        chain.ask("GET", page + path, headers={"Cookie": f"seccam={cookie}"})
    chain.ask("POST", f"{page}/login", data={"name": "ann", "password": password + "x"})
    chain.ask("GET", f"{page}/cameras", auth=("ann", password + "x"))
    chain.ask("GET", f"{page}/cameras", auth=(password, ""))
    chain.ask("GET", f"{page}/cameras", headers={"Cookie": f"seccam={cookie}x"})
    # typed into the field of the name: the form shows it to whoever typed it
    httpx.post(f"{page}/login", data={"name": password, "password": ""}, timeout=20)
    chain.ask("POST", f"{page}/logout", headers={"Cookie": f"seccam={cookie}"})


def meet_ifttts_errors(chain: Chain) -> None:
    chain.event(1)
    chain.output_of('"event_parked"' if '"event"' in chain.run.output else "event_parked")
    chain.ifttt.default = reset
    chain.event(2)
    chain.output_of("event_requeued")
    chain.ifttt.default = status(302, Location=f"{chain.ifttt.url}/elsewhere")
    eventually(lambda: chain.run.output.count("event_parked") >= 2, within=PATIENCE, what="the redirection is refused")


def refuse_settings(chain: Chain) -> None:
    secret, folder = chain.secret, chain.folder
    wrong, short, broken = folder / "wrong", folder / "short", folder / "broken"
    wrong.write_text(f"ann:{secret['password of the page']}\n{secret['password of the page']}\n")
    short.write_text(secret["key of sessions"][:20])
    broken.write_text(json.dumps({"monitor": secret["password of monitor"]})[:-1])
    chain.fail("seccam-monitor", SECCAM_MONITOR_USERS_FILE=str(wrong))
    chain.fail("seccam-monitor", SECCAM_MONITOR_SESSION_KEY_FILE=str(short))
    chain.fail("seccam-monitor", SECCAM_MONITOR_PASSWORD=secret["password of the page"])
    chain.fail("seccam-notifier", IFTTT_KEY=f"https://maker.ifttt.com/use/{secret['key of IFTTT']}")
    chain.fail("seccam-notifier", SECCAM_TELEGRAM_TOKEN=secret["token of Telegram"], SECCAM_TELEGRAM_CHATS="42")
    chain.fail("seccam-notifier", SECCAM_NTFY_TOPIC=f"{secret['topic of ntfy']} x")
    chain.fail("seccam-notifier", SECCAM_WEBHOOK_URL=secret["address of webhook"])
    chain.fail("seccam-notifier", SECCAM_APPRISE_URLS=f"json://{secret['token of ntfy']}:x:y")
    login = secret["login of front"]
    for source in ("ftp://admin:{}@h/", "http://admin:{}@h:99999/", "rtsp://admin:{}@[bad/", "{}"):
        chain.fail("seccam-camera", SECCAM_CAMERA_NAME="front", SECCAM_CAMERA_SOURCE=source.format(login))
    for cameras in ("Bad=http://admin:{}@h/ x=ftp://{}@h/", "x=http://admin:{}@h/ 'y"):
        chain.fail("seccam-local", "--check", SECCAM_CAMERAS=cameras.replace("{}", login))
    urls = ("amqp://u:{}@h:bad/", "amqp://u:{}@h:1/?x", "http://u:{}@h/", "{}")
    for program, url in zip(PROGRAMS[:4], urls, strict=True):
        chain.fail(program, SECCAM_BROKER_URL=url.format(secret["password of monitor"]))
    chain.fail("seccam", "broker", "definitions", "--cameras", "front", "--passwords", str(broken))
    chain.fail("seccam", "check", SECCAM_BROKER_URL=chain.amqp("operator", secret["password of operator"] + "x"))
    chain.fail("seccam", "check", SECCAM_BROKER_URL=chain.amqp("operator", secret["password of operator"]) + "missing")
    chain.fail("seccam", "parked", "replay", "--id", "none", SECCAM_BROKER_URL=chain.amqp("monitor", secret["password of monitor"]))


def crash(chain: Chain) -> None:
    signals = {"seccam-monitor": signal.SIGABRT, "seccam-notifier": signal.SIGSEGV, "seccam-camera": signal.SIGKILL}
    for program, number in signals.items():
        pid = chain.run.pid(program)
        assert pid
        os.kill(pid, number)
    eventually(lambda: chain.run.output.count("restarting it in") >= 3, within=PATIENCE, what="restarted")
    eventually(lambda: all(chain.run.is_ready(one) for one in ("MONITOR", "NOTIFIER")), within=PATIENCE)


def test_the_secrets_were_in_use_and_would_be_found(chain: Chain) -> None:
    secret = chain.secret
    assert {call.key for call in chain.ifttt.calls} == {secret["key of IFTTT"]}
    assert {call.token for call in chain.telegram.calls} == {f"4711:{secret['token of Telegram']}"}
    assert any("Authorization: Basic" in request for request in chain.camera.requests)
    assert "wrong user or password" in chain.run.output
    assert chain.tap
    assert all(chain.tap.seen[exchange] for exchange in ("", topology.EXCHANGE, topology.EVENTS_EXCHANGE)), chain.tap.seen
    for form in forms(secret["key of IFTTT"]):
        assert chain.canaries.found_in(b"before" + form + b"behind") == {"key of IFTTT"}
    assert chain.canaries.found_in(httpx.BasicAuth("admin", secret["login of front"])._auth_header) == {"login of front"}


def test_no_secret_is_in_a_log_or_an_error(chain: Chain) -> None:
    assert chain.canaries.found_in(chain.run.output) == set()
    assert [(error, found) for error in chain.errors if (found := chain.canaries.found_in(error))] == []
    for word in ("audit", "event_parked", "restarting it in", "login_refused"):
        assert word in chain.run.output


def test_no_secret_is_in_a_metric_a_probe_or_an_answer(chain: Chain) -> None:
    ports = {name: value for name, value in chain.run.environ.items() if name.endswith(("OPS_PORT", "PROMETHEUS_PORT"))}
    ports |= {f"camera {nth}": str(int(ports["SECCAM_CAMERA_OPS_PORT"]) + nth) for nth in range(1, len(CAMERAS))}
    for port in ports.values():
        for path in ("/metrics", "/readyz", "/healthz"):
            chain.ask("GET", f"http://127.0.0.1:{port}{path}")

    assert [(answer, found) for answer in chain.answers if (found := chain.canaries.found_in(answer))] == []
    assert len(re.findall("^200 ", "\n".join(chain.answers), re.MULTILINE)) > 20


def test_no_secret_is_in_a_command_line(chain: Chain) -> None:
    assert chain.processes.in_commands == set()
    assert len(members(chain.run.folder / "state")) > 8


def test_each_process_has_its_own_secrets_in_its_environment_and_no_others(chain: Chain) -> None:
    given = {*OF_CHANNELS, *(f"login of {camera}" for camera in CAMERAS)}
    own = {
        **{f"seccam-camera {camera}": {f"password of camera-{camera}", f"login of {camera}"} for camera in CAMERAS},
        "seccam-monitor": {"password of monitor"},
        "seccam-security": {"password of security"},
        "seccam-notifier": {"password of notifier", *OF_CHANNELS},
        "seccam-local": given,  # as it was started
        "make": given,
    }
    found = holders(chain.processes.in_environments, PROGRAMS)

    assert {program: names - own.get(program, set()) for program, names in found.items() if names - own.get(program, set())} == {}
    assert found["seccam-notifier"] == own["seccam-notifier"]


def test_no_secret_is_in_a_message(chain: Chain) -> None:
    assert chain.tap
    assert chain.tap.leaks == set()


def test_a_secret_is_in_no_file_but_its_own_which_only_its_owner_reads(chain: Chain) -> None:
    broker = {f"password of {user}" for user in topology.permissions(CAMERAS)}
    own = {
        "broker/passwords.json": broker,
        "broker/mqtt/mosquitto_sub": {"password of viewer"},
        "broker/mqtt/mosquitto_pub": {"password of device"},
        "broker/mqtt/commander/mosquitto_pub": {"password of commander"},
    }
    state = chain.run.folder / "state"

    assert files_with_secrets(state, chain.canaries) == own
    # the folder above is closed to others as well
    assert not [path for path in own if (state / path).stat().st_mode & 0o077 and (state / "broker").stat().st_mode & 0o077]
