"""What the chart creates for Prometheus, Grafana and KEDA."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.chart import CHART, Rendered, refusal, render
from tests.observability import rules
from tests.observability.conftest import prometheus_programs  # noqa: F401  # a fixture

KEDA = {"enabled": True, "prometheus": "http://prometheus:9090"}


@pytest.fixture(scope="module")
def observed() -> Rendered:
    return render(
        "observed", values={"cameras": [{"name": "front", "source": "demo"}, {"name": "back", "source": "demo"}]}, release="home"
    )


def the_only(rendered: Rendered, kind: str) -> Any:
    (found,) = rendered.every(kind)
    return found


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a monitor's selector selects these labels."""
    named = all(labels.get(name) == value for name, value in selector["matchLabels"].items())
    return named and all(labels.get(one["key"]) in one["values"] for one in selector["matchExpressions"])


def components(rendered: Rendered, kind: str) -> list[str]:
    """Return the components that this kind of monitor scrapes: those that it selects and that have its port."""
    found = []
    for monitor in rendered.every(kind):
        selector = monitor["spec"]["selector"]
        if kind == "PodMonitor":
            (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
            candidates = [(pod["metadata"]["labels"], pod["spec"]["containers"][0].get("ports", [])) for _, pod in rendered.pods()]
        else:
            endpoint = monitor["spec"]["endpoints"][0]
            candidates = [(one["metadata"]["labels"], one["spec"]["ports"]) for one in rendered.every("Service")]
        for labels, ports in candidates:
            if matches(selector, labels) and endpoint["port"] in {port["name"] for port in ports}:
                found.append(labels["app.kubernetes.io/component"])
    return sorted(found)


def test_every_component_is_scraped_once(observed: Rendered) -> None:
    assert components(observed, "PodMonitor") == ["camera", "camera", "notifier", "security"]
    assert components(observed, "ServiceMonitor") == ["monitor", "rabbitmq"]
    assert components(render("observed", values={"notifier": {"mode": "nuclio"}}), "ServiceMonitor") == [
        "monitor",
        "notifier",
        "rabbitmq",
    ]


def test_every_target_gets_the_labels_that_rules_and_dashboards_select_by(observed: Rendered) -> None:
    for monitor in [*observed.every("ServiceMonitor"), *observed.every("PodMonitor")]:
        for endpoint in monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]:
            assert {"release", "component"} <= {one["targetLabel"] for one in endpoint["relabelings"]}
        assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_the_broker_is_scraped_by_queue_without_the_queues_of_viewers(observed: Rendered) -> None:
    summary, detailed = observed.one("ServiceMonitor", "home-seccam-rabbitmq")["spec"]["endpoints"]
    assert "path" not in summary
    assert detailed["path"] == "/metrics/detailed"
    assert detailed["metricRelabelings"] == [{"sourceLabels": ["queue"], "regex": r"seccam\..*", "action": "keep"}]


def test_the_rules_are_those_of_the_files_and_one_for_each_camera(
    observed: Rendered,
    tmp_path: Path,
    prometheus_programs: None,  # noqa: F811  # the fixture above
) -> None:
    rule = the_only(observed, "PrometheusRule")
    url = yaml.safe_load((CHART / "values.yaml").read_text())["observability"]["prometheusRule"]["runbookUrl"]
    wanted = yaml.safe_load(rules.expected(["front", "back"], "default", "home"))["groups"]
    for name in rules.OWN_BROKER:
        wanted += yaml.safe_load(rules.filled(name, "default", "home").replace("docs/howto/alerts.md", url))["groups"]
    assert rule["spec"]["groups"] == wanted
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_external_broker_is_not_scraped() -> None:
    rendered = render(
        "external-broker", values={"observability": {name: {"enabled": True} for name in ("prometheusRule", "serviceMonitor")}}
    )
    assert components(rendered, "ServiceMonitor") == ["monitor"]
    alerts = {
        rule["alert"]: rule
        for group in the_only(rendered, "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert "rabbitmq" not in alerts["SeccamBrokerDown"]["expr"] + alerts["SeccamEventsParked"]["expr"]
    assert "SeccamEventsStuck" not in alerts


def test_dashboards_are_the_committed_files_with_the_labels_of_the_sidecar(observed: Rendered) -> None:
    found = [one for one in observed.every("ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    assert len(found) == 2
    for one in found:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["namespace"] == "monitoring"
        assert one["metadata"]["annotations"] == {"grafana_folder": "seccam"}
        ((name, text),) = one["data"].items()
        assert text == (CHART / "files/dashboards" / f"{name.removesuffix('.json').removeprefix('seccam-')}.json").read_text()


def test_the_hpas_target_is_an_absolute_cpu_usage() -> None:
    spec = the_only(render("autoscaling-hpa"), "HorizontalPodAutoscaler")["spec"]
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "700m"}}}
    ]
    assert spec["scaleTargetRef"]["name"] == "seccam-security"


def test_keda_runs_the_queries_of_the_recording_rules(tmp_path: Path, prometheus_programs: None) -> None:  # noqa: F811  # the fixture above
    rendered = render(values={"security": {"keda": KEDA | {"scaleToZero": True}}})
    spec = the_only(rendered, "ScaledObject")["spec"]
    queries = {one["name"]: one["metadata"]["query"] for one in spec["triggers"] if one["type"] == "prometheus"}
    recorded = {
        rule["record"]: rule["expr"].strip()
        for group in yaml.safe_load(rules.filled("scaling", "default", "seccam"))["groups"]
        for rule in group["rules"]
    }
    assert queries["work"] == recorded["release:seccam_security_work:workers"]
    assert queries["busy"] == recorded["release:seccam_security_busy:workers"]
    assert queries["slots"] == recorded["release:seccam_security_slots:count"]
    assert recorded["release:seccam_security_age_seconds:p90_1m"] in queries["age"]
    groups = [{"name": "keda", "rules": [{"record": f"keda:{name}", "expr": query} for name, query in queries.items()]}]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_triggers_that_wake_workers_exist_only_with_scale_to_zero() -> None:
    def triggers(**values: Any) -> tuple[int, list[str]]:
        spec = the_only(render(values=values), "ScaledObject")["spec"]
        return spec["minReplicaCount"], [one["name"] for one in spec["triggers"]]

    zero = {"security": {"keda": KEDA | {"scaleToZero": True}}}
    assert triggers(security={"keda": KEDA}) == (1, ["work", "busy", "age"])
    assert triggers(**zero) == (0, ["work", "busy", "age", "slots", "wake"])


@pytest.mark.parametrize(
    ("broker", "scheme", "authority"),
    [
        ({}, "amqps", "seccam-rabbitmq-tls"),
        ({"tls": {"existingSecret": "broker-tls"}}, "amqps", "broker-tls"),
        ({"tls": {"enabled": False}}, "amqp", None),
    ],
    ids=["own certificate", "existing certificate", "no TLS"],
)
def test_keda_verifies_the_broker(broker: dict[str, Any], scheme: str, authority: str | None) -> None:
    rendered = render(values={"security": {"keda": KEDA | {"scaleToZero": True}}, "broker": broker})
    (wake,) = [one for one in the_only(rendered, "ScaledObject")["spec"]["triggers"] if one["name"] == "wake"]
    assert wake["metadata"]["host"].startswith(f"{scheme}://seccam-rabbitmq.default.svc:")
    if authority is None:
        assert "authenticationRef" not in wake
        return
    given = rendered.one("TriggerAuthentication", wake["authenticationRef"]["name"])["spec"]
    assert given["secretTargetRef"] == [{"parameter": "ca", "name": authority, "key": "ca.crt"}]
    (tls,) = given["configMapTargetRef"]
    assert (tls["parameter"], rendered.one("ConfigMap", tls["name"])["data"][tls["key"]]) == ("tls", "enable")


def test_without_cameras_no_trigger_queries_metrics_of_cameras() -> None:
    spec = the_only(render(values={"cameras": [], "security": {"keda": KEDA}}), "ScaledObject")["spec"]
    assert [one["name"] for one in spec["triggers"]] == ["busy", "age"]
    assert not [one for one in spec["triggers"] if "ignoreNullValues" in one["metadata"]]


@pytest.mark.parametrize(("modes", "written"), [("bearer", "bearer"), ("tls,basic", "tls,basic"), ("none", None)])
def test_keda_logs_in_to_prometheus_for_every_query(modes: str, written: str | None) -> None:
    login = {"authenticationRef": "prometheus", "authModes": modes}
    spec = the_only(render(values={"security": {"keda": KEDA | login | {"scaleToZero": True}}}), "ScaledObject")["spec"]
    triggers = {one["name"]: one for one in spec["triggers"]}
    assert triggers.pop("wake")["authenticationRef"] == {"name": "seccam-security"}  # for the broker
    assert triggers.keys() == {"work", "busy", "age", "slots"}
    for one in triggers.values():
        assert one["authenticationRef"] == {"name": "prometheus"}
        assert one["metadata"].get("authModes") == written


def test_no_broker_password_is_in_the_scaled_object() -> None:
    trigger = the_only(render(values={"security": {"keda": KEDA | {"scaleToZero": True}}}), "ScaledObject")["spec"]["triggers"][-1][
        "metadata"
    ]
    assert "@" not in trigger["host"]
    assert trigger["passwordFromEnv"] == "SECCAM_BROKER_PASSWORD"


@pytest.mark.parametrize(
    ("case", "missing"),
    [("observed", "monitoring.coreos.com/v1/PodMonitor"), ("autoscaling-keda", "keda.sh/v1alpha1/ScaledObject")],
)
def test_a_cluster_without_the_kinds_is_refused_with_what_to_install(case: str, missing: str) -> None:
    extensions = [f"monitoring.coreos.com/v1/{kind}" for kind in ("ServiceMonitor", "PrometheusRule")]
    reason = refusal(case, extensions=extensions)
    assert f"this cluster has no {missing}" in reason
    assert "Install" in reason
