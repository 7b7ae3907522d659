"""Programs of the system that some tests use."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def mosquitto() -> None:
    """Mosquitto's clients: skips where they are missing, fails there in CI."""
    if shutil.which("mosquitto_sub") is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto-clients is not installed")
        pytest.skip("mosquitto-clients is not installed: run `make setup`")
