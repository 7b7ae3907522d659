"""The private broker's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seccam.errors import SettingsError
from seccam_local.node import USERS, Node, Ports

PORTS = Ports(1, 2, 3, 4, 5)


def test_passwords_are_generated_once(tmp_path: Path) -> None:
    made = Node(tmp_path, PORTS).passwords()

    written = (tmp_path / "passwords.json").stat()
    assert set(made) == set(USERS)
    assert written.st_mode & 0o777 == 0o600
    assert Node(tmp_path, PORTS).passwords() == made
    later = (tmp_path / "passwords.json").stat()  # reading it may change its access time
    assert (later.st_ino, later.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text(json.dumps({"camera": "known"}))

    made = Node(tmp_path, PORTS).passwords()

    assert made["camera"] == "known"
    assert len(set(made.values())) == len(USERS)


@pytest.mark.parametrize("text", ["", '{"camera": "half', "[1, 2]", "7"])
def test_a_broken_password_file_is_reported_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "passwords.json").write_text(text)

    with pytest.raises(SettingsError, match=rf"{tmp_path}/passwords.json is broken: delete it"):
        Node(tmp_path, PORTS).passwords()


@pytest.mark.parametrize(
    ("folder", "watches"),
    [("/home/me/seccam-1.0_b/x", True), ("/home/me/my cameras", False), ("/home/jürgen", False), ("/home/me/$x", False)],
)
def test_the_broker_cant_monitor_the_disk_of_a_folder_with_special_characters(folder: str, watches: bool) -> None:
    assert Node(Path(folder), PORTS).can_watch_disk is watches
