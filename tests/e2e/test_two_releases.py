"""Two releases in one namespace, and what remains after uninstalling one."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

from tests.e2e import phones
from tests.e2e.cluster import Namespace, run
from tests.e2e.conftest import MakeNamespace, a_release
from tests.e2e.release import Release
from tests.waiting import eventually


def camera(name: str) -> dict[str, Any]:
    return {"name": name, "source": "demo", "view": {"fps": 1}}


def objects(namespace: Namespace) -> set[str]:
    """Return all objects except events of Kubernetes."""
    kinds = run(["kubectl", "api-resources", "--namespaced", "--verbs", "list", "--output", "name"]).split()
    kinds = [kind for kind in kinds if not kind.startswith("events") and not kind.endswith("metrics.k8s.io")]
    return set(namespace.kubectl("get", ",".join(kinds), "--output", "name", "--ignore-not-found").split())


def notified(namespace: Namespace, event: str) -> set[str]:
    """Return the cameras in the notifications with this event name."""
    return {call["value1"] for call in phones.calls(namespace) if call["event"] == event}


def test_two_releases_are_independent_and_uninstalling_one_leaves_only_its_claim(make_namespace: MakeNamespace) -> None:
    namespace = make_namespace("two")
    before = objects(namespace)
    one = a_release(namespace, "one", cameras=[camera("left")], notifier={"ifttt": {"event": "one"}})
    two = a_release(namespace, "two", cameras=[camera("right")], notifier={"ifttt": {"event": "two"}})
    one.install()
    two.install()

    for release, event, name in ((one, "one", "left"), (two, "two", "right")):
        eventually(partial(notified, namespace, event), within=120, every=2, what=f"a call of {event}")
        assert notified(namespace, event) == {name}
        assert [found["name"] for found in release.page("/cameras")] == [name]
    assert one.login()[1] != two.login()[1]
    assert one.broker_password("monitor") != two.broker_password("monitor")

    one.uninstall()
    assert_left(namespace, before, {claim(one)}, of=one)
    assert_goes_on(two)
    two.uninstall()
    assert_left(namespace, before, {claim(one), claim(two)})


def assert_left(namespace: Namespace, before: set[str], claims: set[str], of: Release | None = None) -> None:
    """Assert that only these claims are left. The cluster deletes dependent objects with a delay."""

    left: set[str] = set()

    def only_claims() -> bool:
        nonlocal left
        with contextlib.suppress(AssertionError):  # kubectl fails while an API is briefly unavailable
            found = objects(namespace) - before
            left = {one for one in found if of is None or of.prefix in one}
        return left == claims

    with contextlib.suppress(AssertionError):  # the assertion below has more details
        eventually(only_claims, within=60, every=1)
    assert left == claims


def claim(release: Release) -> str:
    return f"persistentvolumeclaim/data-{release.prefix}-rabbitmq-0"


def assert_goes_on(release: Release) -> None:
    (worker,) = release.pods("security")

    def done() -> float:
        return release.total("security", "seccam_security_frames_done_total")

    before = done()
    eventually(lambda: done() > before + 4, within=30, every=1, what=f"more frames processed by {worker}")
