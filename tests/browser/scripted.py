"""A monitor that tests control, for states that the real one reaches rarely, slowly or never."""

from __future__ import annotations

import itertools
import json
import mimetypes
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

import seccam_monitor
from seccam import jpeg
from seccam.version import __version__
from tests.browser import pictures

WEB = Path(seccam_monitor.__file__).parent / "web"
#: The policy that the real monitor sends (its own test holds it to that).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
ESTIMATED, UNTIMED = 1, 2
#: Seconds without a face after which a visit is over.
GAP = 60.0


def now_ms() -> float:
    """The monitor's clock."""
    return time.monotonic() * 1000


@dataclass
class Camera:
    """A camera as the monitor reports it."""

    name: str
    state: str = "starting"
    fps: float = 15.0
    captured: float | None = None
    until: int | None = None
    zone: str | None = "UTC"
    why: str = ""
    stale_s: float = 2.0
    away_s: float = 30.0
    #: Number of pictures sent, which is the sequence of the last one.
    sent: int = 0


class ScriptedMonitor:
    """Serves the page, and the protocol of PROTOCOL.md, on a port of its own."""

    def __init__(self, *names: str) -> None:
        #: Held while a page is greeted, so that it gets each visit with the greeting or after it.
        self._greeting = threading.Lock()
        self.cameras = self.of(*names)
        self.events: list[dict[str, Any]] = []
        self.version = __version__
        self.broker_lost: float | None = None
        #: Whether it can receive new visits.
        self.has_events = True
        #: The share of frames that the workers analyse, if they don't keep up.
        self.analysed: float | None = None
        #: False: it sends nothing, although connections stay open.
        self.sends = True
        #: While cleared, handshakes wait.
        self.lets_in = threading.Event()
        self.lets_in.set()
        #: Whether it has the maximum number of viewers.
        self.full = False
        #: Messages of the pages, in order.
        self.heard: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self._viewers: set[ServerConnection] = set()
        self._over = threading.Event()
        self._videos: list[threading.Thread] = []
        self.port = 0
        self._server: Server | None = None
        self.start()
        self._beat = threading.Thread(target=self._heartbeat, daemon=True)
        self._beat.start()

    @staticmethod
    def of(*names: str) -> list[Camera]:
        """Cameras that have not sent a picture yet."""
        return [Camera(name) for name in names]

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Listen, on the previous port if there was one."""
        self._server = serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol("seccam.v1")],
            compression=None,
            process_request=self._answer,
        )
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening and disconnect every viewer."""
        assert self._server is not None
        self._server.shutdown()
        for viewer in list(self._viewers):
            viewer.close(1001)

    def close(self) -> None:
        """Stop for good."""
        self._over.set()
        self.lets_in.set()
        for thread in (self._beat, *self._videos):
            thread.join()
        self.stop()

    def camera(self, name: str) -> Camera:
        """The camera with this name."""
        return next(camera for camera in self.cameras if camera.name == name)

    @property
    def viewers(self) -> int:
        """Number of connected pages."""
        return len(self._viewers)

    def watched(self) -> set[str]:
        """The cameras that the page has requested last."""
        asked = [message["cams"] for message in list(self.heard) if message["type"] == "watch"]
        return {self.cameras[i].name for i in asked[-1]} if asked else set()

    def acked(self) -> list[tuple[int, int]]:
        """Every acknowledgement, in order."""
        return [(i, seq) for message in list(self.heard) if message["type"] == "ack" for i, seq in message["f"]]

    def send(self, kind: str, **fields: Any) -> None:
        """Send a JSON message to all viewers."""
        if self.sends:
            self._send(json.dumps({"type": kind, **fields}))

    def send_status(self) -> None:
        """Send the status message, as the real one does each second and on each change."""
        rows = [[i, c.state, c.captured, c.fps, c.until, c.why] for i, c in enumerate(self.cameras)]
        self.send(
            "status",
            now=now_ms(),
            broker=self.broker_lost is None,
            since=self.broker_lost,
            events=self.has_events,
            analysed=self.analysed,
            c=rows,
        )

    def send_cameras(self) -> None:
        """Send the list of cameras."""
        self.send("cams", cams=self._cams())

    def show(self, name: str, picture: bytes, *, age: float = 0.0, flags: int = 0, size: tuple[int, int] | None = None) -> None:
        """Send a picture of this camera, `age` seconds old, to those who watch it."""
        camera = self.camera(name)
        camera.captured, camera.state = now_ms() - age * 1000, "live"
        if name in self.watched():
            width, height = size or jpeg.parse(picture).size
            index = self.cameras.index(camera)
            camera.sent += 1
            head = struct.pack("<BBHIdHH", 1, flags, index, camera.sent, camera.captured, width, height)
            if self.sends:
                self._send(head + picture)

    def see(self, name: str, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (1280, 720), age: float = 0.0) -> None:
        """Report these faces of a worker."""
        scores = [0.9] * len(boxes)
        self.send("faces", cam=name, captured=now_ms() - age * 1000, faces=len(boxes), boxes=boxes, scores=scores, size=size)

    def event(
        self, name: str, event_id: str, *, faces: int = 1, age: float = 0.0, late_s: int = 0, send: bool = True, **more: Any
    ) -> None:
        """Add a visit that began `age` seconds ago, or change one; with `send`, connected pages get it as well."""
        began = now_ms() - age * 1000  # no two visits of a camera have the same `time`
        event = {
            "type": "event", "id": event_id, "cam": name,
            "time": round((time.time() - age) * 1000) + len(self.events),
            "began": began, "seen": began, "captured": began, "seconds": 0, "over": age > GAP, "late_s": late_s,
            "faces": faces, "boxes": [pictures.FACE] * faces, "scores": [0.97] * faces, "size": [1280, 720],
            "picture": f"/events/{event_id}/picture.jpg?faces={faces}", "outcomes": [],
            "absorbed": [], **more,
        }  # fmt: skip
        with self._greeting:
            listed = [other for other in self.events if other["id"] not in (event_id, *event["absorbed"])]
            self.events = [*listed, event]
            if send:
                self.send(**{"kind" if k == "type" else k: v for k, v in event.items()})

    def film(
        self, fps: float, *names: str, picture: Callable[[int], bytes] = pictures.numbered, age: float = 0.02
    ) -> threading.Event:
        """Show numbered pictures of these cameras at this rate until the returned event is set."""
        halt = threading.Event()

        def run() -> None:
            reel = [picture(n) for n in range(1, 31)]
            for n in itertools.count():
                if halt.wait(1 / fps) or self._over.is_set():
                    return
                for name in names or [c.name for c in self.cameras]:
                    self.show(name, reel[n % len(reel)], age=age)

        for name in names or [c.name for c in self.cameras]:
            self.camera(name).fps = fps
        self._videos.append(threading.Thread(target=run, daemon=True))
        self._videos[-1].start()
        return halt

    def _cams(self) -> list[dict[str, Any]]:
        return [
            {"i": i, "name": c.name, "zone": c.zone, "stale_s": c.stale_s, "away_s": c.away_s} for i, c in enumerate(self.cameras)
        ]

    def _send(self, message: str | bytes) -> None:
        for viewer in list(self._viewers):
            try:
                viewer.send(message)
            except ConnectionClosed:
                self._viewers.discard(viewer)

    def _heartbeat(self) -> None:
        while not self._over.wait(1):
            self.send_status()

    def _serve(self, viewer: ServerConnection) -> None:
        if self.full:
            viewer.close(4429)
            return
        with self._greeting:
            hello = {"v": 1, "version": self.version, "now": now_ms(), "cams": self._cams(), "events": self.events[-50:]}
            viewer.send(json.dumps({"type": "hello", **hello}))
            self._viewers.add(viewer)
        self.send_status()
        try:
            for body in viewer:
                message = json.loads(body)
                if message["type"] == "ping" and self.sends:
                    viewer.send(json.dumps({"type": "pong", "c": message["c"], "s": now_ms()}))
                self.heard.append(message)
        except ConnectionClosed:
            pass  # the page has left
        finally:
            self._viewers.discard(viewer)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        self.requests.append(path)
        if path == "/ws":
            self.lets_in.wait(30)
            return None
        if path.startswith("/events/"):
            return _response(200, pictures.snapshot(), "image/jpeg")
        file = WEB / ("index.html" if path == "/" else path.removeprefix("/static/"))
        if not file.is_file():
            return _response(404, b"not found", "text/plain")
        return _response(200, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream")


def _response(status: int, body: bytes, kind: str) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-cache",
            "Connection": "close",
        }
    )
    return Response(status, "", headers, body)
