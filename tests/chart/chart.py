"""Renders the chart with helm."""

from __future__ import annotations

import base64
import functools
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "seccam"
#: Names of the value files that the chart is tested with, one for each way to use it.
CASES = sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*-values.yaml"))
#: Kinds that a cluster may have besides Kubernetes' own.
EXTENSIONS = (
    "cert-manager.io/v1/Certificate",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "keda.sh/v1alpha1/ScaledObject",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "nuclio.io/v1beta1/NuclioFunction",
)
#: A supported version of Kubernetes. A helm built from source assumes an old one.
KUBERNETES = "1.34.0"

Object = Mapping[str, Any]


def helm(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm and return its result, even if it failed."""
    return subprocess.run(["helm", *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def values_of(case: str) -> Path:
    """Path of a case's values."""
    return CHART / "ci" / f"{case}-values.yaml"


@dataclass(frozen=True)
class Rendered:
    """The objects that the chart renders."""

    objects: tuple[Object, ...]

    def every(self, kind: str) -> list[Object]:
        """Return all objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """Return the object of this kind and name; AssertionError unless there is exactly one."""
        found = [one for one in self.every(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects are {kind} {name}"
        return found[0]

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Yield each pod, including hooks, as (name of the pod or its controller, its metadata and spec)."""
        for one in self.objects:
            if one["kind"] == "Pod":
                yield one["metadata"]["name"], one
            elif one["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield one["metadata"]["name"], one["spec"]["template"]

    def pod(self, name: str) -> Any:
        """Return the spec of this controller's pod."""
        return dict(self.pods())[name]["spec"]

    def container(self, name: str) -> Any:
        """Return the first container of that pod."""
        return self.pod(name)["containers"][0]

    def environment(self, name: str) -> dict[str, str]:
        """Return that container's environment variables with a literal value."""
        return {one["name"]: one["value"] for one in self.container(name)["env"] if "value" in one}

    def secrets(self) -> Iterator[tuple[str, str, str]]:
        """Yield (Secret's name, key, value) of each secret."""
        for one in self.every("Secret"):
            name = one["metadata"]["name"]
            yield from ((name, key, text) for key, text in one.get("stringData", {}).items())
            yield from ((name, key, base64.b64decode(text).decode()) for key, text in one.get("data", {}).items())


def render(
    case: str = "default",
    *,
    values: Mapping[str, Any] | None = None,
    release: str = "seccam",
    extensions: Sequence[str] = EXTENSIONS,
    options: Sequence[str] = (),
) -> Rendered:
    """Render the chart with a case's values and further ones; AssertionError if helm refuses them."""
    answer = _template(case, values, release, extensions, options)
    assert answer.returncode == 0, answer.stderr
    documents = [one for one in yaml.safe_load_all(answer.stdout) if one]
    return Rendered(tuple(one for some in documents for one in (some["items"] if some["kind"] == "List" else [some])))


@functools.cache
def rendered_case(case: str = "default") -> Rendered:
    """Render a case as it is, once per process."""
    return render(case)


def refusal(case: str = "default", *, values: Mapping[str, Any] | None = None, extensions: Sequence[str] = EXTENSIONS) -> str:
    """Return the message with which helm refuses these values; AssertionError if it accepts them."""
    answer = _template(case, values, "seccam", extensions, ())
    assert answer.returncode != 0, "helm accepted the values"
    return answer.stderr


def _template(
    case: str, values: Mapping[str, Any] | None, release: str, extensions: Sequence[str], options: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    given = [f"--values={values_of(case)}", "--values=-"]
    known = [f"--api-versions={one}" for one in extensions]
    version = f"--kube-version={KUBERNETES}"
    return helm("template", release, str(CHART), *given, *known, version, *options, stdin=yaml.safe_dump(dict(values or {})))
