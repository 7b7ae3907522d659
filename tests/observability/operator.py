"""Converts the chart's ServiceMonitors, PodMonitors and PrometheusRules to Prometheus' configuration, as its operator does.

Debian's Prometheus is built without Kubernetes discovery. So this module looks up the targets and passes them in files, with the
same labels `__meta_kubernetes_…`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Object = Mapping[str, Any]
#: Kind -> objects in the namespace, as in the output of `kubectl get KIND --output json`.
Get = Callable[[str], Iterable[Object]]
_SNAKE = {"sourceLabels": "source_labels", "targetLabel": "target_label"}


def discover(get: Get, folder: Path) -> None:
    """Write the files with Prometheus' targets, which it reloads when they change."""
    pods = {pod["metadata"]["name"]: pod for pod in get("pods") if pod["status"].get("podIP")}
    services = {service["metadata"]["name"]: service for service in get("services")}
    for role, found in (("pod", _pods(pods)), ("endpoints", _endpoints(get("endpointslices"), services, pods))):
        groups = [{"targets": [address], "labels": labels} for address, labels in found]
        # atomically, or Prometheus could read a partial file
        new = folder / f"{role}.new"
        new.write_text(json.dumps(groups))
        new.replace(folder / f"{role}.json")


def _pods(pods: Mapping[str, Object]) -> Iterator[tuple[str, dict[str, str]]]:
    for pod in pods.values():
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", []):
                labels = {"__meta_kubernetes_pod_container_port_name": port.get("name", "")}
                labels["__meta_kubernetes_pod_container_name"] = container["name"]
                yield f"{pod['status']['podIP']}:{port['containerPort']}", _pod(pod) | labels


def _endpoints(
    slices: Iterable[Object], services: Mapping[str, Object], pods: Mapping[str, Object]
) -> Iterator[tuple[str, dict[str, str]]]:
    for one in slices:
        service = services.get(one["metadata"]["labels"].get("kubernetes.io/service-name", ""))
        for endpoint in (one["endpoints"] or []) if service else []:
            pod = pods.get(endpoint.get("targetRef", {}).get("name", ""))
            for port in one["ports"] or []:
                labels = _labels(service or {}, "service") | {"__meta_kubernetes_endpoint_port_name": port.get("name", "")}
                yield f"{endpoint['addresses'][0]}:{port['port']}", labels | (_pod(pod) if pod else {})


def _pod(pod: Object) -> dict[str, str]:
    own = {"pod_name": pod["metadata"]["name"], "pod_phase": pod["status"]["phase"], "namespace": pod["metadata"]["namespace"]}
    return _labels(pod, "pod") | {f"__meta_kubernetes_{name}": value for name, value in own.items()}


def _labels(one: Object, kind: str) -> dict[str, str]:
    return {_meta(kind, name): value for name, value in one["metadata"].get("labels", {}).items()}


def _meta(kind: str, label: str) -> str:
    return f"__meta_kubernetes_{kind}_label_{re.sub(r'[^a-zA-Z0-9_]', '_', label)}"


def jobs(objects: Iterable[Object], folder: Path, proxy: str) -> list[dict[str, Any]]:
    """Return Prometheus' scrape_configs for the files that `discover` wrote to the folder.

    `proxy` is the address (127.0.0.1:8001) of a `kubectl proxy`, through which a Prometheus outside the cluster reaches each pod.
    """
    return [
        _job(one, number, endpoint, folder, proxy)
        for one in objects
        if one["kind"] in ("ServiceMonitor", "PodMonitor")
        for number, endpoint in enumerate(one["spec"].get("endpoints") or one["spec"]["podMetricsEndpoints"])
    ]


def rules(objects: Iterable[Object]) -> dict[str, str]:
    """Return rule files: name -> text."""
    return {one["metadata"]["name"]: yaml.safe_dump(one["spec"]) for one in objects if one["kind"] == "PrometheusRule"}


def _job(monitor: Object, number: int, endpoint: Mapping[str, Any], folder: Path, proxy: str) -> dict[str, Any]:
    role, of, port = ("pod", "pod", "pod_container_port_name")
    if monitor["kind"] == "ServiceMonitor":
        role, of, port = ("endpoints", "service", "endpoint_port_name")
    path, meta = endpoint.get("path", "/metrics"), monitor["metadata"]
    return {
        "job_name": f"{monitor['kind']}/{meta['namespace']}/{meta['name']}/{number}",
        "params": endpoint.get("params", {}),
        "file_sd_configs": [{"files": [str(folder / f"{role}.json")]}],
        "relabel_configs": [
            *_selected(monitor["spec"]["selector"], of),
            {"source_labels": [f"__meta_kubernetes_{port}"], "regex": endpoint["port"], "action": "keep"},
            {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)", "action": "drop"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            {"source_labels": ["__meta_kubernetes_pod_container_name"], "target_label": "container"},
            {"target_label": "endpoint", "replacement": endpoint["port"]},
            *map(_snake, endpoint.get("relabelings", [])),
            {
                "source_labels": ["__meta_kubernetes_namespace", "__meta_kubernetes_pod_name", "__address__"],
                "regex": r"(.+);(.+);.*:(\d+)",
                "target_label": "__metrics_path__",
                "replacement": f"/api/v1/namespaces/$1/pods/$2:$3/proxy{path}",
            },
            {"target_label": "__address__", "replacement": proxy},
        ],
        "metric_relabel_configs": [_snake(one) for one in endpoint.get("metricRelabelings", [])],
    }


def _selected(selector: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    wanted = {name: [value] for name, value in selector["matchLabels"].items()}
    wanted |= {one["key"]: one["values"] for one in selector["matchExpressions"] if one["operator"] == "In"}
    return [
        {"source_labels": [_meta(kind, name)], "regex": "|".join(map(re.escape, values)), "action": "keep"}
        for name, values in wanted.items()
    ]


def _snake(relabeling: Mapping[str, Any]) -> dict[str, Any]:
    return {_SNAKE.get(name, name): value for name, value in relabeling.items()}
