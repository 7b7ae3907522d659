"""Scaling the workers by hand, with an HPA and with KEDA."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import ledger, load
from tests.e2e.cluster import has_api, wait_ready
from tests.e2e.conftest import TESTS_IMAGE
from tests.e2e.ledger import ReportedEvents
from tests.e2e.release import Release
from tests.waiting import eventually

DONE = "seccam_security_frames_done_total"


def done(release: Release, pod: str) -> float:
    """Return how many frames this worker has processed."""
    return sum(value for name, value in release.metrics(pod).items() if name.startswith(DONE))


def test_four_workers_share_the_frames_and_scaling_loses_no_event(release: Release, tmp_path: Path) -> None:
    followed = [ReportedEvents(release, pod, tmp_path) for pod in release.ready("security")]
    with load.cameras(release, 8, 1.0) as cameras:
        release.scale("security", 4)
        workers = release.ready("security", 4)
        followed += [ReportedEvents(release, pod, tmp_path) for pod in set(workers) - {one.pod for one in followed}]
        before = {pod: done(release, pod) for pod in workers}

        def idle() -> list[str]:
            return [pod for pod in workers if done(release, pod) <= before[pod] + 3]

        eventually(lambda: not idle(), within=60, every=1, what="frames processed by each worker")
        assert release.total("security", "seccam_events_lost_total") == 0

        release.scale("security", 1)
        (left,) = release.ready("security", 1)
        still = done(release, left)
        eventually(lambda: done(release, left) > still + 3, within=60, every=1, what="frames processed by the remaining worker")
    assert release.total("security", "seccam_events_lost_total") == 0

    reported = set().union(*(one.stop() for one in followed))
    assert ledger.cameras(reported) >= set(cameras)
    ledger.settle(release, *reported)


@pytest.fixture
def by_hand(release: Release) -> Iterator[None]:
    """Returns the release to manual scaling afterwards."""
    yield
    release.install(security={"hpa": {"enabled": False}, "keda": {"enabled": False}})
    release.scale("security", 1)
    release.ready("security", 1)


def workers(release: Release) -> int:
    """Return the replicas of the workers' Deployment."""
    return int(release.namespace.get("deployment", f"{release.prefix}-security")["spec"]["replicas"])


def assert_follows_the_load(release: Release, scaling: dict[str, Any]) -> None:
    """Assert two workers under load and one after it. The demo alone keeps a worker busy for 10 % to 50 % of its time."""
    release.install(security=scaling)
    assert workers(release) == 1
    with load.cameras(release, 8, 3.0):
        eventually(lambda: workers(release) == 2, within=180, every=2, what="a second worker under load")
        release.ready("security", 2)
    eventually(lambda: workers(release) == 1, within=300, every=2, what="one worker after the load")


def needs_api(group: str, what: str) -> None:
    if has_api(group):
        return
    if os.environ.get("CI"):
        pytest.fail(f"the cluster has no {what}")
    pytest.skip(f"the cluster has no {what}")


@pytest.mark.usefixtures("by_hand")
def test_the_hpa_follows_the_load(release: Release) -> None:
    needs_api("metrics.k8s.io/", "metrics-server")
    scaling = {"hpa": {"enabled": True, "maxReplicas": 2, "averageCpu": "250m", "scaleDownSeconds": 15}}
    assert_follows_the_load(release, scaling)


@pytest.mark.usefixtures("by_hand")
def test_keda_follows_the_work_that_prometheus_measures(release: Release) -> None:
    needs_api("keda.sh/", "KEDA")
    namespace = release.namespace
    namespace.apply("prometheus.yaml", image=TESTS_IMAGE, namespace=namespace.name, release=release.name)
    wait_ready(namespace, "app=prometheus", 1)
    keda = {"maxReplicas": 2, "pollingSeconds": 5, "cooldownSeconds": 15, "scaleDownSeconds": 15}
    address = f"http://prometheus.{namespace.name}.svc:9090"
    assert_follows_the_load(release, {"keda": {"enabled": True, "prometheus": address, **keda}})
