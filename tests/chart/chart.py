"""The chart, rendered by helm as a person would do it."""

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
#: The values that the chart is tested with, each for one way to use it.
CASES = sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*-values.yaml"))
#: What clusters may have beside Kubernetes' own kinds.
EXTENSIONS = (
    "cert-manager.io/v1/Certificate",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "keda.sh/v1alpha1/ScaledObject",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "nuclio.io/v1beta1/NuclioFunction",
)
#: A version that the chart takes: helm built from source believes in an old one.
KUBERNETES = "1.34.0"

Object = Mapping[str, Any]


def helm(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Helm's answer, whatever it is."""
    return subprocess.run(["helm", *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


def values_of(case: str) -> Path:
    """The file of a case's values."""
    return CHART / "ci" / f"{case}-values.yaml"


@dataclass(frozen=True)
class Rendered:
    """What the chart makes of some values."""

    objects: tuple[Object, ...]

    def every(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of this kind and name."""
        found = [one for one in self.every(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects are {kind} {name}"
        return found[0]

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Each pod that will run, hooks too, as (name of what makes it, its metadata and spec)."""
        for one in self.objects:
            if one["kind"] == "Pod":
                yield one["metadata"]["name"], one
            elif one["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield one["metadata"]["name"], one["spec"]["template"]

    def pod(self, name: str) -> Any:
        """The spec of the pod that this object makes."""
        return dict(self.pods())[name]["spec"]

    def container(self, name: str) -> Any:
        """The first container of that pod."""
        return self.pod(name)["containers"][0]

    def environment(self, name: str) -> dict[str, str]:
        """The variables of that container that are told in plain."""
        return {one["name"]: one["value"] for one in self.container(name)["env"] if "value" in one}

    def secrets(self) -> Iterator[tuple[str, str, str]]:
        """Each secret text, with the Secret's name and its key."""
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
    """What the chart makes of a case's values and of more of them; AssertionError if it refuses. Rendered anew each time."""
    answer = _template(case, values, release, extensions, options)
    assert answer.returncode == 0, answer.stderr
    documents = [one for one in yaml.safe_load_all(answer.stdout) if one]
    return Rendered(tuple(one for some in documents for one in (some["items"] if some["kind"] == "List" else [some])))


@functools.cache
def rendered_case(case: str = "default") -> Rendered:
    """The same of a case as it is; rendered once."""
    return render(case)


def refusal(case: str = "default", *, values: Mapping[str, Any] | None = None, extensions: Sequence[str] = EXTENSIONS) -> str:
    """Why the chart refuses these values; AssertionError if it takes them."""
    answer = _template(case, values, "seccam", extensions, ())
    assert answer.returncode != 0, "the values were taken"
    return answer.stderr


def _template(
    case: str, values: Mapping[str, Any] | None, release: str, extensions: Sequence[str], options: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    given = [f"--values={values_of(case)}", "--values=-"]
    known = [f"--api-versions={one}" for one in extensions]
    version = f"--kube-version={KUBERNETES}"
    return helm("template", release, str(CHART), *given, *known, version, *options, stdin=yaml.safe_dump(dict(values or {})))
