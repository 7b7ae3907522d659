"""The routes: the page, its WebSocket, and the same pictures and visits for other programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from seccam import __version__
from seccam.message import Recorded
from seccam_monitor.auth.login import Login, user_of
from seccam_monitor.commands import Commands
from seccam_monitor.http import mode
from seccam_monitor.http.request_guard import RequestGuard
from seccam_monitor.ingest.cameras import Camera
from seccam_monitor.ingest.status import why
from seccam_monitor.ingest.visits import KEPT
from seccam_monitor.metrics import Metrics
from seccam_monitor.viewers.hub import Hub
from seccam_monitor.viewers.mjpeg import MjpegStream
from seccam_monitor.viewers.viewing import Downloads
from seccam_monitor.viewers.websocket import serve

WEB = Path(__file__).parents[1] / "web"
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 404: {"description": "Not found"}}
_NOTHING_TO_SHOW: dict[int | str, dict[str, Any]] = {409: {"description": "The camera has no picture now"}}

CameraName = Annotated[str, PathParameter(description="The camera's name.")]
EventId = Annotated[str, PathParameter(description="Id of any event of the visit.")]


class CameraInfo(BaseModel):
    """The current state of a camera."""

    name: str
    state: str = Field(description="starting | live | stale | away | off")
    fps: float = Field(description="Frames per second as received by the monitor.")
    age_s: float | None = Field(description="Age of the newest picture, seconds; null without one.")
    size: tuple[int, int] | None = Field(description="Width and height of the newest picture, pixels.")
    zone: str | None = Field(description="The camera's IANA time zone.")
    until: int | None = Field(description="While it is off: when its slot opens, milliseconds since 1970 UTC; null if not known.")
    why: str = Field(description="The reason that the camera gives for its state.")
    stream: str = Field(description="Path of its live stream, multipart/x-mixed-replace.")
    snapshot: str = Field(description="Path of its newest picture.")


class OutcomeInfo(BaseModel):
    """What became of a visit's newest event on a channel."""

    channel: str | None = Field(description="The channel's name; null: all channels.")
    outcome: Recorded = Field(description="notified | requeued (it will be tried again) | parked | suppressed (it was no news).")


class EventInfo(BaseModel):
    """A visit: faces in front of one camera."""

    id: str = Field(description="Id of the visit's first event.")
    cam: str = Field(description="The camera's name.")
    time: int = Field(description="When the visit began, milliseconds since 1970 UTC.")
    seconds: int = Field(description="How long the visit has lasted.")
    over: bool = Field(description="Whether no face has been seen for the visit gap.")
    late_s: int = Field(description="Seconds from the picture of the first event to its publication.")
    faces: int = Field(description="Most faces that an event of the visit reports.")
    boxes: list[tuple[int, int, int, int]] = Field(description="x, y, width, height in pixels, in a picture of `size`.")
    scores: list[float]
    size: tuple[int, int]
    picture: str | None = Field(description="Path of the annotated picture; null if there is none.")
    outcomes: list[OutcomeInfo] = Field(description="By channel; empty as long as nothing is known.")


def create(
    hub: Hub,
    metrics: Metrics,
    names: frozenset[str],
    login: Login | None = None,
    *,
    commands: Commands,
    most_per_client: int = 64,
) -> ASGIApp:
    """The application. `names` are its host names besides loopback. Without a login, anyone may use it."""
    app = FastAPI(title="seccam monitor", version=__version__, docs_url=None, redoc_url=None)
    downloads = Downloads()

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return FileResponse(WEB / "index.html")

    @app.get("/cameras")
    async def cameras(response: Response) -> list[CameraInfo]:
        """All known cameras, in the order of the page."""
        response.headers["cache-control"] = "no-store"
        return [_info(camera, hub) for camera in hub.cameras]

    @app.get("/cameras/{name}/snapshot.jpg", response_class=Response, responses={**_JPEG, **_NOTHING_TO_SHOW})
    async def snapshot(name: CameraName, request: Request) -> Response:
        """The newest picture of a camera."""
        camera = _known(hub, name)
        state, picture = hub.state(camera), camera.picture
        if picture is None or state in ("off", "away"):
            raise HTTPException(409, _why_nothing(camera, state))
        downloads.note(request.scope, camera=camera.name)
        age = max(0.0, time.monotonic() - picture.captured)
        return Response(picture.jpeg, media_type="image/jpeg", headers={"cache-control": "no-store", "x-age-seconds": f"{age:.3f}"})

    @app.get(
        "/cameras/{name}/stream.mjpeg",
        response_class=Response,
        responses={
            200: {"content": {"multipart/x-mixed-replace": {}}},
            404: {"description": "No such camera"},
            503: {"description": "Too many viewers"},
            **_NOTHING_TO_SHOW,
        },
    )
    async def stream(name: CameraName, request: Request) -> Response:
        """The live pictures of a camera; a slow reader skips some."""
        camera = _known(hub, name)
        state = hub.state(camera)
        if state in ("off", "away"):
            raise HTTPException(409, _why_nothing(camera, state))
        return MjpegStream(camera, hub, metrics, user_of(request.scope))

    @app.get("/events")
    async def events(response: Response) -> list[EventInfo]:
        """The last visits, newest first."""
        response.headers["cache-control"] = "no-store"
        now = time.monotonic()
        return [EventInfo(**row.fields(now)) for row in reversed(hub.visits.last())]

    @app.get("/events/{event_id}", responses={404: {"description": "The visit is not kept"}})
    async def event(event_id: EventId, response: Response) -> EventInfo:
        """The visit that an event is of."""
        row = hub.visits.get(event_id)
        if row is None:
            raise HTTPException(404, f"Only the last {KEPT} visits are kept, and this one is not among them.")
        response.headers["cache-control"] = "no-store"
        return EventInfo(**row.fields(time.monotonic()))

    @app.get("/events/{event_id}/picture.jpg", response_class=Response, responses=_JPEG)
    async def picture(event_id: EventId, request: Request) -> Response:
        """The annotated picture of a visit, the one with the most faces."""
        row = hub.visits.get(event_id)
        if row is None or row.snapshot.picture is None:
            raise HTTPException(404, f"There is no picture of this visit: the last {KEPT} visits are kept.")
        downloads.note(request.scope, camera=row.camera, visit=row.id)
        return Response(row.snapshot.picture, media_type="image/jpeg", headers={"cache-control": "no-store"})

    mode.add_to(app, commands)

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await serve(websocket, hub, metrics)

    app.mount("/static", StaticFiles(directory=WEB, check_dir=False))
    guarded = login.add_to(app) if login else app
    paths = [str(getattr(route, "path", "")) for route in app.routes]
    metrics.routes([*(path for path in paths if path and path != "/ws" and not path.endswith(".mjpeg")), "other"])
    return RequestGuard(guarded, names, metrics, most_per_client)


def _known(hub: Hub, name: str) -> Camera:
    camera = hub.cameras.get(name)
    if camera is None:
        known = ", ".join(c.name for c in hub.cameras) or "none yet"
        raise HTTPException(404, f"There is no camera with this name. Known cameras: {known}.")
    return camera


def _info(camera: Camera, hub: Hub) -> CameraInfo:
    now, picture, last_status, state = time.monotonic(), camera.picture, camera.last_status, hub.state(camera)
    path = f"/cameras/{quote(camera.name)}"
    return CameraInfo(
        name=camera.name,
        state=state,
        fps=round(camera.rate.hertz(now), 2),
        age_s=round(max(0.0, now - picture.captured), 3) if picture else None,
        size=(picture.width, picture.height) if picture else None,
        zone=camera.zone,
        until=last_status.until if last_status and state == "off" else None,
        why=why(last_status, state),
        stream=f"{path}/stream.mjpeg",
        snapshot=f"{path}/snapshot.jpg",
    )


def _why_nothing(camera: Camera, state: str) -> str:
    """Why the camera has no picture, as a sentence."""
    if state == "off":
        return f"{camera.name} is off by schedule."
    if state == "away":
        return f"{camera.name} is away: it has sent no picture lately. Is its camera service running?"
    return f"{camera.name} has sent no picture yet. Is its camera service running?"
