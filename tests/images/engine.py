"""The docker engine that has the images, and the images of this checkout by their names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest

from seccam.version import __version__

COMPONENTS = ("camera", "monitor", "security", "notifier")
#: How the chart runs a container, and with no network besides.
LOCKED_DOWN = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")


def name(component: str) -> str:
    """The image's, as `make images` gives it."""
    return f"{os.environ.get('IMAGE_PREFIX', 'ghcr.io/seccam/')}{component}:{os.environ.get('IMAGE_TAG', __version__)}"


def docker(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A docker command, done; its status is the caller's to judge."""
    return subprocess.run(["docker", *arguments], input=data, capture_output=True, timeout=100, check=False)


def run(image: str, *arguments: str, options: tuple[str, ...] = (), data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A container of the image, locked down, from its start to its end."""
    return docker("run", "--rm", "--interactive", *LOCKED_DOWN, *options, image, *arguments, data=data)


def python(image: str, code: str, *, options: tuple[str, ...] = (), data: bytes = b"") -> bytes:
    """What a piece of Python prints in the image."""
    done = run(image, "-c", code, options=("--entrypoint", "python", *options), data=data)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@cache
def config(image: str) -> dict[str, Any]:
    """What the image says of itself; fails where it isn't there."""
    done = docker("image", "inspect", image)
    if done.returncode:
        pytest.fail(f"{image} is not there: `make images` builds it")
    found: dict[str, Any] = json.loads(done.stdout)[0]["Config"]
    return found


def demand() -> None:
    """Skip where no engine answers; where one is promised, fail."""
    if shutil.which("docker") and docker("version").returncode == 0:
        return
    if os.environ.get("CI") and os.environ.get("DOCKER_HOST") and shutil.which("docker"):
        pytest.fail(f"no docker engine answers at {os.environ['DOCKER_HOST']}")
    pytest.skip("no docker engine answers")
