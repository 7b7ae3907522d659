"""The private broker's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seccam import topology
from seccam.errors import SettingsError
from seccam_local.node import Node, Ports, installed

PORTS = Ports(1, 2, 3, 4, 5)


def test_passwords_are_generated_once(tmp_path: Path) -> None:
    made = Node(tmp_path, PORTS).passwords()

    written = (tmp_path / "passwords.json").stat()
    assert set(made) == set(topology.permissions())
    assert written.st_mode & 0o777 == 0o600
    assert Node(tmp_path, PORTS).passwords() == made
    later = (tmp_path / "passwords.json").stat()  # reading it may change its access time
    assert (later.st_ino, later.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text(json.dumps({"camera-yard": "known"}))

    made = Node(tmp_path, PORTS, cameras=["front", "yard"]).passwords()

    assert made["camera-yard"] == "known"
    assert made.keys() == topology.permissions(["front", "yard"]).keys()
    assert len(set(made.values())) == len(made)


def test_a_camera_that_is_no_longer_configured_cant_log_in_any_more(tmp_path: Path) -> None:
    Node(tmp_path, PORTS, cameras=["front", "yard"]).write()

    Node(tmp_path, PORTS, cameras=["front"]).write()

    users = {user["name"]: user for user in json.loads((tmp_path / "definitions.json").read_text())["users"]}
    assert users["camera-yard"]["password_hash"] == ""
    assert users["camera-front"]["password_hash"]


@pytest.mark.parametrize("text", ["", '{"camera": "half', "[1, 2]", "7"])
def test_a_broken_password_file_is_reported_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "passwords.json").write_text(text)

    with pytest.raises(SettingsError, match=rf"{tmp_path}/passwords.json is broken: delete it"):
        Node(tmp_path, PORTS).passwords()


@pytest.mark.skipif(not installed(), reason="needs RabbitMQ")
def test_secrets_are_in_files_that_only_their_owner_can_read(tmp_path: Path) -> None:
    node = Node(tmp_path / "broker", PORTS)
    node.write()

    for program, user in (("mosquitto_sub", "viewer"), ("mosquitto_pub", "device"), ("commander/mosquitto_pub", "commander")):
        options = node.mqtt_options / program
        assert options.read_text() == f"-h 127.0.0.1\n-p 2\n-u {user}\n-P {node.passwords()[user]}\n"
        assert options.stat().st_mode & 0o777 == 0o600
    assert (node.folder / ".erlang.cookie").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not installed(), reason="needs RabbitMQ")
def test_the_cookie_is_random_kept_and_replaces_one_that_erlang_made(tmp_path: Path) -> None:
    cookie = tmp_path / ".erlang.cookie"
    cookie.write_text("ABCDEFGHIJKLMNOPQRST")
    cookie.chmod(0o400)
    Node(tmp_path, PORTS).write()
    made = cookie.read_text()
    Node(tmp_path, PORTS).write()

    assert len(bytes.fromhex(made)) == 32
    assert cookie.read_text() == made


@pytest.mark.parametrize(
    ("folder", "watches"),
    [("/home/me/seccam-1.0_b/x", True), ("/home/me/my cameras", False), ("/home/jürgen", False), ("/home/me/$x", False)],
)
def test_the_broker_cant_monitor_the_disk_of_a_folder_with_special_characters(folder: str, watches: bool) -> None:
    assert Node(Path(folder), PORTS).can_watch_disk is watches
