"""The monitor's table of routes."""

from __future__ import annotations

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Mount
from starlette.types import ASGIApp

from seccam.broker import Publisher
from seccam.metrics import BrokerMetrics
from seccam.settings import BrokerSettings
from seccam_monitor.auth.login import LoginRequired
from seccam_monitor.commands import Commands
from seccam_monitor.http import app as monitor_app
from seccam_monitor.metrics import Metrics


def unconnected(metrics: Metrics) -> Commands:
    """Commands that go nowhere."""
    return Commands(Publisher(BrokerSettings(), "monitor", BrokerMetrics(CollectorRegistry(), ("publish",))), metrics)


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
