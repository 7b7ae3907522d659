"""`make run` as a person uses it: started, used, disturbed and stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from seccam_local.node import installed
from tests.brokers import free_port
from tests.integration.local import Run, members, settings
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)
LOCAL = Path(sys.executable).parent / "seccam-local"


@pytest.fixture(scope="module")
def ifttt() -> Iterator[Ifttt]:
    with Ifttt() as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq() -> None:
    """Skip the test if RabbitMQ is not installed."""
    if not installed():
        if os.environ.get("CI"):
            pytest.fail("RabbitMQ is not installed")
        pytest.skip("RabbitMQ is not installed: run `make setup`")


@pytest.fixture(scope="module")
def make_run(rabbitmq: None, tmp_path_factory: pytest.TempPathFactory, ifttt: Ifttt) -> Iterator[Run]:
    """One run for the tests here, until one of them ends it."""
    run = Run(tmp_path_factory.mktemp("run"), IFTTT_KEY="sesame", IFTTT_URL=ifttt.url)
    yield run
    run.clear_away()


@pytest.fixture
def run(make_run: Run) -> Run:
    """The run, with everything ready."""
    make_run.ready()
    return make_run


def test_one_line_says_that_everything_is_ready_and_where_the_page_is(run: Run) -> None:
    page = run.ready()

    assert page == f"http://127.0.0.1:{run.environ['SECCAM_MONITOR_PORT']}"
    assert run.output.count("seccam is ready") == 1
    assert "<title>" in httpx.get(page, timeout=20).text
    assert all(run.is_ready(service) for service in ("CAMERA", "MONITOR", "SECURITY", "NOTIFIER"))


def test_the_demo_is_shown_live(run: Run) -> None:
    def shown() -> bytes:
        answer = httpx.get(f"{run.ready()}/cameras/demo/snapshot.jpg", timeout=20)
        return answer.content if answer.status_code == 200 else b""

    first = eventually(shown)
    assert first.startswith(b"\xff\xd8")
    eventually(lambda: shown() not in (first, b""), what="another picture")


def test_the_faces_of_the_demo_reach_ifttt_with_their_count(run: Run, ifttt: Ifttt) -> None:
    """One person comes, then a second: more faces are news."""
    eventually(lambda: ("demo", "2") in ifttt.values(), within=120, every=0.2)

    assert set(ifttt.values()) <= {("demo", "1"), ("demo", "2")}
    assert {call.key for call in ifttt.calls} == {"sesame"}


def test_the_printed_command_gets_a_picture_over_mqtt(run: Run, mosquitto: None, tmp_path: Path) -> None:
    line = re.search(r"XDG_CONFIG_HOME=.* mosquitto_sub .*seccam/view/demo -C 1 > frame.jpg", run.output)
    assert line

    subprocess.run(["bash", "-c", line[0]], cwd=tmp_path, check=True, timeout=30)

    picture = (tmp_path / "frame.jpg").read_bytes()
    assert picture.startswith(b"\xff\xd8")
    assert picture.endswith(b"\xff\xd9")


def test_the_printed_metrics_addresses_answer(run: Run) -> None:
    addresses = re.findall(r"^  metrics +(\S+)", run.output, re.MULTILINE)

    assert len(addresses) == 5
    for address in addresses:
        assert httpx.get(address, timeout=20).status_code == 200


def test_no_secret_is_in_the_output_a_command_line_or_a_readable_file(run: Run) -> None:
    passwords = (run.folder / "state" / "broker" / "passwords.json").read_text()
    secrets = [*re.findall(r'"[\w-]+": "([^"]+)"', passwords), "sesame"]
    assert len(secrets) > 3

    for text in (run.output, *members(run.folder).values()):
        assert not [secret for secret in secrets if secret in text]
    open_to_others = [path for path in (run.folder / "state").iterdir() if path.is_dir() and path.stat().st_mode & 0o077]
    assert not open_to_others


def test_the_key_of_ifttt_is_in_the_environment_of_no_service_but_the_notifier(run: Run) -> None:
    holders = {
        program[0]
        for pid, line in members(run.folder).items()
        if (program := re.search(r"seccam-(?!local)\w+", line)) and b"IFTTT_KEY=" in Path(f"/proc/{pid}/environ").read_bytes()
    }

    assert holders == {"seccam-notifier"}


def test_a_second_run_in_the_same_folder_is_refused(run: Run) -> None:
    second = subprocess.run([LOCAL], env=run.environ, capture_output=True, text=True, timeout=120, check=False)

    assert second.returncode == 1
    assert re.search("SECCAM_LOCAL_FOLDER: .* is in use by another run", second.stderr)


@pytest.mark.parametrize("service", ["camera", "monitor", "security"])
def test_a_killed_service_is_restarted_and_the_others_keep_running(run: Run, service: str) -> None:
    commands = [f"seccam-{name}" for name in ("camera", "monitor", "security", "notifier")] + ["beam.smp"]
    before = {command: run.pid(command) for command in commands}
    killed = before.pop(f"seccam-{service}")
    assert killed
    assert all(before.values())

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: run.pid(f"seccam-{service}") not in (None, killed), within=30)
    eventually(lambda: run.is_ready(service.upper()), within=60, every=0.2)
    assert {command: run.pid(command) for command in before} == before
    assert re.search(rf"seccam-local: {service}\S* exited \(SIGKILL\)", run.output)


def test_a_killed_broker_is_restarted_and_all_services_reconnect(run: Run) -> None:
    killed = run.pid("beam.smp")
    assert killed

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: run.pid("beam.smp") not in (None, killed), within=30)
    eventually(
        lambda: all(run.is_ready(service) for service in ("CAMERA", "SECURITY", "NOTIFIER")),
        within=90,
        every=0.5,
        what="all ready again",
    )


def test_ctrl_c_ends_everything_within_10_seconds(run: Run) -> None:
    assert len(members(run.folder)) > 6

    assert run.end(signal.SIGINT) < 10


def test_no_process_remains_when_the_supervisor_is_killed(rabbitmq: None, tmp_path: Path) -> None:
    run = Run(tmp_path, SECCAM_LOCAL_WORKERS="0", SECCAM_CAMERAS="yard=demo gone=http://127.0.0.1:1/x alley=demo")
    try:
        page = run.ready()
        # a camera that is away delays nothing and is reported as away; the page keeps the order
        eventually(lambda: "cameras  yard, alley; gone: away, refused: nothing is listening there" in run.output)
        assert [camera["name"] for camera in httpx.get(f"{page}/cameras", timeout=20).json()] == ["yard", "gone", "alley"]
        keeper = run.pid("seccam-local")
        assert keeper

        os.kill(keeper, signal.SIGKILL)

        run.process.wait(10)
        eventually(lambda: not members(run.folder), within=30, what="nothing left")
    finally:
        run.clear_away()


def test_all_wrong_settings_are_reported_together_and_nothing_is_started(tmp_path: Path) -> None:
    wrong = {
        "SECCAM_CAMERAS": "ok=demo Bad=demo alone",
        "SECCAM_LOCAL_WORKERS": "many",
        "SECCAM_MONITOR_OPS_PORT": "high",
        "SECCAM_VISIT_GAP_SECONDS": "-1",
        "SECCAM_NOT_THERE": "1",
        "SECCAM_LOG_LEVEL": "loud",
        "IFTTT_URL": "gopher://x",
    }
    environ = settings(tmp_path / "state", **wrong)

    done = subprocess.run([LOCAL], env=environ, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "seccam-local: 8 wrong setting(s); see seccam-local --help"
    assert {line.strip().partition(":")[0] for line in lines[1:]} == set(wrong)
    assert not (tmp_path / "state").exists()


def test_ctrl_c_during_the_checks_ends_the_command_cleanly(tmp_path: Path) -> None:
    environ = settings(tmp_path / "state")
    process = subprocess.Popen([LOCAL], env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True)
    eventually(lambda: any("--check" in line for line in members(tmp_path).values()), within=60, what="checks run")

    os.killpg(process.pid, signal.SIGINT)

    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 130
    assert not members(tmp_path)


def test_a_wrong_setting_of_a_camera_is_reported_with_its_name(tmp_path: Path) -> None:
    environ = settings(tmp_path / "state", SECCAM_CAMERAS="good=demo odd=gopher://x")

    done = subprocess.run([LOCAL, "--check"], env=environ, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2
    assert re.search(r"^  SECCAM_CAMERAS: odd=gopher://x: must be ", done.stderr, re.MULTILINE)
    assert "good=" not in done.stderr


def test_a_port_in_use_is_reported_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as page, socket.create_server(("127.0.0.1", 0)) as mqtt:
        taken = {"SECCAM_MONITOR_PORT": str(page.getsockname()[1]), "SECCAM_LOCAL_MQTT_PORT": str(mqtt.getsockname()[1])}
        environ = settings(tmp_path / "state", **taken)

        done = subprocess.run([LOCAL], env=environ, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    for setting, port in taken.items():
        assert f"{setting}: can't listen on 127.0.0.1:{port}" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_an_existing_broker_is_used_instead_of_a_private_one(tmp_path: Path) -> None:
    run = Run(tmp_path, SECCAM_BROKER_URL=f"amqp://me:secret@127.0.0.1:{free_port()}/")
    try:
        eventually(lambda: "broker_lost" in run.output, within=60, what="the services try that broker")

        assert run.pid("beam.smp") is None
        assert run.pid("epmd") is None
        assert "secret" not in run.output
        assert run.end(signal.SIGTERM) < 10
    finally:
        run.clear_away()
