"""What `make` sets up with, as far as it installs nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
SCRIPTS = CHECKOUT / "scripts"


def program(folder: Path, name: str, script: str) -> None:
    """A stand-in."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def found(pythons: dict[str, str], tmp_path: Path, *asked: str) -> subprocess.CompletedProcess[str]:
    """What find-python says where these are the only ones: name -> version."""
    for name, version in pythons.items():
        as_tuple = tuple(int(part) for part in version.split("."))
        pretend = f'exec {sys.executable} -c "import sys; sys.version_info = {as_tuple}; $2"'
        program(tmp_path, name, f'[ "$1" = --version ] && echo Python {version} && exit; {pretend}')
    for name in ("bash", "cat"):
        program(tmp_path, name, f'exec {shutil.which(name)} "$@"')
    environ = {"PATH": str(tmp_path)}
    return subprocess.run(
        [str(tmp_path / "bash"), str(SCRIPTS / "find-python"), *asked], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("pythons", "asked", "taken"),
    [
        ({"python3": "3.12.1", "python3.13": "3.13.0"}, [], "python3"),
        ({"python3": "3.14.0", "python3.13": "3.13.0"}, [], "python3"),
        ({"python3": "3.10.0", "python3.11": "3.11.2"}, [], "python3.11"),
        ({"python3": "3.12.1", "mine": "3.13.9"}, ["mine"], "mine"),
    ],
)
def test_the_first_python_that_is_new_enough_is_used(pythons: dict[str, str], asked: list[str], taken: str, tmp_path: Path) -> None:
    assert found(pythons, tmp_path, *asked).stdout == f"{taken}\n"


@pytest.mark.parametrize(
    ("pythons", "asked", "here"),
    [
        ({"python3": "3.9.2"}, [], "Python 3.9.2"),
        ({"python3": "3.12.1", "mine": "3.10.0"}, ["mine"], "Python 3.10.0"),
        ({}, [], "no python3"),
    ],
)
def test_without_a_suitable_python_it_says_what_to_do(pythons: dict[str, str], asked: list[str], here: str, tmp_path: Path) -> None:
    done = found(pythons, tmp_path, *asked)

    assert done.returncode == 1
    assert f"seccam needs Python 3.11 or newer; found: {here}." in done.stderr


def test_an_environment_of_another_checkout_or_a_missing_python_is_not_sound(tmp_path: Path) -> None:
    here = tmp_path / "checkout"
    shutil.copytree(SCRIPTS, here / "scripts")
    shutil.copytree(CHECKOUT / "libs/seccam/src/seccam", here / "libs/seccam/src/seccam")
    venv.create(here / ".venv", symlinks=True)
    (packages,) = (here / ".venv").glob("lib/python*/site-packages")
    editable = packages / "seccam.pth"
    (packages / "pip.py").touch()

    def sound() -> bool:
        return subprocess.run([here / "scripts" / "venv-is-sound"], cwd="/", check=False).returncode == 0

    assert not sound()  # cut off before anything was installed
    editable.write_text(str(here / "libs/seccam/src"))
    assert sound()
    (packages / "pip.py").unlink()
    assert not sound()
    (packages / "pip.py").touch()
    editable.write_text(str(CHECKOUT / "libs/seccam/src"))
    assert not sound()
    editable.write_text(str(here / "libs/seccam/src"))
    packages.parent.rename(packages.parent.with_name("python3.0"))  # as left behind by a newer python3
    assert not sound()
    packages.parent.with_name("python3.0").rename(packages.parent)
    (here / ".venv/bin/python").unlink()
    assert not sound()


@pytest.mark.parametrize(("url", "installs"), [("", True), (" ", True), ("amqp://a:b$c@elsewhere/", False)])
def test_rabbitmq_is_installed_for_a_run_unless_another_broker_is_configured(url: str, installs: bool) -> None:
    environ = {**os.environ, "SECCAM_BROKER_URL": url}
    would = subprocess.run(["make", "-n", "run"], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=True).stdout

    assert ("install-rabbitmq" in would) is installs


@pytest.mark.parametrize("script", ["install-packages", "install-idle"])
def test_commands_to_run_by_hand_are_printed_with_absolute_paths(tmp_path: Path, script: str) -> None:
    scripts = tmp_path / "my cameras" / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    for name, stands_in in {"dpkg-query": "exit 1", "id": "echo 1000", "sudo": "exit 1", "apt-get": "exit 1"}.items():
        program(tmp_path, name, stands_in)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = subprocess.run([f"./{script}", "ffmpeg"], cwd=scripts, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert shlex.split(done.stderr.split("sudo ")[1])[:2] == [str(scripts / script), "ffmpeg"]
