"""A release of the chart, as seen from outside the cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.cluster import CHART, Namespace, wait_ready
from tests.waiting import eventually

VALUES = Path(__file__).with_name("values.yaml")
OPS = 9090
Values = Mapping[str, Any]


class Release:
    """A release of the chart in a namespace."""

    def __init__(self, namespace: Namespace, name: str = "seccam", **values: Any) -> None:
        self.namespace, self.name = namespace, name
        #: Values in addition to values.yaml.
        self.values: Values = values

    @property
    def prefix(self) -> str:
        """Prefix of the names of its objects."""
        return self.name if "seccam" in self.name else f"{self.name}-seccam"

    def add(self, **more: Any) -> None:
        """Add values for the next installation."""
        self.values = merged(self.values, more)

    def install(self, *, wait: bool = True, **more: Any) -> None:
        """Install it, or upgrade it with further values. By default, wait until everything is ready."""
        self.add(**more)
        self.namespace.helm(
            *("upgrade", "--install", self.name, str(CHART), "--values", str(VALUES), "--values", "-", "--timeout", "6m"),
            *(["--wait"] if wait else []),
            stdin=json.dumps(self.values),  # JSON is YAML too
        )

    def uninstall(self) -> None:
        """Uninstall it, and wait until its pods are gone."""
        self.namespace.helm("uninstall", self.name, "--wait", "--timeout", "3m")

    def selector(self, component: str = "") -> str:
        """Return the label selector of its objects, or of a component's."""
        labels = f"app.kubernetes.io/instance={self.name}"
        return f"{labels},app.kubernetes.io/component={component}" if component else labels

    def pods(self, component: str = "") -> list[str]:
        """Return the names of its pods, or of a component's."""
        return [pod["metadata"]["name"] for pod in self.namespace.pods(self.selector(component))]

    def ready(self, component: str, count: int = 1, *, within: float = 120) -> list[str]:
        """Wait until a component has `count` ready pods, and return their names."""
        found = wait_ready(self.namespace, self.selector(component), count, within=within)
        return [pod["metadata"]["name"] for pod in found]

    def gone(self, component: str, *, within: float = 60) -> None:
        """Wait until a component has no pods, not even terminating ones."""
        selector = self.selector(component)
        eventually(lambda: not self.namespace.names("pods", selector), within=within, every=0.5, what=f"no {component}")

    def scale(self, component: str, replicas: int) -> None:
        """Scale a component with kubectl."""
        self.namespace.kubectl("scale", f"deployment/{self.prefix}-{component}", f"--replicas={replicas}")

    def broker_password(self, user: str) -> str:
        """Return the password of a user of the broker."""
        return self.namespace.secret(f"{self.prefix}-broker", user)

    def authority(self) -> str:
        """Return the authority's certificate, PEM, that the broker's is verified with."""
        return self.namespace.secret(f"{self.prefix}-rabbitmq-tls", "ca.crt")

    def login(self) -> tuple[str, str]:
        """Return user and password of the page."""
        return "admin", self.namespace.secret(f"{self.prefix}-login", "password")

    def page(self, path: str) -> Any:
        """Return the JSON response of the monitor's API."""
        with self.namespace.forward(f"service/{self.prefix}-monitor", 80) as port:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", auth=self.login(), timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metrics(self, pod: str) -> dict[str, float]:
        """Return a pod's metrics, by name and labels as in the text format: `seccam_ready`, `seccam_x_total{a="b"}`."""
        text = self.namespace.fetch(f"pod/{pod}", OPS, "/metrics").text
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, component: str, name: str) -> float:
        """Return the sum of a metric over a component's pods and all labels."""
        return sum(
            value for pod in self.pods(component) for sample, value in self.metrics(pod).items() if sample.partition("{")[0] == name
        )


def merged(old: Values, new: Values) -> Values:
    """Merge values as Helm does: maps are merged, everything else is replaced."""
    return {
        **old,
        **{
            key: merged(old[key], value) if isinstance(value, Mapping) and isinstance(old.get(key), Mapping) else value
            for key, value in new.items()
        },
    }


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else ""
