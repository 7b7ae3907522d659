"""One run, from the first process to the last: starts in order, keeps alive, tells when all is ready, ends in order."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from seccam_local import processes
from seccam_local.node import Node
from seccam_local.processes import Process, log_line
from seccam_local.readiness import NO_ANSWER, not_ready
from seccam_local.stack import LOOPBACK, Service

#: Seconds from the begin of the end to SIGKILL. A service has finished its work in hand within 5, and most need one. The
#: broker gets what is left: RabbitMQ with the Prometheus plugin takes 6 (seen in 3.10: a handler of rabbit_event that ends
#: with the application calls application:set_env, which waits 5 s for the controller that is waiting for it). To kill it
#: then costs nothing that was confirmed, but within seconds of the very first start it may cost the streams just declared.
SERVICES_LATEST, BROKER_LATEST, MAPPER_LATEST = 5.5, 8.7, 9.0
#: Seconds between two looks at the processes, two at their readiness, and two lines about what is still missing.
POLL_SECONDS, READINESS_SECONDS, REMINDER_SECONDS = 0.1, 0.5, 15.0
#: Seconds that the cameras have for their first pictures once everything else is ready.
PICTURE_SECONDS = 4.0

#: Processes that start and end together, and when they have to be gone.
Stage = tuple[Sequence[Process], float]


def stages(node: Node | None, services: Iterable[Service], environ: Mapping[str, str]) -> list[Stage]:
    """In the order of their start, each waiting for the one before; without a node the services alone."""
    own = [
        Process(
            service.name,
            service.command,
            {**environ, **service.environment, **({"SECCAM_BROKER_URL": node.url(service.user)} if node else {})},
            may_start=_listening(node.ports.amqp) if node else lambda: True,
        )
        for service in services
    ]
    if node is None:
        return [(own, SERVICES_LATEST)]
    environment = node.environment()
    mapper = Process("epmd", node.epmd_command(), environment, log=node.log)
    broker = Process("broker", node.server_command(), environment, log=node.log, may_start=_listening(node.ports.epmd))
    return [([mapper], MAPPER_LATEST), ([broker], BROKER_LATEST), (own, SERVICES_LATEST)]


def run(
    ordered: Sequence[Stage],
    services: Sequence[Service],
    stop: threading.Event,
    *,
    on_ready: Callable[[Mapping[str, str]], None],
    on_missing: Callable[[Mapping[str, str]], None],
) -> None:
    """Keep the stages running until `stop`; then end them, the last started first.

    `on_ready` is called once, from another thread, when all services are ready, but for cameras that answer and have no
    picture: these are given with what they say is missing, for a camera may stay away for long. Until then `on_missing`
    is called now and then, with all that aren't ready.
    """
    watch = threading.Thread(target=_watch, args=(services, stop, on_ready, on_missing), name="readiness", daemon=True)
    watch.start()
    try:
        while not stop.wait(POLL_SECONDS):
            for members, _ in ordered:
                for process in members:
                    process.poll()
        log_line("stopping")
    finally:
        processes.stop(reversed(ordered))


def _watch(
    services: Sequence[Service],
    stop: threading.Event,
    on_ready: Callable[[Mapping[str, str]], None],
    on_missing: Callable[[Mapping[str, str]], None],
) -> None:
    reminded = time.monotonic()
    complete_at: float | None = None  # since when nothing was missing but cameras' pictures
    while not stop.wait(READINESS_SECONDS):
        missing, now = not_ready(services), time.monotonic()
        complete_at = (complete_at or now) if complete_but_for_pictures(services, missing) else None
        if not missing or (complete_at is not None and now - complete_at >= PICTURE_SECONDS):
            on_ready(missing)
            return
        if complete_at is None and now - reminded > REMINDER_SECONDS:
            on_missing(missing)
            reminded = now


def complete_but_for_pictures(services: Iterable[Service], missing: Mapping[str, str]) -> bool:
    """Whether only cameras are missing, and all of these answer."""
    return all(service.camera and missing[service.name] != NO_ANSWER for service in services if service.name in missing)


def _listening(port: int) -> Callable[[], bool]:
    def probe() -> bool:
        with socket.socket() as client:
            return client.connect_ex((LOOPBACK, port)) == 0

    return probe
