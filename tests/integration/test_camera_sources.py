"""Sources against real servers, without a broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from seccam_camera.metrics import CameraMetrics
from seccam_camera.service import CameraService
from seccam_camera.settings import CameraSettings
from seccam_camera.sources import CaptureOptions, open_source
from seccam_camera.sources.address import parse
from seccam_camera.sources.base import Source, SourceLost, SourceNotOpened, StopToken
from seccam_camera.sources.ffmpeg import Stream
from seccam_camera.sources.http import open_http
from tests.brokers import free_port
from tests.scenes import scaled, scene
from tests.servers.mjpeg import Framing, MjpegServer, digest
from tests.servers.rtsp import RtspServer
from tests.waiting import eventually


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return scaled(scene(("astronaut", 180, 500, 200)), 640, 360)


@pytest.fixture(scope="module")
def pictures(photo: NDArray[np.uint8]) -> list[bytes]:
    return [simplejpeg.encode_jpeg(photo, quality=quality) for quality in (70, 80, 90)]


def opened(url: str, stop: StopToken | None = None) -> Source:
    return open_source(parse(url), CaptureOptions(1280, 720, 15), stop or StopToken())


def consume(source: Source) -> None:
    """Read until it is lost."""
    while True:
        source.read()


@contextmanager
def reading(source: Source) -> Iterator[list[float]]:
    """Read in a thread until the source is lost; the time of that."""
    ended: list[float] = []

    def read() -> None:
        try:
            consume(source)
        except SourceLost:
            ended.append(time.monotonic())

    reader = threading.Thread(target=read)
    reader.start()
    yield ended
    reader.join(10)


@pytest.fixture
def stop() -> Iterator[StopToken]:
    made = StopToken()
    yield made
    made.set()


@pytest.mark.parametrize("late", [False, True], ids=["boundary behind", "boundary before"])
@pytest.mark.parametrize("framing", ["length", "boundary", "chunked"])
def test_every_framing_yields_the_pictures_unchanged_and_without_delay(framing: Framing, late: bool, pictures: list[bytes]) -> None:
    births: dict[bytes, float] = {}

    def dress(picture: bytes, number: int) -> bytes:
        comment = b"\xff\xfe\x00\x0a%08d" % number
        dressed = picture[:2] + comment + picture[2:]
        births[dressed] = time.monotonic()
        return dressed

    with MjpegServer(pictures, 10, framing=framing, late_boundary=late, dress=dress) as server:
        source = opened(server.url)
        lags = []
        for _ in range(12):
            capture = source.read()
            assert isinstance(capture.jpeg, bytes)
            lags.append(time.monotonic() - births[capture.jpeg])
        source.close()

    assert sorted(lags)[len(lags) // 2] < 0.05, "half a frame's interval: nobody waits for the next one"


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_the_login_in_an_address_answers_a_challenge(scheme: str, pictures: list[bytes]) -> None:
    with MjpegServer(pictures, 30, login=("admin", "hunter:2"), scheme=scheme) as server:  # type: ignore[arg-type]  # one of its literals
        source = opened(server.url.replace("//", "//admin:hunter%3A2@"))
        assert source.read().jpeg in pictures
        source.close()

        with pytest.raises(SourceNotOpened, match="wrong user or password") as wrong:
            opened(server.url.replace("//", "//admin:hunter3@"))
        with pytest.raises(SourceNotOpened, match="user and password are required") as missing:
            opened(server.url)
        assert (wrong.value.outcome, missing.value.outcome) == ("refused", "refused")


@pytest.mark.parametrize(
    ("challenges", "chosen"),
    [
        ([digest("SHA-256")], "algorithm=SHA-256"),
        ([digest("MD5"), digest("SHA-256"), 'Basic realm="camera"'], "algorithm=SHA-256"),
        ([f'Basic realm="a, b", {digest("SHA-256")}, {digest("MD5")}'], "algorithm=SHA-256"),
        (["Negotiate", digest("SHA-512-256"), digest("MD5")], "algorithm=MD5"),
        ([digest("SHA-256-sess")], "algorithm=SHA-256-sess"),
        ([digest("MD5", qop="auth-int")], "qop=auth-int"),
        ([digest(qop="auth-int, auth")], "qop=auth,"),
        ([digest(qop="")], "response="),
    ],
)
def test_the_best_challenge_is_answered(challenges: list[str], chosen: str, pictures: list[bytes]) -> None:
    login = ("ädmin", "hunter:2")
    with MjpegServer(pictures, 30, login=login, scheme="Digest", challenges=challenges) as server:
        source = opened(server.url.replace("//", "//%C3%A4dmin:hunter%3A2@"))
        assert source.read().jpeg in pictures
        source.close()

        assert chosen in server.requests[-1]
        with pytest.raises(SourceNotOpened, match="wrong user or password"):
            opened(server.url.replace("//", "//admin:hunter3@"))


@pytest.mark.parametrize("first", ["Digest", 'Digest realm="camera"', digest("SHA-512-256"), digest(qop="new"), "Negotiate"])
def test_basic_is_used_if_no_other_challenge_is_supported(first: str, pictures: list[bytes]) -> None:
    with MjpegServer(pictures, 30, login=("admin", "hunter2"), challenges=[first, 'Basic realm="camera"']) as server:
        source = opened(server.url.replace("//", "//admin:hunter2@"))
        assert source.read().jpeg in pictures
        source.close()


@pytest.mark.parametrize(
    "challenge",
    ["Digest", "Digest ,,=,", 'Digest nonce="', "=", "Digest realm", digest("SHA-512-256"), digest(qop="new"), "Bearer x/y=="],
)
def test_an_unsupported_challenge_is_reported(challenge: str, pictures: list[bytes]) -> None:
    with MjpegServer(pictures, login=("admin", "hunter2"), challenges=[challenge]) as server:
        with pytest.raises(SourceNotOpened, match="unsupported authentication scheme") as refused:
            opened(server.url.replace("//", "//admin:hunter2@"))

        assert refused.value.outcome == "refused"
        assert "Authorization" not in "".join(server.requests)


@pytest.mark.parametrize(
    "location",
    [
        b"http://[bad/",
        b"http://h:99999/",
        b"http://h:port/",
        b"http://" + b"h" * 64 + b".lan/",
        b"http://a..b/",
        b"//\xe2\x84\x80.lan/",
        b"ftp://cam/",
        b"mailto:a@b",
        b"http://a b/",
        b"http://\xff/",
    ],
)
def test_a_redirect_to_an_invalid_address_is_an_error(location: bytes, pictures: list[bytes]) -> None:
    with MjpegServer(pictures, redirect=location) as server, pytest.raises(SourceNotOpened) as nowhere:
        opened(server.url.replace("//", "//admin:hunter2@"))

    assert nowhere.value.outcome == "error"
    assert "hunter2" not in str(nowhere.value)


@pytest.mark.parametrize("location", ["/höf?ä=1", "/h%C3%B6f?%C3%A4=1"])
def test_a_redirect_is_followed_with_the_login_and_percent_encoded(location: str, pictures: list[bytes]) -> None:
    with MjpegServer(pictures, 30, login=("admin", "hunter2"), scheme="Digest", redirect=location.encode()) as server:
        source = opened(server.url.replace("//", "//admin:hunter2@"))
        assert source.read().jpeg in pictures
        source.close()

        assert server.requests[-1].startswith("GET /h%C3%B6f?%C3%A4=1 ")


@contextmanager
def serving(kind: str, body: bytes = b"", *, status: int = 200, location: str = "") -> Iterator[tuple[int, list[str]]]:
    """A web server that gives everybody the same answer, without a length; its port, and the paths asked for."""
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("url", ["http://admin:hunter2@127.0.0.1:{}/new", "http://127.0.0.1:{}/new", "http://localhost:{}/new"])
def test_a_redirect_to_another_server_is_refused_and_nothing_is_sent_there(url: str, pictures: list[bytes]) -> None:
    with serving("multipart/x-mixed-replace") as (port, asked):
        with MjpegServer(pictures, redirect=url.format(port).encode()) as server, pytest.raises(SourceNotOpened) as refused:
            opened(server.url.replace("//", "//admin:hunter2@"))

        assert asked == []
    assert "another server" in str(refused.value)
    assert "hunter2" not in str(refused.value)


PLAYLISTS = {
    "HLS": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{}/secret.ts\n",
    "HLS key": b'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{}/key"\n#EXTINF:2,\na.ts\n',
    "concat": b"ffconcat version 1.0\nfile http://127.0.0.1:{}/secret.ts\n",
    "DASH": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S">'
    b"<Period><AdaptationSet><Representation id='1' bandwidth='1' mimeType='video/mp4'><BaseURL>http://127.0.0.1:{}/a.mp4</BaseURL>"
    b"<SegmentBase indexRange='0-9'/></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("playlist", PLAYLISTS.values(), ids=PLAYLISTS)
def test_a_playlist_makes_the_camera_call_nobody(playlist: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list.ts"
    with serving("video/mp2t") as (port, asked):
        body = playlist.replace(b"{}", str(port).encode())
        path.write_bytes(body)
        with serving("application/vnd.apple.mpegurl", body) as (camera, _):
            for source in (f"http://admin:hunter2@127.0.0.1:{camera}/live", str(path)):
                with pytest.raises(SourceNotOpened):
                    opened(source)

        assert asked == []


def test_ffmpeg_follows_no_redirect_of_a_camera_that_answers_differently_the_second_time(pictures: list[bytes]) -> None:
    with (
        serving("video/mp2t") as (port, asked),
        serving("video/mp2t", status=302, location=f"http://127.0.0.1:{port}/") as (camera, _),
        pytest.raises(SourceNotOpened),
    ):
        Stream(f"http://admin:hunter2@127.0.0.1:{camera}/live", StopToken())

    assert asked == []


def test_live_video_over_http_is_read(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "live.ts"
    video(path, photo)
    with (
        serving("video/mp2t", path.read_bytes() * 20) as (port, _),
        closing(opened(f"http://127.0.0.1:{port}/live")) as source,
    ):
        picture = source.read().jpeg

    assert not isinstance(picture, bytes)
    assert simplejpeg.decode_jpeg(picture(90)).shape == photo.shape


def video(path: Path, photo: NDArray[np.uint8], codec: str = "libx264") -> None:
    """Write a second of video that shows this picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = photo.shape[0], photo.shape[1], "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(photo, format="rgb24")))
        container.mux(stream.encode())


def test_video_of_more_pixels_than_a_frame_may_have_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mkv"
    video(path, np.zeros((4098, 4098, 3), np.uint8), "mpeg4")

    with closing(opened(str(path))) as source, pytest.raises(SourceLost, match="more than 16777216 pixels"):
        source.read()


def test_a_codec_that_no_camera_has_is_refused(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "old.mkv"
    video(path, photo, "ffv1")

    with pytest.raises(SourceNotOpened, match="codec"):
        opened(str(path))


def test_a_path_may_contain_any_characters(pictures: list[bytes]) -> None:
    with MjpegServer(pictures, 30) as server:
        opened(server.url + "/höf 1?q=%20ä").close()

        assert server.requests[-1].startswith("GET /stream/h%C3%B6f%201?q=%20%C3%A4 ")


@pytest.mark.parametrize("url", ["http://h:99999/", "http://[bad/", "http://" + "h" * 64 + "/", "http://a..b/", "http://a b/"])
def test_an_invalid_address_is_reported_without_its_login(url: str) -> None:
    with pytest.raises(SourceNotOpened) as failed:
        open_http(url.replace("//", "//admin:hunter2@"), StopToken())

    assert failed.value.outcome == "error"
    assert "hunter2" not in str(failed.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_refused_connection_is_reported_without_the_login(scheme: str) -> None:
    with pytest.raises(SourceNotOpened) as refused:
        opened(f"{scheme}://admin:hunter2@127.0.0.1:{free_port()}/hunter2")

    assert refused.value.outcome == "refused"
    assert "hunter2" not in str(refused.value)


def test_an_unknown_host_is_reported_in_plain_words() -> None:
    with pytest.raises(SourceNotOpened, match=r"no such host|reached"):
        opened("http://no-such-host.invalid/")


@pytest.mark.parametrize(("kind", "body"), [("text/html", b"<p>log in</p>"), ("image/jpeg", b"\xff\xd8\xff\xd9")])
def test_content_that_is_not_a_stream_is_refused_with_its_type(kind: str, body: bytes) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(SourceNotOpened, match=f"sends {kind}"):
            opened(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("hangs", [False, True], ids=["streams", "hangs"])
def test_the_connection_is_closed_within_a_second_of_a_slots_end(hangs: bool, pictures: list[bytes]) -> None:
    settings = CameraSettings(name="front", zone="UTC", view_hours="08:00-12:00", security_hours="08:00-12:00")
    with MjpegServer(pictures, 15) as server:
        metrics = CameraMetrics(CollectorRegistry(), "front", settings.rates())
        offered: list[str] = []
        camera = CameraService(settings, metrics, lambda stop: opened(server.url, stop), lambda slot, _: offered.append(slot))
        before = datetime(2026, 11, 23, 11, 59, 59, tzinfo=UTC)
        camera.run_once(before, time.monotonic())
        eventually(lambda: "view" in offered, within=30)
        if hangs:
            server.hang()

        ended = time.monotonic()
        camera.run_once(before + timedelta(seconds=1), ended)
        eventually(lambda: not any(thread.name == "reader" for thread in threading.enumerate()), what="closed by its thread")

        assert time.monotonic() - ended < 1


def test_a_stream_that_breaks_off_is_lost(pictures: list[bytes]) -> None:
    with MjpegServer(pictures, 30) as server:
        source = opened(server.url)
        source.read()
        server.cut()

        with pytest.raises(SourceLost) as lost:
            consume(source)
        assert lost.value.cause in ("ended", "error")
        source.close()


def test_a_stop_interrupts_a_read_from_a_server_that_hangs(pictures: list[bytes], stop: StopToken) -> None:
    with MjpegServer(pictures, 30) as server:
        source = opened(server.url, stop)
        server.hang()
        with reading(source) as ended:
            asked = time.monotonic()
            stop.set()

        assert ended
        assert ended[0] - asked < 1
        source.close()


def test_a_stop_interrupts_a_read_of_packets_without_pictures(photo: NDArray[np.uint8], stop: StopToken) -> None:
    with RtspServer([photo], 5, key_every=600, sprop=True) as server:
        eventually(lambda: server.count > 0, what="its only key frame")
        source = opened(server.url, stop)
        with reading(source) as ended:
            seen = server.count
            eventually(lambda: server.count > seen + 2)
            asked = time.monotonic()
            stop.set()

        assert ended
        assert ended[0] - asked < 1
        source.close()


def test_a_late_key_frame_is_waited_for(photo: NDArray[np.uint8]) -> None:
    with RtspServer([photo], 5, key_every=6, sprop=True) as server:
        eventually(lambda: server.count > 0, what="the first key frame")
        with closing(opened(server.url)) as source:
            picture = source.read().jpeg

        assert not isinstance(picture, bytes)
        assert np.abs(simplejpeg.decode_jpeg(picture(90)).astype(int) - photo).mean() < 12
        assert server.count > 30


def test_a_stop_interrupts_opening(pictures: list[bytes], stop: StopToken) -> None:
    with MjpegServer(pictures, 30) as server:
        server.hang()
        failures: list[SourceNotOpened] = []

        def try_to_open() -> None:
            try:
                opened(server.url, stop)
            except SourceNotOpened as e:
                failures.append(e)

        opener = threading.Thread(target=try_to_open)
        opener.start()
        eventually(lambda: server.connections == 1)
        asked = time.monotonic()
        stop.set()
        opener.join(10)

        assert failures
        assert time.monotonic() - asked < 2
