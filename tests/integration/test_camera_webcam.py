"""The camera with a webcam: real V4L2, in an emulated machine with a webcam."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from seccam import jpeg
from tests.broker_clients import clients_of
from tests.brokers import CAMERA, RunningBroker
from tests.integration.cameras import COMMAND, Audience
from tests.integration.test_camera import write_video
from tests.scenes import scaled, scene

REPOSITORY = Path(__file__).parents[2]
MACHINE = REPOSITORY.parent / "shared" / "webcam" / "run"
#: Seconds the machine may run; it needs about 40 alone on two cores.
SECONDS = 420

pytestmark = [
    pytest.mark.webcam,
    pytest.mark.alone,
    pytest.mark.timeout(2 * SECONDS + 240),  # the first time, the machine is built; the other test's may run before
    pytest.mark.skipif(not MACHINE.exists(), reason="there is no emulated webcam here (../shared/webcam)"),
]


@pytest.fixture
def audience(broker: RunningBroker) -> Iterator[Audience]:
    with clients_of(broker) as clients:
        yield Audience(clients)


def session(broker: RunningBroker, hold: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What the session in the machine printed, and its exit status."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SECCAM_")},
        # the machine's way to this one's loopback
        "SECCAM_BROKER_URL": broker.url(CAMERA).replace("127.0.0.1", "10.0.2.2"),
        "SECCAM_LOG_FORMAT": "json",
        "SECCAM_CAMERA_NAME": "front",
        "SECCAM_CAMERA_SOURCE": "/dev/video0",
        "SECCAM_CAMERA_OPS_PORT": "9101",
        "SECCAM_CAMERA_WIDTH": "640",
        "SECCAM_CAMERA_HEIGHT": "360",
        "SECCAM_CAMERA_VIEW_FPS": "5",
    }
    inside = Path(__file__).with_name("webcam_session.py")
    with one_machine_at_a_time():
        return subprocess.run(
            [str(MACHINE), *options, "--seconds", str(SECONDS), "--", sys.executable, str(inside), hold, COMMAND],
            env=environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )


@contextlib.contextmanager
def one_machine_at_a_time() -> Iterator[None]:
    """It is prepared once for all test processes, and each machine needs more than a core."""
    with (Path(tempfile.gettempdir()) / "seccam-webcam-machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_states(audience: Audience, done: subprocess.CompletedProcess[str], why: str) -> None:
    """It was live, away with this reason, live again and stopped in order."""
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    states = [status.state for status in audience.statuses()]
    first_live = states.index("live")
    away = states.index("away", first_live)
    assert "live" in states[away:], output
    reasons = {status.why for status in audience.statuses() if status.state == "away"}
    assert any(why in reason for reason in reasons), reasons


def test_a_webcam_with_raw_pictures_is_encoded_and_recovers_after_it_is_unplugged(
    broker: RunningBroker, audience: Audience
) -> None:
    done = session(broker, "free")

    check_states(audience, done, "unplugged")
    bodies = audience.view.bodies
    assert len(bodies) >= 10, done.stdout
    assert {jpeg.parse(body).size for body in bodies} == {(640, 360)}
    assert simplejpeg.decode_jpeg(bodies[-1]).std() > 20, "a test pattern, not grey"


def test_a_webcam_with_jpegs_is_passed_on_and_recovers_after_it_stalls(
    broker: RunningBroker, audience: Audience, tmp_path: Path
) -> None:
    photo = scaled(scene(("astronaut", 180, 500, 200)), 640, 360)
    clip = tmp_path / "clip.avi"
    write_video(clip, "mjpeg", "yuvj420p", [np.ascontiguousarray(np.roll(photo, n * 8, axis=1)) for n in range(20)], fps=5)

    done = session(broker, "held", "--mjpeg", str(clip))

    check_states(audience, done, "unplugged, or the driver hangs")
    bodies = audience.view.bodies
    assert len(bodies) >= 10, done.stdout
    assert all(jpeg.parse(body).size == (640, 360) for body in bodies), "trimmed: each ends with its end marker"
    assert len(set(bodies)) <= 20, "the clip's own JPEGs, over and over"
