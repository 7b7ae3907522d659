"""The camera against a real broker and real servers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from seccam import jpeg, topology
from seccam.frame import FrameDecoder
from seccam_camera.sources.base import SourceNotOpened, StopToken
from seccam_camera.sources.ffmpeg import File, Stream
from tests.broker_clients import clients_of
from tests.brokers import CAMERA, RunningBroker, free_port
from tests.integration.cameras import COMMAND, PATIENCE, Audience, RunningCamera, environment
from tests.scenes import scaled, scene
from tests.servers.mjpeg import MjpegServer
from tests.servers.rtsp import RtspServer
from tests.waiting import eventually

#: A source is live within this many seconds of its return.
BACK = 10.0


@pytest.fixture(scope="session")
def photos() -> list[NDArray[np.uint8]]:
    """A photo that moves sideways."""
    photo = scaled(scene(("astronaut", 180, 500, 200)), 640, 360)
    return [np.ascontiguousarray(np.roll(photo, n * 8, axis=1)) for n in range(8)]


@pytest.fixture(scope="session")
def pictures(photos: list[NDArray[np.uint8]]) -> list[bytes]:
    return [simplejpeg.encode_jpeg(photo, quality=80) for photo in photos]


Start = Callable[..., RunningCamera]


@pytest.fixture
def start(broker: RunningBroker, tmp_path: Path) -> Iterator[Start]:
    """Starts cameras, and stops them at the end of the test."""
    with ExitStack() as stack:

        def begin(**settings: str) -> RunningCamera:
            camera = RunningCamera(broker.url(CAMERA), tmp_path, **settings)
            stack.callback(camera.stop)
            return camera

        yield begin


@pytest.fixture
def audience(broker: RunningBroker) -> Iterator[Audience]:
    with clients_of(broker) as clients:
        yield Audience(clients)


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCamera]:
    """A camera whose source can't be opened: a pipe without a writer. It takes long to notice, so start it early."""
    folder = tmp_path_factory.mktemp("hung")
    os.mkfifo(folder / "clip.mp4")
    camera = RunningCamera(f"amqp://127.0.0.1:{free_port()}/", folder, source=str(folder / "clip.mp4"))
    yield camera
    camera.process.kill()
    camera.process.wait()


@pytest.mark.usefixtures("hung")
def test_the_demo_is_published_to_both_topics_and_stops_cleanly(start: Start, audience: Audience) -> None:
    camera = start(source="demo", zone="Europe/Berlin")
    audience.await_state("live")
    eventually(camera.ready, within=PATIENCE)
    eventually(lambda: len(audience.security.deliveries) >= 6, within=PATIENCE)

    view = {d.headers["seq"]: d for d in audience.view.deliveries}
    shared = [d for d in audience.security.deliveries if d.headers["seq"] in view]
    assert shared
    for delivery in shared:
        assert delivery.body == view[delivery.headers["seq"]].body
        assert delivery.headers == view[delivery.headers["seq"]].headers
    frame = FrameDecoder("other").decode(topology.VIEW, "seccam.view.front", shared[0].headers, shared[0].body)
    assert (frame.width, frame.height, frame.zone) == (1280, 720, "Europe/Berlin")
    assert simplejpeg.decode_jpeg(frame.jpeg).shape == (720, 1280, 3)
    # the first one came at once, the others keep to the camera's phase
    times = [d.headers["ts_ms"] / 1000 for d in audience.security.deliveries[1:]]
    assert (len(times) - 1) / (times[-1] - times[0]) < 2.5
    assert camera.metric("seccam_camera_up") == 1
    assert camera.metric("seccam_camera_encode_seconds_count") == -1.0, "it has no label"
    assert camera.get("/healthz")[0] == 200

    asked = time.monotonic()
    assert camera.stop() == 0
    assert time.monotonic() - asked < 10
    last = audience.await_state("away")
    assert last.why == "the camera service was stopped"


def test_http_jpegs_are_passed_on_unchanged(start: Start, audience: Audience, pictures: list[bytes]) -> None:
    with MjpegServer([picture + bytes(500) for picture in pictures], 15) as server:
        camera = start(source=server.url)
        eventually(lambda: len(audience.view.deliveries) >= 15, within=PATIENCE)

        assert {d.body for d in audience.view.deliveries} <= set(pictures)
        assert camera.metric("seccam_camera_frames_published_total", topic="view") >= 15


def test_rtsp_is_decoded_and_encoded_once(start: Start, audience: Audience, photos: list[NDArray[np.uint8]]) -> None:
    with RtspServer(photos, 15, login=("admin", "hunter2")) as server:
        camera = start(source=server.url.replace("//", "//admin:hunter2@"))
        eventually(lambda: len(audience.view.deliveries) >= 15, within=PATIENCE)

        body = audience.view.deliveries[-1].body
        assert jpeg.parse(body).size == (640, 360)
        pixels = simplejpeg.decode_jpeg(body).astype(int)
        assert min(np.abs(pixels - photo).mean() for photo in photos) < 12
        assert "hunter2" not in camera.log.read_text() + camera.get("/metrics")[1] + camera.get("/readyz")[1]


@pytest.mark.parametrize("codec", [("libx264", "mp4", "yuv420p"), ("mjpeg", "avi", "yuvj420p")], ids=["decoded", "passed on"])
def test_a_video_file_is_looped_in_real_time(
    codec: tuple[str, str, str], start: Start, audience: Audience, tmp_path: Path, photos: list[NDArray[np.uint8]]
) -> None:
    name, suffix, form = codec
    clip = tmp_path / f"clip.{suffix}"
    write_video(clip, name, form, photos, fps=8)  # a second long

    camera = start(source=str(clip))
    eventually(lambda: len(audience.view.deliveries) >= 24, within=PATIENCE)

    first, last = audience.view.deliveries[0], audience.view.deliveries[23]
    assert 2.3 < (last.headers["ts_ms"] - first.headers["ts_ms"]) / 1000 < 23 / 4, "23 intervals of 1/8 s"
    assert len(camera.lines("source_lost")) == 0, "its end is no loss"


def test_a_video_file_that_is_moved_while_it_plays_is_lost_until_it_returns(
    start: Start, audience: Audience, tmp_path: Path, photos: list[NDArray[np.uint8]]
) -> None:
    clip, aside = tmp_path / "clip.avi", tmp_path / "aside.avi"
    write_video(clip, "mjpeg", "yuvj420p", photos, fps=8)
    camera = start(source=str(clip))
    audience.await_state("live")

    clip.rename(aside)
    assert "can't be reopened" in audience.await_state("away").why
    eventually(lambda: camera.metric("seccam_camera_source_opens_total", outcome="error") >= 1, within=PATIENCE)
    assert camera.metric("seccam_camera_source_lost_total", cause="error") == 1
    aside.rename(clip)
    audience.next_picture()

    audience.await_state("live")
    assert camera.process.poll() is None


@pytest.mark.parametrize("codec", [("libx264", "mp4", "yuv420p"), ("mjpeg", "avi", "yuvj420p")], ids=["mp4", "avi"])
def test_a_video_file_with_a_title_that_is_not_utf_8_is_played(
    codec: tuple[str, str, str], tmp_path: Path, photos: list[NDArray[np.uint8]]
) -> None:
    name, suffix, form = codec
    clip = tmp_path / f"clip.{suffix}"
    write_video(clip, name, form, photos, fps=8, title="Haust?r")
    written = clip.read_bytes()
    assert b"Haust?r" in written
    clip.write_bytes(written.replace(b"Haust?r", b"Haust\xfcr"))

    with closing(File(str(clip), StopToken())) as source:
        assert source.read().jpeg


def test_an_rtsp_camera_with_a_title_that_is_not_utf_8_is_read(photos: list[NDArray[np.uint8]]) -> None:
    with RtspServer(photos, 15, title="Haustür") as server, closing(Stream(server.url, StopToken())) as source:
        assert source.read().jpeg


def test_an_unknown_video_codec_is_reported(tmp_path: Path, photos: list[NDArray[np.uint8]]) -> None:
    clip = tmp_path / "clip.avi"
    write_video(clip, "mjpeg", "yuvj420p", photos, fps=8)
    clip.write_bytes(clip.read_bytes().replace(b"MJPG", b"ZZQX"))

    with pytest.raises(SourceNotOpened, match="unknown codec"):
        File(str(clip), StopToken())


@pytest.fixture(params=["http", "rtsp"])
def server(
    request: pytest.FixtureRequest, pictures: list[bytes], photos: list[NDArray[np.uint8]]
) -> Iterator[MjpegServer | RtspServer]:
    with MjpegServer(pictures, 15) if request.param == "http" else RtspServer(photos, 15) as made:
        yield made


def test_a_source_is_live_within_ten_seconds_of_its_return(
    server: MjpegServer | RtspServer, start: Start, audience: Audience
) -> None:
    camera = start(source=server.url)
    audience.await_state("live")

    server.refuse()
    away = audience.await_state("away")
    eventually(lambda: camera.metric("seccam_camera_source_opens_total", outcome="refused") >= 3, within=PATIENCE)
    assert not camera.ready()
    assert camera.metric("seccam_camera_up") == 0
    assert audience.statuses()[-1].since == away.since

    server.accept()
    returned = time.monotonic()
    audience.next_picture()

    assert time.monotonic() - returned < BACK
    audience.await_state("live")
    eventually(camera.ready, within=PATIENCE)


def test_a_source_that_hangs_is_noticed_and_is_live_within_ten_seconds_of_its_return(
    server: MjpegServer | RtspServer, start: Start, audience: Audience
) -> None:
    camera = start(source=server.url)
    audience.await_state("live")

    server.hang()
    audience.await_state("away")
    lost = [line["why"] for line in camera.lines("source_lost")]
    assert lost
    assert camera.metric("seccam_camera_source_lost_total", cause="stalled") == 1
    assert camera.get("/healthz")[0] == 200, "a stalled source is the watchdog's business"
    server.cut()
    eventually(lambda: camera.metric("seccam_camera_source_opens_total", outcome="timeout") >= 1, within=PATIENCE)

    server.go_on()
    returned = time.monotonic()
    audience.next_picture()

    assert time.monotonic() - returned < BACK


def test_without_a_broker_frames_are_replaced_and_counted_but_never_queued(
    start: Start, audience: Audience, broker: RunningBroker, pictures: list[bytes]
) -> None:
    with MjpegServer(pictures, 15) as server:
        camera = start(source=server.url)
        audience.await_state("live")

        broker.kill()
        gone = time.time()

        def dropped(topic: str) -> float:
            return camera.metric("seccam_camera_frames_dropped_total", topic=topic, reason="disconnected")

        eventually(lambda: dropped("view") >= 15 and dropped("security") >= 1, within=PATIENCE)
        assert not camera.ready()
        assert camera.metric("seccam_camera_up") == 1, "the camera itself is fine"
        seen = len(audience.view.deliveries)
        broker.ensure_running()
        eventually(lambda: len(audience.view.deliveries) >= seen + 15, within=PATIENCE)

        after = [d for d in audience.view.deliveries[seen:] if d.headers["ts_ms"] / 1000 > gone + 1]
        assert all(after[0].wall - d.headers["ts_ms"] / 1000 < 3 for d in after), "none has waited for the broker"
        numbers = [d.headers["seq"] for d in after]
        assert numbers == sorted(numbers)
        eventually(camera.ready, within=PATIENCE)


@pytest.mark.parametrize(
    ("source", "why"),
    [("/dev/video77", "no such device"), ("/dev/null", "not a video device"), ("/nowhere/clip.mp4", "No such file")],
)
def test_a_missing_source_is_reported_in_status_log_and_readiness(source: str, why: str, start: Start, audience: Audience) -> None:
    camera = start(source=source)

    status = audience.await_state("away")

    assert why in status.why
    assert why in camera.lines("source_not_opened")[0]["why"]
    assert why in camera.get("/readyz")[1]


def test_outside_its_slots_a_camera_is_off_and_ready_without_opening_its_source(
    start: Start, audience: Audience, pictures: list[bytes]
) -> None:
    with MjpegServer(pictures, 15) as server:
        camera = start(source=server.url, view_hours="off", security_hours="off")
        status = audience.await_state("off")

        assert not status.topics["view"].open
        eventually(camera.ready, within=PATIENCE)
        assert server.connections == 0


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["start", "check"])
def test_all_wrong_settings_are_reported_together_with_exit_status_2(arguments: list[str]) -> None:
    wrong = environment(name="Front", source="ftp://u:hunter2@cam/", zone="Mars/Base", view_hours="24/24", holidays="XX", typo="1")

    done = subprocess.run([COMMAND, *arguments], env=wrong, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == 2
    for name in ("NAME", "SOURCE", "ZONE", "HOLIDAYS", "TYPO"):
        assert f"SECCAM_CAMERA_{name}:" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_valid_settings_pass_the_check_without_opening_the_source() -> None:
    right = environment(name="front", source="/dev/video77", view_hours="Mo-Fr 20:00-06:00; PH off", holidays="DE")

    done = subprocess.run([COMMAND, "--check"], env=right, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_help_lists_the_settings_and_version_prints_the_version() -> None:
    printed = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    assert "SECCAM_CAMERA_SOURCE" in printed
    assert "SECCAM_CAMERA_VIEW_HOURS" in printed
    assert "0." in subprocess.run([COMMAND, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def test_a_reader_that_never_returns_ends_the_process_with_exit_status_3(hung: RunningCamera) -> None:
    assert hung.process.wait(PATIENCE + 30) == 3

    assert len(hung.lines("reader_stuck")) == 1
    assert "sends no pictures" in hung.lines("source_lost")[0]["why"]


def write_video(path: Path, codec: str, form: str, photos: list[NDArray[np.uint8]], fps: int, *, title: str = "") -> None:
    """A video file of these pictures."""
    import av

    with av.open(str(path), "w") as container:
        if title:
            container.metadata["title"] = title
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, _ = photos[0].shape
        stream.pix_fmt = form
        for photo in photos:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(photo, format="rgb24")))
        container.mux(stream.encode(None))
