"""Attacks on a running seccam. Everything is on loopback, and bounded in number and time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.marks import mark_all


@pytest.hookimpl(tryfirst=True)  # before items are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is an attack."""
    mark_all(items, Path(__file__).parent, pytest.mark.attack, pytest.mark.timeout(400))
