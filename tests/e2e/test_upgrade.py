"""`helm upgrade` changes every component and keeps passwords, logins and events."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from seccam import topology
from tests.e2e import ledger
from tests.e2e.release import Release
from tests.waiting import eventually

COMPONENTS = ("camera", "monitor", "security", "notifier", "rabbitmq")
CHANGES: dict[str, Any] = {
    "cameras": [{"name": "demo", "source": "demo", "view": {"fps": 4}, "security": {"fps": 3}}],
    "monitor": {"awaySeconds": 20},
    "visit": {"gapSeconds": 7},
    "broker": {"diskFreeLimit": "900MB"},
}


@pytest.fixture
def log_in_before(release: Release) -> httpx.Cookies:
    """Cookies of a login before the upgrade."""
    name, password = release.login()
    with release.namespace.forward(f"service/{release.prefix}-monitor", 80) as port:
        origin = f"http://127.0.0.1:{port}"
        answer = httpx.post(f"{origin}/login", data={"name": name, "password": password}, headers={"Origin": origin}, timeout=20)
    assert answer.cookies, answer.text
    return answer.cookies


def uids(release: Release) -> dict[str, str]:
    return {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["uid"]
        for pod in release.namespace.pods(release.selector())
    }


def secrets(release: Release) -> dict[str, str]:
    login = {"login": release.login()[1]}
    return login | {user: release.broker_password(user) for user in topology.permissions()}


def test_an_upgrade_that_changes_every_component_keeps_passwords_logins_and_events(
    release: Release, log_in_before: httpx.Cookies
) -> None:
    pods, passwords, events = uids(release), secrets(release), ledger.settle(release)

    release.install(**CHANGES)

    for component in COMPONENTS:
        release.ready(component)
    now = uids(release)
    assert now.keys() == pods.keys()
    assert not [component for component in COMPONENTS if now[component] == pods[component]]
    assert secrets(release) == passwords
    ledger.published(release, *events)
    with release.namespace.forward(f"service/{release.prefix}-monitor", 80) as port:
        seen = httpx.get(f"http://127.0.0.1:{port}/cameras", cookies=log_in_before, timeout=20)
    assert seen.status_code == 200
    # The monitor reads past events from the stream.
    eventually(lambda: {row["id"] for row in release.page("/events")} & events, within=30, every=1, what="events of before")
    eventually(lambda: ledger.settle(release) - events, within=90, every=2, what="further events, all decided")
