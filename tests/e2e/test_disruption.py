"""Pods are evicted, a node is drained, and parts are upgraded while people come and go: no event is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e import ledger, load
from tests.e2e.cluster import run
from tests.e2e.conftest import MakeNamespace, a_release
from tests.e2e.release import Release
from tests.waiting import eventually

COMPONENTS = ("camera", "monitor", "security", "notifier", "rabbitmq")
#: Values that change the pods of one component and of no other.
UPGRADES: dict[str, dict[str, Any]] = {
    "camera": {"camera": {"podAnnotations": {"upgrade": "1"}}},
    "monitor": {"monitor": {"awaySeconds": 25}},
    "security": {"security": {"podAnnotations": {"upgrade": "1"}}},
    "notifier": {"notifier": {"podAnnotations": {"upgrade": "1"}}},
    "rabbitmq": {"broker": {"diskFreeLimit": "850MB"}},
}
#: Visits that must have begun while and after a part was away.
VISITS = 5


@contextmanager
def nothing_lost(release: Release) -> Iterator[None]:
    """People come all the time, meanwhile and for some time after; then every event is accounted for."""
    before = ledger.settle(release)
    lost = release.total("security", "seccam_events_lost_total")
    with load.visits(release) as cameras:
        yield
        for component in COMPONENTS:
            release.ready(component, within=180)
        begun = len(cameras)
        eventually(lambda: len(cameras) >= begun + VISITS, within=120, every=1, what="visits after it")
        recent = cameras[begun : begun + VISITS]
        eventually(
            lambda: ledger.cameras(ledger.published(release)) & set(recent), within=90, every=2, what="events of visits after it"
        )
    ledger.settle(release, *before)
    assert release.total("security", "seccam_events_lost_total") <= lost


def uid(release: Release, component: str) -> str:
    """The pod of a component."""
    (pod,) = eventually(lambda: release.namespace.pods(release.selector(component)), within=60, every=0.5, what=component)
    return str(pod["metadata"]["uid"])


def evict(release: Release, pod: str) -> None:
    """Ask for the eviction of a pod, as draining a node does; a PodDisruptionBudget may refuse it."""
    name = release.namespace.name
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": name}}
    path = f"/api/v1/namespaces/{name}/pods/{pod}/eviction"
    run(["kubectl", "create", "--raw", path, "--filename", "-"], stdin=json.dumps(eviction))


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_evicted_pod_ends_in_its_grace_period_and_no_event_is_lost(release: Release, component: str) -> None:
    (pod,) = release.ready(component)
    before = uid(release, component)
    grace = release.namespace.get("pod", pod)["spec"]["terminationGracePeriodSeconds"]
    with nothing_lost(release):
        evict(release, pod)
        began = time.monotonic()

        def gone() -> bool:
            pods = release.namespace.get("pods", "--selector", release.selector(component))["items"]
            return before not in {one["metadata"]["uid"] for one in pods}

        eventually(gone, within=grace + 60, every=0.5, what=f"the end of {pod}")
        took = time.monotonic() - began

    assert took < grace, "it ended by itself, and was not killed"


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_upgrade_of_one_part_under_load_loses_no_event(release: Release, component: str) -> None:
    before = uid(release, component)
    with nothing_lost(release):
        release.install(**UPGRADES[component])

    assert uid(release, component) != before


def test_a_drained_node_loses_no_event(make_namespace: MakeNamespace) -> None:
    """Only the pods of this release are evicted; the node takes none until it is uncordoned."""
    namespace = make_namespace("drain")
    release = a_release(namespace, f"drain-{namespace.name.rpartition('-')[2]}")
    release.install()
    eventually(lambda: ledger.settle(release), within=120, every=2, what="events")
    (worker,) = release.namespace.pods(release.selector("security"))
    node = worker["spec"]["nodeName"]
    with nothing_lost(release):
        try:
            ours = ("--pod-selector", f"app.kubernetes.io/instance={release.name}", "--delete-emptydir-data")
            run(["kubectl", "drain", node, *ours, "--timeout", "120s"], timeout=150)
        finally:
            run(["kubectl", "uncordon", node])
