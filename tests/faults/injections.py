"""Faults as context managers: entering injects one, leaving ends it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from seccam import topology
from tests.brokers import RunningBroker

#: How to raise each alarm of the broker, and how to end it.
ALARMS = {
    "memory": (("set_vm_memory_high_watermark", "absolute", "1"), ("set_vm_memory_high_watermark", "absolute", "512MB")),
    "disk": (("set_disk_free_limit", "100000GB"), ("set_disk_free_limit", "200MB")),
}

_CGROUPS = Path("/sys/fs/cgroup")


def apply(broker: RunningBroker) -> None:
    """Declare what is missing, as `rabbitmqctl import_definitions` does."""
    file = broker.node.folder / "whole.json"
    file.write_text(json.dumps(topology.definitions({})))
    broker.node.ctl("import_definitions", str(file))


def delete(broker: RunningBroker, *queues: str) -> None:
    """Delete queues with what they hold."""
    with broker.connection() as connection:
        for queue in queues:
            connection.channel().queue_delete(queue)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process hangs: SIGSTOP."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def killed(broker: RunningBroker) -> Iterator[None]:
    """The broker is dead."""
    broker.kill()
    yield
    broker.ensure_running()


@contextmanager
def stopped(broker: RunningBroker) -> Iterator[None]:
    """The broker was stopped in order."""
    broker.node.ctl("stop_app")
    yield
    broker.node.ctl("start_app")


@contextmanager
def alarm(broker: RunningBroker, kind: str) -> Iterator[None]:
    """The broker is short of memory or disk space, and blocks publishers."""
    begin, end = ALARMS[kind]
    broker.node.ctl(*begin)
    try:
        yield
    finally:
        broker.node.ctl(*end)


@contextmanager
def unbound(broker: RunningBroker) -> Iterator[None]:
    """The events queue lacks its binding."""
    with broker.connection() as connection:
        connection.channel().queue_unbind(topology.EVENTS_QUEUE, topology.EVENTS_EXCHANGE, topology.every(topology.EVENTS))
    yield
    apply(broker)


@contextmanager
def without_exchange(broker: RunningBroker) -> Iterator[None]:
    """There is no exchange of events."""
    with broker.connection() as connection:
        connection.channel().exchange_delete(topology.EVENTS_EXCHANGE)
    yield
    apply(broker)


@contextmanager
def without(broker: RunningBroker, queue: str) -> Iterator[None]:
    """There is no such queue."""
    delete(broker, queue)
    yield
    apply(broker)


@contextmanager
def starved(pid: int, *, kb: int = 1024) -> Iterator[None]:
    """The process gets no more than this much memory from now on: the kernel kills it when it wants more.

    Its new pages count in a cgroup of its own, those that it has stay where they are. Skips where this process may not make one.
    """
    unified = (_CGROUPS / "cgroup.controllers").exists()
    group = (_CGROUPS if unified else _CGROUPS / "memory") / f"seccam-test-{pid}"
    try:
        group.mkdir()
        (group / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(str(kb * 1024))
    except OSError as e:
        pytest.skip(f"no memory limit for a single process: {e}")
    try:
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        with suppress(ProcessLookupError):
            (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()
