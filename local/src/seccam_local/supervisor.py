"""Starts the processes of a run in stages, keeps them running, and ends them in the opposite order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from seccam_local import processes
from seccam_local.node import Node
from seccam_local.processes import Process, log_line
from seccam_local.stack import LOOPBACK, Service

#: Seconds from the begin of the end to SIGKILL. A service has finished its work in hand within 5, and most need one. The
#: broker gets what is left: RabbitMQ with the Prometheus plugin takes 6 (seen in 3.10: a handler of rabbit_event that ends
#: with the application calls application:set_env, which waits 5 s for the controller that is waiting for it). To kill it
#: then costs nothing that was confirmed, but within seconds of the very first start it may cost the streams just declared.
SERVICES_LATEST, BROKER_LATEST, MAPPER_LATEST = 5.5, 8.7, 9.0
#: Seconds between two looks at the processes.
POLL_SECONDS = 0.1

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


def run(ordered: Sequence[Stage], stop: threading.Event) -> None:
    """Keep the stages running until `stop`; then end them, the last started first."""
    try:
        while not stop.wait(POLL_SECONDS):
            for members, _ in ordered:
                for process in members:
                    process.poll()
        log_line("stopping")
    finally:
        processes.stop(reversed(ordered))


def _listening(port: int) -> Callable[[], bool]:
    def probe() -> bool:
        with socket.socket() as client:
            return client.connect_ex((LOOPBACK, port)) == 0

    return probe
