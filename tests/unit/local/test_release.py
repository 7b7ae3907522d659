"""What `make release` checks and builds, with stand-ins for docker and helm."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from seccam.version import __version__

CHECKOUT = Path(__file__).parents[3]
SCRIPTS = CHECKOUT / "scripts"
RELEASED = "# Changelog\n\n## [1.2.3] - 2026-11-29\n"


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, done, where docker saves an image as its name and helm packages a chart as an empty file."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    stand_ins = {"docker": 'echo "$2"', "helm": f'touch "$4/seccam-{__version__}.tgz"'}
    for name, script in stand_ins.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": "/dev/null"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One that can be released as 1.2.3."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "CHANGELOG.md").write_text(RELEASED)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message", "First")):
        assert run(folder, "git", *command).returncode == 0
    return folder


def test_a_clean_checkout_with_the_version_in_its_changelog_can_be_released(checkout: Path) -> None:
    done = run(checkout, SCRIPTS / "release-check", "1.2.3")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["CHANGELOG.md", "a new file"])
def test_a_checkout_with_changes_is_refused(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as changed:
        changed.write("more\n")

    done = run(checkout, SCRIPTS / "release-check", "1.2.3")

    assert done.returncode == 1
    assert "changes that are not committed" in done.stderr
    assert "CHANGELOG.md has no section" not in done.stderr


@pytest.mark.parametrize("version", ["1.2.4", "1.2", "1.2.31", "1x2.3"])
def test_a_version_that_the_changelog_lacks_is_refused(checkout: Path, version: str) -> None:
    done = run(checkout, SCRIPTS / "release-check", version)

    assert done.returncode == 1
    assert f"CHANGELOG.md has no section for this version: add '## [{version}] - " in done.stderr


def test_a_missing_program_is_refused_before_anything_is_built(checkout: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("bash", "git", "grep", "date"):
        (bare / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        [bare / "bash", SCRIPTS / "release-check", "1.2.3"], cwd=checkout, env={"PATH": str(bare)}, capture_output=True, check=False
    )

    assert done.returncode == 1
    assert b"docker is not installed" in done.stderr
    assert b"helm is not installed" in done.stderr


def test_wheels_images_chart_sboms_and_checksums_are_built(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "of an earlier release").touch()

    done = run(CHECKOUT, SCRIPTS / "release", folder, __version__, "registry/", "camera monitor", "libs/seccam", "services/camera")

    assert done.returncode == 0, done.stderr
    wheels = {f"{name}-{__version__}-py3-none-any.whl" for name in ("seccam", "seccam_camera")}
    images = {f"seccam-{name}-{__version__}.image.tar.gz" for name in ("camera", "monitor")}
    boms = {f"seccam-{name}-{__version__}.cdx.json" for name in ("run", "camera", "monitor", "security", "notifier")}
    assert {p.name for p in folder.iterdir()} == {*wheels, *images, *boms, f"seccam-{__version__}.tgz", "SHA256SUMS"}
    saved = subprocess.run(["gunzip", "--stdout", folder / min(images)], capture_output=True, check=True).stdout
    assert saved.decode() == f"registry/camera:{__version__}\n"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == 10
    with zipfile.ZipFile(folder / f"seccam_camera-{__version__}-py3-none-any.whl") as wheel:
        assert "seccam_camera/pictures/room.png" in wheel.namelist()
