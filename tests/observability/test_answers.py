"""A real Prometheus scrapes the running system: every panel and every rule has data."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from seccam_local.node import installed
from tests.integration.local import Run
from tests.observability import panels, rules
from tests.observability.scrape import Prometheus, jobs, local
from tests.servers.ifttt import Ifttt
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)
NAMESPACE, RELEASE = "cams", "home"
#: Alerts that a busy test machine may really cause. They have unit tests.
SLOWNESS = {"SeccamViewStale", "SeccamSecurityBlind", "SeccamWorkersSaturated", "SeccamNotificationSlow"}


@pytest.fixture(scope="module")
def prometheus(prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes a running system, which has sent a notification."""
    if not installed():
        if os.environ.get("CI"):
            pytest.fail("RabbitMQ is not installed")
        pytest.skip("RabbitMQ is not installed: run `make setup`")
    folder = tmp_path_factory.mktemp("run")
    with Ifttt() as ifttt:
        run = Run(folder, IFTTT_KEY="sesame", IFTTT_URL=ifttt.url)
        try:
            run.ready()
            places = {
                name.lower(): local(int(run.environ[f"SECCAM_{name}_OPS_PORT"]))
                for name in ("CAMERA", "MONITOR", "SECURITY", "NOTIFIER")
            }
            places["rabbitmq"] = local(int(run.environ["SECCAM_LOCAL_PROMETHEUS_PORT"]))
            files = {name: rules.filled(name, NAMESPACE, RELEASE) for name in rules.OWN_BROKER}
            files["expected"] = rules.expected(["demo"], NAMESPACE, RELEASE)
            server = Prometheus(folder / "prometheus", jobs(NAMESPACE, RELEASE, places), files)
            try:
                eventually(lambda: {one["health"] for one in server.targets()} == {"up"}, within=30, every=0.2, what="all scraped")
                eventually(lambda: ifttt.calls, within=90, what="a notification")
                yield server
            finally:
                server.stop()
        finally:
            run.clear_away()


def test_every_panel_and_rule_has_data(prometheus: Prometheus) -> None:
    queries = panels.of_dashboards(NAMESPACE, RELEASE) + panels.of_rules(NAMESPACE, RELEASE)
    assert len(queries) > 80
    panels.await_results(prometheus.address, queries, within=90)


def test_a_healthy_system_has_no_alerts(prometheus: Prometheus) -> None:
    found: set[str] = set()

    def quiet() -> bool:
        found.clear()
        found.update(one["metric"]["alertname"] for one in panels.run(prometheus.address, "ALERTS"))
        return found <= SLOWNESS

    try:
        # Some are pending at first, as the system starts within their time window.
        eventually(quiet, within=60, every=1)
    except AssertionError:
        raise AssertionError(f"alerts, firing or pending: {found - SLOWNESS}") from None


def test_no_metric_has_a_label_of_its_target(prometheus: Prometheus) -> None:
    labels = httpx.get(f"{prometheus.address}/api/v1/labels", timeout=10).json()["data"]
    assert not [label for label in labels if label.startswith("exported_")]
