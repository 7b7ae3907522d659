"""Operates on a cluster (KUBECONFIG) with kubectl and helm."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import httpx

from tests.waiting import eventually

CHART = Path(__file__).parents[2] / "charts" / "seccam"
_MANIFESTS = Path(__file__).parent / "manifests"


def run(command: Sequence[str], *, stdin: str | None = None, timeout: float = 120, check: bool = True) -> str:
    """Run a command and return its standard output; AssertionError with its output if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def has_api(group: str) -> bool:
    """Return whether the cluster serves this API group, such as metrics.k8s.io."""
    return group in run(["kubectl", "api-versions"])


class Namespace:
    """A namespace and the objects in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def make(cls, name: str, *, level: str = "restricted") -> Namespace:
        """Create a namespace that enforces this level of Pod Security."""
        run(["kubectl", "create", "namespace", name])
        run(["kubectl", "label", "namespace", name, f"pod-security.kubernetes.io/enforce={level}"])
        made = cls(name)
        eventually(lambda: made.names("serviceaccounts"), within=60, every=0.2, what=f"the default ServiceAccount of {name}")
        return made

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 120, check: bool = True) -> str:
        """Run kubectl in this namespace."""
        return run(["kubectl", "--namespace", self.name, *arguments], stdin=stdin, timeout=timeout, check=check)

    def helm(self, *arguments: str, stdin: str | None = None, timeout: float = 600) -> str:
        """Run helm in this namespace."""
        return run(["helm", "--namespace", self.name, *arguments], stdin=stdin, timeout=timeout)

    def get(self, *what: str) -> Any:
        """Return the JSON output of kubectl get."""
        return json.loads(self.kubectl("get", *what, "--output", "json"))

    def apply(self, manifest: str, **names: str) -> None:
        """Apply a file of manifests/, with its $names replaced."""
        text = (_MANIFESTS / manifest).read_text()
        self.kubectl("apply", "--filename", "-", stdin=Template(text).substitute(names))

    def pods(self, selector: str = "") -> list[dict[str, Any]]:
        """Return the pods, except completed ones and those being deleted."""
        found = self.get("pods", "--selector", selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] != "Succeeded"]

    def names(self, kind: str, selector: str = "") -> set[str]:
        """Return the names of the objects of a kind."""
        return {item["metadata"]["name"] for item in self.get(kind, "--selector", selector)["items"]}

    def secret(self, name: str, key: str) -> str:
        """Return a value of a Secret."""
        return self.kubectl("get", "secret", name, "--output", f"go-template={{{{index .data {json.dumps(key)} | base64decode}}}}")

    def execute(self, pod: str, *command: str) -> str:
        """Run a command in the pod and return its output."""
        return self.kubectl("exec", pod, "--", *command)

    @contextmanager
    def forward(self, target: str, port: int) -> Iterator[int]:
        """Forward a port on loopback to the target's (pod/x, service/x). ConnectionError if the target is gone."""
        command = ["kubectl", "--namespace", self.name, "port-forward", "--address", "127.0.0.1", target, f":{port}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+) ->", line)
            if not found:
                raise ConnectionError(f"{target}: {line}{process.stderr.read()}")
            yield int(found[1])
        finally:
            process.kill()
            process.communicate()

    def fetch(self, target: str, port: int, path: str) -> httpx.Response:
        """Send a GET request through a forwarded port."""
        with self.forward(target, port) as local:
            return httpx.get(f"http://127.0.0.1:{local}{path}", timeout=20)

    def describe(self) -> str:
        """Describe pods and events, with the last lines of every container's log, for a failed test."""
        parts = [
            self.kubectl("get", "pods", "--output", "wide", check=False),
            self.kubectl("get", "events", "--sort-by", ".lastTimestamp", check=False)[-6000:],
        ]
        for pod in sorted(self.names("pods")):
            for extra in ([], ["--previous"]):
                said = self.kubectl("logs", pod, "--all-containers", "--tail", "30", *extra, check=False)
                if said:
                    parts.append(f"--- {pod} {' '.join(extra)}\n{said[-6000:]}")
        return "\n".join(parts)

    def delete(self) -> None:
        """Delete it, including its claims."""
        run(["kubectl", "delete", "namespace", self.name, "--timeout", "180s"], timeout=200)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether the pod is ready."""
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def wait_ready(namespace: Namespace, selector: str, count: int, *, within: float = 120) -> list[dict[str, Any]]:
    """Wait until there are `count` pods and all are ready, and return them."""

    def ready() -> list[dict[str, Any]]:
        pods = namespace.pods(selector)
        return pods if len(pods) == count and all(map(is_ready, pods)) else []

    return eventually(ready, within=within, every=1, what=f"{count} ready pods of {selector} in {namespace.name}")
