"""A release of the chart, and what can be learned of it from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.cluster import CHART, Namespace, patiently_ready
from tests.waiting import eventually

VALUES = Path(__file__).with_name("values.yaml")
OPS = 9090
Values = Mapping[str, Any]


class Release:
    """What `helm install NAME charts/seccam` makes."""

    def __init__(self, namespace: Namespace, name: str = "seccam", **values: Any) -> None:
        self.namespace, self.name = namespace, name
        #: What it is installed with, beside values.yaml.
        self.values: Values = values

    @property
    def prefix(self) -> str:
        """What the names of its objects begin with."""
        return self.name if "seccam" in self.name else f"{self.name}-seccam"

    def add(self, **more: Any) -> None:
        """Further values for the next install."""
        self.values = merged(self.values, more)

    def install(self, *, wait: bool = True, **more: Any) -> None:
        """Install it, or upgrade it with further values; returns when all is ready, if it is to wait."""
        self.add(**more)
        self.namespace.helm(
            *("upgrade", "--install", self.name, str(CHART), "--values", str(VALUES), "--values", "-", "--timeout", "6m"),
            *(["--wait"] if wait else []),
            stdin=json.dumps(self.values),  # JSON is YAML too
        )

    def uninstall(self) -> None:
        """Remove it; returns when its pods are gone."""
        self.namespace.helm("uninstall", self.name, "--wait", "--timeout", "3m")

    def selector(self, component: str = "") -> str:
        """Labels of its objects, or of a component's."""
        labels = f"app.kubernetes.io/instance={self.name}"
        return f"{labels},app.kubernetes.io/component={component}" if component else labels

    def pods(self, component: str = "") -> list[str]:
        """Names of its pods."""
        return [pod["metadata"]["name"] for pod in self.namespace.pods(self.selector(component))]

    def ready(self, component: str, count: int = 1, *, within: float = 120) -> list[str]:
        """Names of a component's pods, once so many are ready."""
        found = patiently_ready(self.namespace, self.selector(component), count, within=within)
        return [pod["metadata"]["name"] for pod in found]

    def gone(self, component: str, *, within: float = 60) -> None:
        """Returns when a component has no pods, not even ones that are ending."""
        selector = self.selector(component)
        eventually(lambda: not self.namespace.names("pods", selector), within=within, every=0.5, what=f"no {component}")

    def scale(self, component: str, replicas: int) -> None:
        """As a person would: kubectl scale."""
        self.namespace.kubectl("scale", f"deployment/{self.prefix}-{component}", f"--replicas={replicas}")

    def broker_password(self, user: str) -> str:
        """Of a user of the broker."""
        return self.namespace.secret(f"{self.prefix}-broker", user)

    def login(self) -> tuple[str, str]:
        """User and password of the page."""
        return "admin", self.namespace.secret(f"{self.prefix}-login", "password")

    def page(self, path: str) -> Any:
        """What the monitor's API says."""
        with self.namespace.forward(f"service/{self.prefix}-monitor", 80) as port:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", auth=self.login(), timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metrics(self, pod: str) -> dict[str, float]:
        """A pod's samples now, by name and labels as in the text: `seccam_ready`, `seccam_x_total{a="b"}`."""
        text = self.namespace.fetch(f"pod/{pod}", OPS, "/metrics").text
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, component: str, name: str) -> float:
        """A metric, added up over a component's pods and all labels."""
        return sum(
            value for pod in self.pods(component) for sample, value in self.metrics(pod).items() if sample.partition("{")[0] == name
        )


def merged(old: Values, new: Values) -> Values:
    """As Helm lays one values file over another: maps are merged, all else is replaced."""
    return {
        **old,
        **{
            key: merged(old[key], value) if isinstance(value, Mapping) and isinstance(old.get(key), Mapping) else value
            for key, value in new.items()
        },
    }


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else ""
