"""Passwords and certificates that change while everything runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seccam import topology
from tests.brokers import RunningBroker
from tests.certificates import TlsListener
from tests.faults.row import check
from tests.faults.sightings import PATIENCE, WorkerRow
from tests.integration.workers import WorkerProcess
from tests.waiting import eventually

USER = topology.SECURITY_USER


@pytest.fixture
def row(broker: RunningBroker, tmp_path: Path) -> Iterator[WorkerRow]:
    """A row with one worker."""
    begun = WorkerRow(broker, tmp_path, workers=1)
    yield begun
    begun.close()


def cut_all(broker: RunningBroker) -> None:
    """Close the connections of the workers and the load, as a restart does."""
    broker.node.ctl("close_all_user_connections", USER, "the test")


def refused(worker: WorkerProcess, cause: str) -> bool:
    """Whether the worker has been refused for this reason, and says that it is not ready."""
    return worker.metric("seccam_broker_reconnects_total", cause=cause) >= 2 and not worker.ready()  # both connections


def test_a_password_is_wrong_and_then_rotated(row: WorkerRow, broker: RunningBroker) -> None:
    """Passwords come from the environment, so those who have the old one are replaced, or wait until it is valid again."""
    old, new = broker.node.passwords()[USER], secrets.token_urlsafe(18)
    with row.fault():
        try:
            broker.node.ctl("change_password", USER, new)
            cut_all(broker)
            eventually(lambda: refused(row.workers[0], "auth"), within=PATIENCE, what="the old password is refused")
            renewed = row.start_worker({"SECCAM_BROKER_URL": broker.url(USER).replace(old, new)})
            row.workers.append(renewed)
            time.sleep(5)
        finally:
            broker.node.ctl("change_password", USER, old)
        row.over()
        eventually(row.workers[0].ready, within=PATIENCE, what="the worker with the password that is valid again")

    line = row.settle("password changed", "of the workers and the load; one worker is replaced, then it is changed back")
    check(line)
    for log in (*row.logs(), (broker.node.folder / "broker.log")):
        assert old not in log.read_text()
        assert new not in log.read_text()


@pytest.mark.slow
def test_the_certificate_of_the_broker_expires_and_is_renewed(row: WorkerRow, broker: RunningBroker, tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    listener = TlsListener(broker, folder)
    settings = listener.settings(USER, authority="ca.pem")
    secured = row.start_worker({"SECCAM_BROKER_URL": settings.url.get_secret_value(), "SECCAM_BROKER_CA_FILE": settings.ca_file})
    row.workers.append(secured)
    with row.fault():
        listener.renew(days=-1)
        cut_all(broker)
        eventually(lambda: refused(secured, "tls"), within=PATIENCE, what="the expired certificate is refused")
        time.sleep(5)
        listener.renew()
        row.over()
        eventually(secured.ready, within=PATIENCE, what="the worker is back by itself")

    check(row.settle("broker's certificate expired", "one of two workers uses TLS; renewed 5 s after it was noticed"))
