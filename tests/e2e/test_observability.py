"""Every panel and rule has data when a release is scraped as its monitors define."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.cluster import CHART
from tests.e2e.release import Release
from tests.observability import operator, panels
from tests.observability.conftest import prometheus_programs  # noqa: F401  # a fixture
from tests.observability.scrape import Prometheus
from tests.waiting import eventually

KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")


@pytest.fixture
def proxy() -> Iterator[str]:
    """Address of a `kubectl proxy` to the API server."""
    process = subprocess.Popen(["kubectl", "proxy", "--address", "127.0.0.1", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.kill()
        process.communicate()


def rendered(release: Release) -> list[dict[str, Any]]:
    """Return the chart's objects for the Prometheus operator, whether or not the cluster has one."""
    versions = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in KINDS]
    values = ",".join(f"observability.{kind[0].lower()}{kind[1:]}.enabled=true" for kind in KINDS)
    # the lowest supported version, as this helm may not know the cluster's
    text = release.namespace.helm("template", release.name, str(CHART), "--kube-version", "1.29.0", *versions, "--set", values)
    return [one for one in yaml.safe_load_all(text) if one]


@pytest.fixture
def prometheus(release: Release, proxy: str, tmp_path: Path, prometheus_programs: None) -> Iterator[Prometheus]:  # noqa: F811  # the fixture above
    def get(kind: str) -> Iterable[dict[str, Any]]:
        found: list[dict[str, Any]] = release.namespace.get(kind)["items"]
        return found

    objects = rendered(release)
    operator.discover(get, tmp_path)
    server = Prometheus(tmp_path / "prometheus", operator.jobs(objects, tmp_path, proxy), operator.rules(objects), interval="2s")
    yield server
    server.stop()


def test_every_panel_and_rule_has_data(release: Release, prometheus: Prometheus) -> None:
    def components() -> dict[str, str]:
        return {one["labels"]["component"]: one["health"] for one in prometheus.targets()}

    up = dict.fromkeys(("camera", "monitor", "security", "notifier", "rabbitmq"), "up")
    eventually(lambda: components() == up, within=60, every=1, what="every component scraped")
    queries = panels.of_dashboards(release.namespace.name, release.name) + panels.of_rules(release.namespace.name, release.name)
    panels.await_results(prometheus.address, queries, within=180)
