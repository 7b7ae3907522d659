"""Runs the monitor: the broker's thread takes in, the event loop serves."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from seccam import logs
from seccam.broker import Consumer, Publisher
from seccam.metrics import BrokerMetrics, EventMetrics
from seccam.probes import Heartbeat
from seccam.service import ServiceContext
from seccam.settings import BrokerSettings, VisitSettings
from seccam_monitor.auth.credentials import Credentials
from seccam_monitor.auth.login import Login
from seccam_monitor.auth.logouts import LogoutsFile
from seccam_monitor.auth.sessions import MIN_KEY, Sessions
from seccam_monitor.auth.users import UsersFile
from seccam_monitor.commands import Commands
from seccam_monitor.http import app
from seccam_monitor.http.certificate import Certificate
from seccam_monitor.http.connections import Connections, most_connections
from seccam_monitor.http.server import Server
from seccam_monitor.ingest import intake
from seccam_monitor.ingest.cameras import Cameras
from seccam_monitor.ingest.outage_reports import OutageReports
from seccam_monitor.ingest.outages import Outages
from seccam_monitor.ingest.visits import VisitList
from seccam_monitor.metrics import Metrics
from seccam_monitor.settings import MonitorSettings
from seccam_monitor.viewers.hub import Hub

log = logs.get(__name__)

#: Seconds of silence after which the event loop or a broker's thread counts as dead.
_LOOP_SILENCE, _BROKER_SILENCE = 10.0, 30.0


def run(context: ServiceContext, broker: BrokerSettings, visit: VisitSettings, settings: MonitorSettings) -> int:
    """Serve until the service stops; returns 1 if the page's port is taken."""
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET, backlog=128
        )
    except OSError as e:
        address = f"{settings.host}:{settings.port}"
        log.error("port_taken", address=address, error=str(e), setting=f"{settings.PREFIX}PORT")  # noqa: TRY400  # the traceback would say no more
        return 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(context, broker, visit, settings, listener))
    return 0


async def _serve(
    context: ServiceContext, broker: BrokerSettings, visit: VisitSettings, settings: MonitorSettings, listener: socket.socket
) -> None:
    loop = asyncio.get_running_loop()
    configured = settings.camera_names
    metrics = Metrics(context.registry, configured)
    cameras, visits = Cameras(configured, time.monotonic()), VisitList(visit.gap_seconds)
    hub = Hub(cameras, visits, away=settings.away_seconds, max_viewers=settings.max_viewers, loop=loop)
    outages = Outages()
    incoming = intake.Intake(cameras, visits, metrics, hub, secrets.token_hex(8), outages=outages)
    broker_metrics = BrokerMetrics(context.registry, ("publish", "consume"))
    publisher = Publisher(broker, "monitor", broker_metrics, events=EventMetrics(context.registry))
    commands = Commands(publisher, metrics)
    consumer = Consumer(broker, "monitor", broker_metrics, [*incoming.subscriptions(), commands.subscription()])
    incoming.attach(consumer)
    reports = OutageReports(outages, cameras, metrics, publisher, away=settings.away_seconds, watched=settings.watched_cameras)
    users = UsersFile(settings.users_file) if settings.users_file else None
    sessions = _sessions(settings, users) if users else None
    login = Login(users, sessions, Credentials(users, metrics.logins), app.WEB / "login.html") if users and sessions else None
    most_per_client = settings.max_connections_per_address
    connections = Connections(
        most_connections(settings.max_viewers),
        most_per_client,
        settings.proxy_networks,
        metrics.connections_refused,
    )
    certificate = settings.certificate
    application = app.create(hub, metrics, settings.host_names, login, commands=commands, most_per_client=most_per_client)
    server = Server(application, connections, settings.trusted_proxies, certificate.context if certificate else None)
    heartbeat = Heartbeat()
    context.probes.watch(
        live=lambda: {
            **heartbeat.silent("event_loop", _LOOP_SILENCE),
            **consumer.heartbeat.silent("consumer", _BROKER_SILENCE),
            **publisher.heartbeat.silent("publisher", _BROKER_SILENCE),
        },
        # losing the broker later doesn't count: a page that says so is better than a gateway's error
        ready=lambda: {
            **({} if server.started else {"http": "not listening yet"}),
            **({} if consumer.subscribed_once else consumer.trouble() or {"broker": "subscribing"}),
        },
    )
    _on_stop(context, loop, lambda: _end(hub, server))
    consumer.start()
    publisher.start()
    refreshed = _Refreshed(users, sessions, certificate)
    ticking = asyncio.create_task(_tick(hub, incoming, consumer, reports, heartbeat=heartbeat, refreshed=refreshed))
    host, port = listener.getsockname()[:2]
    scheme = "https" if certificate else "http"
    log.info("listening", address=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/")
    await server.serve(sockets=[listener])
    ticking.cancel()
    await asyncio.gather(asyncio.to_thread(consumer.stop, 2.0), asyncio.to_thread(publisher.stop, 2.0))


def _sessions(settings: MonitorSettings, users: UsersFile) -> Sessions:
    key = settings.session_key
    if not key:
        log.info("session_key_made", meaning="logins end when this process does", setting=f"{settings.PREFIX}SESSION_KEY_FILE")
        key = secrets.token_bytes(MIN_KEY)
    logouts = LogoutsFile(settings.logouts_file or f"{settings.users_file}.logouts")
    sessions = Sessions(key, settings.session_hours * 3600, users.hash_of, logouts)
    sessions.refresh(time.time())
    return sessions


@dataclass(frozen=True)
class _Refreshed:
    """What is read again when its files change."""

    users: UsersFile | None
    sessions: Sessions | None
    certificate: Certificate | None

    def refresh(self) -> None:
        if self.users:
            self.users.refresh()
        if self.sessions:
            self.sessions.refresh(time.time())
        if self.certificate:
            self.certificate.refresh()


async def _tick(
    hub: Hub, incoming: intake.Intake, consumer: Consumer, reports: OutageReports, *, heartbeat: Heartbeat, refreshed: _Refreshed
) -> None:
    while True:
        now = time.monotonic()
        heartbeat.beat()
        if consumer.connected:
            hub.broker_lost = None
        elif hub.broker_lost is None:
            hub.broker_lost = now
        hub.has_events, hub.analysed = incoming.has_events, incoming.workload.share(now)
        refreshed.refresh()
        if refreshed.users:
            hub.accounts = len(refreshed.users)
        incoming.forget(now)
        reports.report(connected=consumer.connected, wall=time.time(), monotonic=now)
        hub.tick(now)
        await asyncio.sleep(1)


def _end(hub: Hub, server: Server) -> None:
    hub.end()
    server.should_exit = True


def _on_stop(context: ServiceContext, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
    """Call `then` on the loop when the service is to stop."""

    def wait() -> None:
        context.stop.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the service has already ended
            loop.call_soon_threadsafe(then)

    threading.Thread(target=wait, name="stop", daemon=True).start()
