"""The users file, and the command that writes its lines."""

from __future__ import annotations

import io
import os
from pathlib import Path

import bcrypt
import pytest

from seccam.errors import SettingsError
from seccam.settings import load
from seccam_monitor.auth import password_command, passwords, users
from seccam_monitor.auth.passwords import BadUsers
from seccam_monitor.auth.users import UsersFile
from seccam_monitor.settings import MonitorSettings
from tests.unit.monitor.auth.users import entry, hashed


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_every_kind_of_bcrypt_hash_is_accepted(kind: str) -> None:
    line = entry("ann", "s3cret word").replace("$2b$", f"${kind}$")
    read = passwords.parsed(f"\n# people\n  {line}  \n\n")

    assert list(read) == ["ann"]
    assert passwords.matches("s3cret word", read["ann"])
    assert not passwords.matches("s3cret wore", read["ann"])


@pytest.mark.parametrize(
    ("password_line", "why"),
    [
        ("ann:$apr1$aaaaaaaa$bbbbbbbbbbbbbbbbbbbbbb", "not a bcrypt hash"),
        ("ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "not a bcrypt hash"),
        ("ann:plain-as-day", "not a bcrypt hash"),
        ("ann:", "not a bcrypt hash"),
        ("ann:" + hashed("x").decode()[:-1], "not a bcrypt hash"),
        ("ann:$2b$05$" + "/" * 53, "not a bcrypt hash"),
        ("ann:" + hashed("x").decode().replace("$05$", "$04$"), "cost is 4"),
        ("ann:" + hashed("x").decode().replace("$05$", "$31$"), "cost is 31"),
        ("plain-as-day", "must be name:hash"),
        (":" + hashed("x").decode(), "a name must"),
        ("a\x07b:" + hashed("x").decode(), "a name must"),
        ("x" * 65 + ":" + hashed("x").decode(), "a name must"),
        ("zoe:" + hashed("x").decode(), "is in an earlier line"),
    ],
)
def test_a_wrong_line_is_reported_by_its_number_and_not_shown(password_line: str, why: str) -> None:
    with pytest.raises(BadUsers) as caught:
        passwords.parsed(f"{entry('zoe', 'x')}\n\n{password_line}\n")

    assert "line 3: " in str(caught.value)
    assert why in str(caught.value)
    for secret in ("$apr1$aaaa", "W6ph5", "plain-as-day", hashed("x").decode()[7:]):
        assert secret not in str(caught.value)


def test_a_long_password_counts_up_to_bcrypts_limit_and_any_text_can_be_checked() -> None:
    known = hashed("x" * 72)
    assert passwords.matches("x" * 100, known)
    for tried in ("", "\0", "x\0y", "\ud800", "é" * 50):
        assert not passwords.matches(tried, known)


def test_an_unknown_name_takes_as_long_as_the_most_expensive_hash() -> None:
    known = passwords.parsed(f"{entry('a', 'x', cost=5)}\n{entry('b', 'x', cost=6)}")
    dummy = passwords.dummy(known)
    assert dummy.startswith(b"$2b$06$")
    assert not passwords.matches("", dummy)  # bcrypt takes it for a hash


def test_a_users_file_is_read_again_when_the_link_to_it_moves(tmp_path: Path) -> None:
    for version, people in (("1", [("ann", "a")]), ("2", [("bob", "b")])):
        (tmp_path / version).mkdir()
        (tmp_path / version / "users").write_text("\n".join(entry(*person) for person in people))
    link = tmp_path / "now"
    link.symlink_to("1")
    file = UsersFile(str(link / "users"))
    assert file.hash_of("ann")

    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").rename(link)  # as the kubelet does it
    file.refresh()

    assert file.hash_of("ann") is None
    assert file.hash_of("bob")


@pytest.mark.parametrize("broken", ["ann:nothing\n", "", None])
def test_a_broken_users_file_changes_nothing_and_is_logged_once(
    tmp_path: Path, broken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(users.log, "error", lambda event, **fields: told.append(f"{event} {fields}"))
    path = tmp_path / "users"
    path.write_text(entry("ann", "a"))
    file = UsersFile(str(path))

    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    file.refresh()
    file.refresh()

    assert file.hash_of("ann")
    assert len(told) == 1
    assert "nothing" not in told[0]
    (tmp_path / "new").write_text(entry("bob", "b"))
    (tmp_path / "new").rename(path)
    file.refresh()
    assert file.hash_of("bob")


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    path = tmp_path / "users"
    path.write_text(entry("ann", "a"))
    return {"SECCAM_MONITOR_USERS_FILE": str(path), **{f"SECCAM_MONITOR_{name.upper()}": value for name, value in more.items()}}


def test_with_a_login_and_a_proxy_the_monitor_may_listen_everywhere(tmp_path: Path) -> None:
    (settings,) = load(MonitorSettings, environ=environ(tmp_path, host="0.0.0.0", trusted_proxies="10.0.0.1"))
    assert settings.host == "0.0.0.0"
    assert settings.session_key == b""


def test_every_wrong_setting_of_the_login_is_reported_without_a_secret(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("  too-short-a-key\n")
    given = environ(
        tmp_path, host="0.0.0.0", session_key_file=str(key), trusted_proxies="10.0.0.0/8, proxy.example", session_hours="0"
    )
    Path(given["SECCAM_MONITOR_USERS_FILE"]).write_text("ann:hunter2")
    with pytest.raises(SettingsError) as caught:
        load(MonitorSettings, environ=given)

    said = str(caught.value)
    assert [line.partition(":")[0] for line in caught.value.lines] == [
        "SECCAM_MONITOR_USERS_FILE",
        "SECCAM_MONITOR_SESSION_KEY_FILE",
        "SECCAM_MONITOR_SESSION_HOURS",
        "SECCAM_MONITOR_TRUSTED_PROXIES",
    ]
    assert "line 1: " in said
    assert "at least 32 bytes" in said
    assert "'proxy.example' is neither" in said
    assert "hunter2" not in said
    assert "too-short-a-key" not in said


@pytest.mark.parametrize("setting", ["users_file", "session_key_file"])
def test_a_missing_file_is_reported(tmp_path: Path, setting: str) -> None:
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load(MonitorSettings, environ=environ(tmp_path, **{setting: str(tmp_path / "away")}))


@pytest.mark.parametrize("byte", [b"k", b"\n", b" ", b"\0"])
def test_the_signing_key_is_the_whole_content_of_its_file(tmp_path: Path, byte: bytes) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 31 + byte)
    (settings,) = load(MonitorSettings, environ=environ(tmp_path, session_key_file=str(key)))
    assert settings.session_key == b"k" * 31 + byte


def run(monkeypatch: pytest.MonkeyPatch, name: str, typed: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return password_command.main([name])


def test_the_command_prints_a_line_with_which_the_user_can_log_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ann", "correct horse\n") == 0

    (name, known), *rest = passwords.parsed(capsys.readouterr().out).items()
    assert (name, rest) == ("ann", [])
    assert bcrypt.checkpw(b"correct horse", known)


@pytest.mark.parametrize(
    ("name", "typed", "why"),
    [
        ("a:b", "correct horse", "a name must"),
        ("ann", "too-short-1", "at least 12"),
        ("ann", "", "at least 12"),
        ("ann", "é" * 40, "at most 72 bytes"),
    ],
)
def test_the_command_refuses_names_and_passwords_that_would_not_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, typed: str, why: str
) -> None:
    assert run(monkeypatch, name, typed) == 2
    said = capsys.readouterr()
    assert why in said.err
    assert said.out == ""


@pytest.mark.parametrize(("again", "status"), [("correct horse", 0), ("correct house", 2)])
def test_on_a_terminal_the_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch, again: str, status: int) -> None:
    reader, writer = os.openpty()
    try:
        with os.fdopen(writer, "r", closefd=False) as terminal:
            monkeypatch.setattr("sys.stdin", terminal)
            typed = iter(["correct horse", again])
            monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
            assert password_command.main(["ann"]) == status
    finally:
        os.close(reader)
        os.close(writer)
