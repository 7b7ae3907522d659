"""The programs of Prometheus, for the tests of rules and dashboards."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Require prometheus and promtool: skip the tests if they are missing, or fail in CI."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        if os.environ.get("CI"):
            pytest.fail("prometheus is not installed")
        pytest.skip("prometheus is not installed: run `make setup`")
