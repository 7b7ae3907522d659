"""A Prometheus server for tests, on 127.0.0.1, and its scrape configuration for `make run`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.brokers import free_port
from tests.waiting import eventually

#: The families of the chart's ServiceMonitor.
FAMILIES = ("queue_coarse_metrics", "queue_consumer_count", "queue_exchange_metrics", "queue_delivery_metrics")


def jobs(namespace: str, release: str, components: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return scrape_configs without an operator. `components` maps a component to its `static_configs` or `dns_sd_configs`.

    The targets get the same labels as from the chart's monitors.
    """
    own = {"namespace": namespace, "release": release}
    found: list[dict[str, Any]] = [
        {
            "job_name": component,
            **where,
            "relabel_configs": [
                {"target_label": name, "replacement": value} for name, value in (own | {"component": component}).items()
            ],
        }
        for component, where in components.items()
    ]
    detailed = next(job for job in found if job["job_name"] == "rabbitmq") | {
        "job_name": "detailed",
        "metrics_path": "/metrics/detailed",
        "params": {"vhost": ["/"], "family": list(FAMILIES)},
        "metric_relabel_configs": [{"source_labels": ["queue"], "regex": r"seccam\..*", "action": "keep"}],
    }
    return [*found, detailed]


def local(port: int) -> dict[str, Any]:
    """Return the static_configs of a port on this machine."""
    return {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}


class Prometheus:
    """A server with these scrape_configs and rules (file name -> text), evaluated every `interval`. `address` is host and port."""

    def __init__(self, folder: Path, scraped: Sequence[Mapping[str, Any]], rules: Mapping[str, str], interval: str = "1s") -> None:
        folder.mkdir()
        for name, text in rules.items():
            (folder / f"{name}.yaml").write_text(text.replace("interval: 15s", f"interval: {interval}"))
        configuration = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": ["*.yaml"],
            "scrape_configs": list(scraped),
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--enable-feature=exemplar-storage",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(self._is_ready, within=30, every=0.1, what="prometheus ready")

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"{self.address}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def targets(self) -> list[dict[str, Any]]:
        """Return the active targets from its API: labels, health, lastError."""
        answer = httpx.get(f"{self.address}/api/v1/targets", timeout=5).json()
        found: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return found

    def stop(self) -> None:
        """Stop it, and wait until it has exited."""
        self._process.terminate()
        self._process.wait(30)
