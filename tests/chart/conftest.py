"""Fixtures for helm and for namespaces on a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def helm_program() -> None:
    """Skip the tests if helm is missing, or fail in CI with a cluster."""
    if shutil.which("helm") is None:
        if os.environ.get("CI") and os.environ.get("KUBECONFIG"):
            pytest.fail("helm is not installed")
        pytest.skip("helm is not installed")


@pytest.fixture(scope="session")
def namespace() -> Iterator[str]:
    """A namespace that enforces Pod Security "restricted". Skips without KUBECONFIG."""
    yield from _namespace("restricted")


@pytest.fixture(scope="session")
def baseline_namespace() -> Iterator[str]:
    """A namespace that enforces Pod Security "baseline". Skips without KUBECONFIG."""
    yield from _namespace("baseline")


def _namespace(level: str) -> Iterator[str]:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set")
    name = f"chart-{uuid.uuid4().hex[:8]}"
    _kubectl("create", "namespace", name)
    try:
        _kubectl("label", "namespace", name, f"pod-security.kubernetes.io/enforce={level}")
        yield name
    finally:
        _kubectl("delete", "namespace", name, "--wait=false")


def _kubectl(*arguments: str) -> None:
    subprocess.run(["kubectl", *arguments], capture_output=True, timeout=60, check=True)
