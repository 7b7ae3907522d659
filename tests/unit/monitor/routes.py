"""The monitor's table of routes."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp

from seccam_monitor.auth.login import LoginRequired
from seccam_monitor.http import app as monitor_app


def inner(app: ASGIApp) -> FastAPI:
    """The application behind RequestGuard and LoginRequired."""
    guard = app._app  # type: ignore[attr-defined]  # what a request meets first is what is tested
    assert isinstance(guard, LoginRequired)
    assert isinstance(guard._app, FastAPI)
    return guard._app


def templates(app: ASGIApp) -> set[str]:
    """The path of every route, with its parameters in braces, and every static file's."""
    found = set()
    for route in inner(app).routes:
        path = str(getattr(route, "path", ""))
        if isinstance(route, Mount):
            assert path == "/static"
            found |= {f"/static/{file.name}" for file in monitor_app.WEB.iterdir()}
        else:
            found.add(path)
    return found
