"""compose.yaml, its scripts and the chart agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from seccam import topology
from seccam.version import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
SETUP = (ROOT / "compose/setup").read_text()


def default(text: str) -> str:
    """The text where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("service", ["setup", "camera", "monitor", "security", "notifier"])
def test_the_image_is_the_one_that_make_builds(service: str) -> None:
    component = "monitor" if service == "setup" else service

    assert default(SERVICES[service]["image"]) == f"ghcr.io/seccam/{component}:{__version__}"


def test_the_broker_is_the_charts() -> None:
    image = yaml.safe_load((ROOT / "charts/seccam/values.yaml").read_text())["broker"]["image"]

    assert default(SERVICES["rabbitmq"]["image"]) == f"{image['repository']}:{image['tag']}"


def test_only_the_page_is_published_and_only_on_loopback() -> None:
    published = {name: default(port) for name, service in SERVICES.items() for port in service.get("ports", [])}

    assert published == {"monitor": "127.0.0.1:8080:8080"}


@pytest.mark.parametrize("service", ["monitor", "security", "notifier"])
def test_setup_gives_a_service_its_password(service: str) -> None:
    user = SERVICES[service]["environment"]["SECCAM_BROKER_USERNAME"]

    assert user in topology.permissions()
    assert re.search(rf"^chown {SERVICES[service]['user'].partition(':')[0]} passwords/{user}\b", SETUP, re.MULTILINE)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What `setup` made for three cameras, without giving the files to their owners."""
    script = tmp_path / "setup"
    script.write_text(
        re.sub(r"^chown .*\n", "", SETUP, flags=re.MULTILINE).replace("/etc/seccam", str(tmp_path)).replace("/run/", "/dev/null #")
    )
    tools = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "SECCAM_CAMERA_NAME": "demo", "MORE_CAMERAS": "yard,shed"}
    subprocess.run(["sh", str(script)], env=tools, check=True, timeout=120)
    return tmp_path


def test_setup_makes_a_user_for_each_camera(secrets: Path) -> None:
    cameras = ["demo", "shed", "yard"]

    assert {file.name for file in (secrets / "passwords").iterdir()} == topology.permissions(cameras).keys()
    users = {user["name"]: user for user in json.loads((secrets / "definitions.json").read_text())["users"]}
    assert all(users[topology.camera_user(name)]["password_hash"] for name in cameras)


def test_a_camera_logs_in_as_its_own_user(secrets: Path) -> None:
    script = secrets / "with-secrets"
    script.write_text((ROOT / "compose/with-secrets").read_text().replace("/etc/seccam", str(secrets)))

    shown = 'echo "$SECCAM_BROKER_USERNAME $SECCAM_BROKER_PASSWORD"'
    done = subprocess.run(
        ["sh", str(script), "sh", "-c", shown],
        env={"SECCAM_CAMERA_NAME": "yard", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "SECCAM_BROKER_USERNAME" not in SERVICES["camera"]["environment"]
    assert done.stdout.split() == ["camera-yard", (secrets / "passwords" / "camera-yard").read_text().strip()]


@pytest.mark.parametrize("file", ["compose/rabbitmq.conf", "charts/seccam/templates/rabbitmq/_configuration.tpl"])
def test_every_broker_limits_messages_alike_and_retains_nothing(file: str) -> None:
    settings = dict(re.findall(r"^([a-z._]+) = (\S+)$", (ROOT / file).read_text(), re.MULTILINE))

    assert settings["max_message_size"] == str(topology.MAX_MESSAGE_BYTES)
    assert settings["mqtt.max_packet_size_authenticated"] == str(topology.MAX_MESSAGE_BYTES + topology.MQTT_HEADER_BYTES)
    assert settings["mqtt.retained_message_store"] == "rabbit_mqtt_retained_msg_store_noop"


@pytest.mark.parametrize("file", ["compose/rabbitmq.conf", "charts/seccam/templates/rabbitmq/_configuration.tpl"])
@pytest.mark.parametrize("listener", ["tcp_listen_options", "mqtt.tcp_listen_options"])
def test_every_broker_bounds_its_sockets_buffers_and_keeps_the_other_options(file: str, listener: str) -> None:
    settings = dict(re.findall(rf"^{re.escape(listener)}[.]([a-z._]+) = (\S+)$", (ROOT / file).read_text(), re.MULTILINE))

    own = {"exit_on_close": "false", "linger.on": "true", "linger.timeout": "0"} if listener == "tcp_listen_options" else {}
    assert settings == {"backlog": "128", "nodelay": "true", "sndbuf": "262144", "recbuf": "262144", **own}
