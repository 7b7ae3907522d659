"""Prometheus' programs, that the tests of rules and dashboards use."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Prometheus and promtool: skips where they are missing, fails there in CI."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        if os.environ.get("CI"):
            pytest.fail("prometheus is not installed")
        pytest.skip("prometheus is not installed: run `make setup`")
