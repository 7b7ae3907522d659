"""`seccam`, as far as it needs no broker."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest

from seccam import topology
from seccam.__main__ import main


def test_definitions_hold_everything_and_no_password_in_the_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "passwords.json"
    users = topology.permissions(["front", "yard"])
    file.write_text(json.dumps(dict.fromkeys(users, "s3cret-canary")))

    assert main(["broker", "definitions", "--passwords", str(file), "--vhost", "cams", "--cameras", "yard,front"]) == 0

    printed = capsys.readouterr().out
    made = json.loads(printed)
    assert {q["name"] for q in made["queues"]} == set(topology.queues())
    assert {u["name"] for u in made["users"]} == set(users)
    assert made["vhosts"] == [{"name": "cams"}]
    assert "s3cret-canary" not in printed


def test_passwords_come_from_a_mounted_secret_and_definitions_go_to_a_file_of_its_owners(tmp_path: Path) -> None:
    secret, output = tmp_path / "secret", tmp_path / "definitions.json"
    (secret / "..2026_01_01").mkdir(parents=True)  # as the kubelet lays a Secret out
    for user in topology.permissions():
        (secret / "..2026_01_01" / user).write_text(f"canary of {user} \n")
        (secret / user).symlink_to(f"..data/{user}")
    (secret / "..data").symlink_to("..2026_01_01")

    assert main(["broker", "definitions", "--cameras", "", "--passwords", str(secret), "--output", str(output)]) == 0

    assert output.stat().st_mode & 0o777 == 0o600
    for user in json.loads(output.read_text())["users"]:
        salt = base64.b64decode(user["password_hash"])[:4]
        assert user["password_hash"] == topology.password_hash(f"canary of {user['name']}", salt)


def test_definitions_that_can_not_be_written_end_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "camera").write_text("x")

    assert main(["broker", "definitions", "--cameras", "", "--passwords", str(tmp_path), "--output", "/no/such/folder/file"]) == 2
    assert "--output /no/such/folder/file" in capsys.readouterr().err


def test_a_user_of_a_former_camera_is_told_and_cant_log_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "passwords.json"
    file.write_text('{"camera-front": "a", "camera-yard": "b"}')

    assert main(["broker", "definitions", "--passwords", str(file), "--cameras", "front"]) == 0

    printed = capsys.readouterr()
    assert {user["name"]: bool(user["password_hash"]) for user in json.loads(printed.out)["users"]} == {
        "camera-front": True,
        "camera-yard": False,
    }
    assert "user camera-yard can't log in" in printed.err


@pytest.mark.parametrize(
    ("cameras", "fault"),
    [
        ("front,Yard", "--cameras: 'Yard' is not a valid camera name"),
        ("front,shed", "camera-shed: no password for the user of camera 'shed'"),
        ("2", "camera-2: no password for the user of camera '2'"),
    ],
)
def test_cameras_that_will_not_do_are_refused(cameras: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "passwords.json"
    file.write_text('{"camera-front": "a", "camera-Yard": "b"}')

    assert main(["broker", "definitions", "--passwords", str(file), "--cameras", cameras]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(
    ("passwords", "fault"),
    [
        ('{"camera": ""}', "camera: the password must be"),
        ('{"camera": 7}', "camera: the password must be"),
        ('{"camera": "pw\\n"}', "camera: the password must be"),
        ('{"guest": "guest"}', "guest: not a user of seccam"),
        ("[]", "must be a JSON object"),
        ("{", "--passwords -: "),
    ],
)
def test_passwords_that_will_not_do_are_refused(
    passwords: str, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(passwords))

    assert main(["broker", "definitions", "--cameras", "", "--passwords", "-"]) == 2

    assert fault in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broker", "definitions", "--cameras", "", "--passwords", "/no/such/file"]) == 2
    assert "/no/such/file" in capsys.readouterr().err


def test_wrong_settings_end_with_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SECCAM_BROKER_URL", "http://x/")

    assert main(["check"]) == 2
    assert "SECCAM_BROKER_URL: must be amqp://" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SECCAM_BROKER_URL", "amqp://operator:c4nary@127.0.0.1:1/")

    assert main(["parked", "list"]) == 1

    said = capsys.readouterr().err
    assert said.startswith("seccam: refused: ")
    assert "c4nary" not in said


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ([], "^$"),
        (["--mqtt-cameras", "shed,pond"], r"^(seccam\.view|seccam\.security)\.(pond|shed)$"),
        (["--discovery"], r"^(seccam\.view|seccam\.security)\.(?!(front)$)[a-z0-9-]+$"),
    ],
    ids=["none", "named", "discovery"],
)
def test_devices_may_publish_as_the_named_mqtt_cameras(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], written: str
) -> None:
    file = tmp_path / "passwords.json"
    file.write_text('{"camera-front": "a", "device": "b"}')

    assert main(["broker", "definitions", "--passwords", str(file), "--cameras", "front", *options]) == 0

    rights = json.loads(capsys.readouterr().out)["topic_permissions"]
    of_devices = {one["exchange"]: one["write"] for one in rights if one["user"] == topology.DEVICE_USER}
    assert of_devices == {topology.EXCHANGE: written, topology.EVENTS_EXCHANGE: "^$", topology.COMMANDS_EXCHANGE: "^$"}


def test_an_mqtt_camera_needs_a_name_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "passwords.json"
    file.write_text('{"camera-front": "a"}')

    assert main(["broker", "definitions", "--passwords", str(file), "--cameras", "front", "--mqtt-cameras", "front,The Shed"]) == 2

    said = capsys.readouterr().err
    assert "'front' is in --cameras, too" in said
    assert "'The Shed' is not a valid camera name" in said
