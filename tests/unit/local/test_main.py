"""What prevents a start, and how it is reported."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

from seccam_local import __main__ as local
from seccam_local import preflight, processes
from seccam_local.node import Node
from seccam_local.stack import build_stack
from tests.integration.local import settings


def start(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """A start as far as the folder; nothing is run."""
    monkeypatch.setattr(local, "installed", lambda: True)
    monkeypatch.setattr(local, "_run", lambda *_: None)
    return local._start(build_stack(environ, webcam=False), environ)


def test_an_unusable_folder_is_reported_with_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, why in ((file, "File exists"), (file / "x", "Not a directory"), (Path("/proc/x"), "No such file or directory")):
        assert start(settings(folder), monkeypatch) == 1
        assert capsys.readouterr().err == f"seccam-local: SECCAM_LOCAL_FOLDER: {folder} can't be used: {why}\n"


def test_a_full_disk_is_reported_with_the_folders_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Node) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Node, "write", full)

    assert start(settings(tmp_path), monkeypatch) == 1
    printed = capsys.readouterr().err
    assert printed == f"seccam-local: SECCAM_LOCAL_FOLDER: {tmp_path} can't be used: No space left on device\n"


def test_a_broken_password_file_is_reported_with_the_folders_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "passwords.json").write_text("")

    assert start(settings(tmp_path), monkeypatch) == 1
    assert f"SECCAM_LOCAL_FOLDER: {tmp_path}/broker/passwords.json is broken: delete it" in capsys.readouterr().err


def test_an_existing_folder_keeps_its_mode_and_a_new_one_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    there.mkdir()
    there.chmod(0o1777)
    monkeypatch.setattr(Node, "write", lambda _: None)

    for folder in (there, new):
        assert start(settings(folder), monkeypatch) == 0

    assert there.stat().st_mode & 0o7777 == 0o1777
    assert new.stat().st_mode & 0o7777 == 0o700


def test_a_folder_whose_disk_the_broker_cant_monitor_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Node, "write", lambda _: None)

    assert start(settings(tmp_path / "my cameras"), monkeypatch) == 0
    assert "SECCAM_LOCAL_FOLDER: RabbitMQ can't monitor free disk space" in capsys.readouterr().err
    assert start(settings(tmp_path / "cameras"), monkeypatch) == 0
    assert not capsys.readouterr().err


def test_ctrl_c_during_the_checks_prints_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(preflight, "setting_faults", interrupted)

    assert local.main([]) == 130
    assert not capsys.readouterr().err


def test_a_line_that_cant_be_printed_is_no_error() -> None:
    with Path("/dev/full").open("w") as full, contextlib.redirect_stderr(full):
        processes.log_line("something")
        full.buffer.raw.close()  # type: ignore[attr-defined]  # or its own end would try again
