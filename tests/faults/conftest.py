"""Fixtures for the fault matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import RunningBroker
from tests.faults.row import Row

Begin = Callable[..., Row]


@pytest.hookimpl(tryfirst=True)  # before items are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is of the fault matrix."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is put on it ends with the test."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def begin(broker: RunningBroker, tmp_path: Path) -> Iterator[Begin]:
    """Begins a row; what it started ends with the test."""
    rows: list[Row] = []

    def start(**options: Any) -> Row:
        rows.append(Row(broker, tmp_path, **options))
        return rows[-1]

    yield start
    for row in rows:
        row.close()
