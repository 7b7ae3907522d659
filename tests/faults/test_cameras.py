"""Cameras whose source goes away, or that end: what is shown is fresh, or known to be away."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.broker_clients import clients_of
from tests.brokers import CAMERA, RunningBroker
from tests.faults.ledger import seen
from tests.integration.cameras import Audience, RunningCamera
from tests.scenes import jpeg, scaled, scene
from tests.servers.controlled import ControlledServer
from tests.servers.mjpeg import MjpegServer
from tests.servers.rtsp import RtspServer
from tests.tcp_proxy import TcpProxy

#: Seconds within which a source that is back is shown.
BACK = 10.0


@pytest.fixture(params=["HTTP", pytest.param("RTSP", marks=pytest.mark.slow)])
def source(request: pytest.FixtureRequest, stack: ExitStack) -> ControlledServer:
    """A network camera."""
    picture = scaled(scene(("astronaut", 180, 500, 200)), 640, 360)
    moving = [np.ascontiguousarray(np.roll(picture, n * 8, axis=1)) for n in range(8)]
    server = MjpegServer([jpeg(one) for one in moving]) if request.param == "HTTP" else RtspServer(moving)
    return stack.enter_context(server)


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        pytest.param("unplugged", lambda server, proxy: server.refuse(), id="unplugged"),
        pytest.param("hangs", lambda server, proxy: server.hang(), id="hangs"),
        pytest.param("half open", lambda server, proxy: proxy.freeze(), id="half open", marks=pytest.mark.slow),
    ],
)
def test_a_camera_is_away_soon_and_shown_again_soon_after_its_return(
    broker: RunningBroker,
    tmp_path: Path,
    stack: ExitStack,
    source: ControlledServer,
    *,
    how: str,
    fault: Callable[[ControlledServer, TcpProxy], None],
) -> None:
    proxy = TcpProxy(source.port)
    stack.callback(proxy.close)
    scheme = "rtsp" if isinstance(source, RtspServer) else "http"
    path = "live" if isinstance(source, RtspServer) else "stream"
    audience = Audience(stack.enter_context(clients_of(broker)))
    camera = RunningCamera(broker.url(CAMERA), tmp_path, source=f"{scheme}://127.0.0.1:{proxy.port}/{path}")
    stack.callback(camera.stop)
    audience.await_state("live")

    fault(source, proxy)
    began = time.monotonic()
    audience.await_state("away")
    noticed = time.monotonic() - began
    time.sleep(5)
    source.go_on()
    proxy.open()
    if how == "unplugged":
        source.accept()
    returned = time.monotonic()
    audience.next_picture()
    back = time.monotonic() - returned

    seen(
        f"{scheme.upper()} source: {how}",
        "until 5 s after it was noticed",
        f"away after {noticed:.1f} s, shown again after {back:.1f} s",
    )
    assert back < BACK
    assert camera.process.poll() is None


@pytest.mark.slow
def test_a_camera_ends_in_order_under_load(broker: RunningBroker, tmp_path: Path, stack: ExitStack) -> None:
    audience = Audience(stack.enter_context(clients_of(broker)))
    took = []
    for _ in range(3):
        camera = RunningCamera(broker.url(CAMERA), tmp_path, view_fps="30")
        stack.callback(camera.stop)
        audience.next_picture()
        began = time.monotonic()
        camera.process.send_signal(signal.SIGTERM)
        assert camera.process.wait(20) == 0
        took.append(time.monotonic() - began)
        audience.await_state("away")

    seen(
        "camera SIGTERM", "3 times, at 30 frames a second", f"ends with status 0 within {max(took):.1f} s and says that it is away"
    )
