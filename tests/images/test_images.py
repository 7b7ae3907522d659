from __future__ import annotations

import re
import time

import pytest

from seccam.version import __version__
from supply import licences, lock
from tests.images import engine
from tests.images.contents import Contents, look
from tests.waiting import eventually

pytestmark = pytest.mark.images

LABEL = "org.opencontainers.image."
#: What each needs to find its settings good.
SETTINGS = {"camera": ("--env", "SECCAM_CAMERA_NAME=front", "--env", "SECCAM_CAMERA_SOURCE=demo")}
#: Seconds after SIGTERM within which a service has ended.
STOP = 8.0

RENDER = """
import sys
from seccam_camera import encode
from seccam_camera.sources.demo import Scene
sys.stdout.buffer.write(encode.from_planes(*Scene().render(14.0, "12:34:56"), 80))
"""
COUNT = """
import sys, cv2, simplejpeg
from seccam_security.detectors import LibFaceDetection
pixels = simplejpeg.decode_jpeg(sys.stdin.buffer.read())
print(len(LibFaceDetection().find(cv2.resize(pixels, (640, 360), interpolation=cv2.INTER_AREA))))
"""


@pytest.fixture(scope="module")
def contents(image: str) -> Contents:
    return look(image)


def locked(component: str, python: str) -> set[str]:
    """The distributions that the component's lock has for this Python."""
    environment = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": "linux"}
    return {package.name for package in lock.read(lock.path(component)) if package.fits(environment)}


def test_nobody_is_root(image: str) -> None:
    assert engine.config(image)["User"] == "10001:10001"
    assert engine.python(image, "import os; print(os.getuid(), os.getgid())").split() == [b"10001", b"10001"]


def test_the_entry_point_is_the_console_script(component: str, image: str) -> None:
    assert engine.config(image)["Entrypoint"] == [f"seccam-{component}"]
    assert not engine.config(image)["Cmd"]


def test_the_version_is_the_one_of_the_checkout(component: str, image: str) -> None:
    assert engine.run(image, "--version").stdout.decode() == f"seccam-{component} {__version__}\n"
    assert engine.config(image)["Labels"][f"{LABEL}version"] == __version__


def test_labels_say_what_it_is_and_where_from(component: str, image: str) -> None:
    labels = engine.config(image)["Labels"]

    assert labels[f"{LABEL}title"] == f"seccam-{component}"
    assert labels[f"{LABEL}licenses"] == licences.read().label(lock.read(lock.path(component)))
    assert labels[f"{LABEL}description"]
    assert labels[f"{LABEL}base.name"]
    assert labels[f"{LABEL}source"].startswith("https://")
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", labels[f"{LABEL}revision"])
    assert f"SECCAM_REVISION={labels[f'{LABEL}revision']}" in engine.config(image)["Env"]


def test_settings_are_listed_and_checked_under_a_read_only_root(component: str, image: str) -> None:
    prefix = f"SECCAM_{component.upper()}_"

    assert f"{prefix}OPS_PORT" in engine.run(image, "--help").stdout.decode()
    good = engine.run(image, "--check", options=SETTINGS.get(component, ()))
    assert (good.returncode, good.stderr) == (0, b"")
    wrong = engine.run(image, "--check", options=("--env", f"{prefix}OPS_PORT=many"))
    assert wrong.returncode == 2
    assert f"{prefix}OPS_PORT: many: must be a whole number" in wrong.stderr.decode()


def test_it_starts_without_a_broker_and_ends_when_told(component: str, image: str) -> None:
    started = engine.docker("run", "--detach", *engine.LOCKED_DOWN, *SETTINGS.get(component, ()), image)
    container = started.stdout.decode().strip()
    try:
        assert started.returncode == 0, started.stderr.decode()
        eventually(lambda: b'"started"' in engine.docker("logs", container).stderr, every=0.1, what="its first line")
        begin = time.monotonic()
        engine.docker("stop", "--time", "30", container)

        assert time.monotonic() - begin < STOP
        assert engine.docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout == b"0\n"
    finally:
        engine.docker("rm", "--force", container)


def test_what_its_lock_names_is_installed_and_one_service(component: str, contents: Contents) -> None:
    assert set(contents.distributions) == locked(component, contents.python) | {"seccam", f"seccam-{component}"}


def test_what_built_it_stayed_behind(contents: Contents) -> None:
    assert (contents.compilers, contents.wheels, contents.cached) == ([], [], [])
    assert contents.installers == []


def test_nothing_is_compiled_at_each_start(contents: Contents) -> None:
    assert contents.uncompiled == []


def test_the_operators_command_is_there(image: str) -> None:
    assert engine.run(image, "--version", options=("--entrypoint", "seccam")).stdout.decode() == f"seccam {__version__}\n"


def test_a_worker_counts_the_faces_in_the_demo_cameras_picture() -> None:
    jpeg = engine.python(engine.name("camera"), RENDER)

    assert engine.python(engine.name("security"), COUNT, data=jpeg) == b"2\n"


def test_the_notifier_has_nuclios_entry_points() -> None:
    code = "from seccam_notifier import nuclio; print(nuclio.init_context.__name__, nuclio.handler.__name__)"

    assert engine.python(engine.name("notifier"), code) == b"init_context handler\n"
