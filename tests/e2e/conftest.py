"""Fixtures: the cluster, the release that most tests share, and a report of failures."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from seccam.version import __version__
from tests.browser.conftest import browser, open_page  # noqa: F401  # fixtures
from tests.e2e import phones
from tests.e2e.cluster import Namespace, run
from tests.e2e.release import Release

#: The image of the tests (tests/e2e/Dockerfile), and another image of RabbitMQ than the chart's, as repository:tag.
TESTS_IMAGE = os.environ.get("E2E_TESTS_IMAGE", f"ghcr.io/seccam/tests:{__version__}")
BROKER_IMAGE = os.environ.get("E2E_BROKER_IMAGE", "")


@pytest.fixture(scope="session")
def cluster() -> None:
    """A responding cluster. Skips without KUBECONFIG, or fails in CI."""
    if not os.environ.get("KUBECONFIG"):
        if os.environ.get("CI"):
            pytest.fail("KUBECONFIG is not set")
        pytest.skip("KUBECONFIG is not set")
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is not installed")
    run(["kubectl", "get", "--raw", "/readyz"])


MakeNamespace = Callable[..., Namespace]

#: The namespaces that exist now.
_NAMESPACES: list[Namespace] = []


def _made(purpose: str, level: str = "restricted") -> Namespace:
    namespace = Namespace.make(f"seccam-{purpose}-{int(time.time()) % 100_000}", level=level)
    _NAMESPACES.append(namespace)
    phones.start(namespace, TESTS_IMAGE)
    return namespace


def _delete(since: int) -> None:
    """Delete all namespaces but the first `since`."""
    while len(_NAMESPACES) > since:
        _NAMESPACES.pop().delete()


@pytest.fixture
def make_namespace(cluster: None) -> Iterator[MakeNamespace]:
    """Creates a namespace with a stand-in for IFTTT: (purpose, level of Pod Security). Deleted at the end of the test."""
    before = len(_NAMESPACES)
    yield _made
    _delete(before)


def a_release(namespace: Namespace, name: str = "seccam", **values: Any) -> Release:
    """Return a release that is not installed yet."""
    release = Release(namespace, name, **values)
    if BROKER_IMAGE:
        repository, _, tag = BROKER_IMAGE.rpartition(":")
        release.add(broker={"image": {"repository": repository, "tag": tag}})
    return release


# Separate from `release`, so that the namespace of a failed installation still exists when it is reported.
@pytest.fixture(scope="package")
def _shared_namespace(cluster: None) -> Iterator[Callable[[], Namespace]]:
    before = len(_NAMESPACES)
    yield lambda: _made("e2e")
    _delete(before)


@pytest.fixture(scope="package")
def release(_shared_namespace: Callable[[], Namespace]) -> Release:
    """The release that most tests share, in a namespace that enforces Pod Security restricted."""
    shared = a_release(_shared_namespace())
    shared.install()
    return shared


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add a description of the tests' namespaces to the report of a failure."""
    report = yield
    if report.failed:
        for namespace in _NAMESPACES:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):  # the cluster may be down
                report.sections.append((f"namespace {namespace.name}", namespace.describe()))
    return report
