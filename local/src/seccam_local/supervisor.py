"""Starts the processes of a run in stages, keeps them running, and ends them in reverse order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from seccam_local import processes
from seccam_local.node import Node
from seccam_local.processes import Process, log_line
from seccam_local.stack import LOOPBACK, Service

#: Seconds from the start of the shutdown to SIGKILL. Services finish their current work within 5 s, most within 1. The broker
#: gets the rest: RabbitMQ with the Prometheus plugin needs 6 s (in 3.10 a handler of rabbit_event that ends with the
#: application calls application:set_env, which waits 5 s for the controller, which waits for the handler). Killing it loses
#: nothing that was confirmed, but within seconds of the first start it may lose the streams that were just declared.
SERVICES_LATEST, BROKER_LATEST, MAPPER_LATEST = 5.5, 8.7, 9.0
#: Seconds between checks of the processes.
POLL_SECONDS = 0.1

#: Processes that start and end together, and when they are killed: seconds after the start of the shutdown.
Stage = tuple[Sequence[Process], float]


def stages(node: Node | None, services: Iterable[Service], environ: Mapping[str, str], folder: Path) -> list[Stage]:
    """The stages in the order of their start; each waits for the one before. Without a node, only the services.

    Workers keep unconfirmed events in the folder.
    """
    own = [
        Process(
            service.name,
            service.command,
            _environment(service, node, environ, folder),
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
    """Keep the stages running until `stop` is set; then end them, the last one first."""
    try:
        while not stop.wait(POLL_SECONDS):
            for members, _ in ordered:
                for process in members:
                    process.poll()
        log_line("stopping")
    finally:
        processes.stop(reversed(ordered))


def _environment(service: Service, node: Node | None, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    own = {"SECCAM_SECURITY_SPOOL_FOLDER": str(folder / "spool")} if service.kind == "security" else {}
    return {**own, **service.environment_from(environ), **({"SECCAM_BROKER_URL": node.url(service.user)} if node else {})}


def _listening(port: int) -> Callable[[], bool]:
    def probe() -> bool:
        with socket.socket() as client:
            return client.connect_ex((LOOPBACK, port)) == 0

    return probe
