"""Fixtures for the fault matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.brokers import RunningBroker
from tests.faults.row import Row
from tests.marks import mark_all

Begin = Callable[..., Row]
R = TypeVar("R", bound=Row)


@pytest.hookimpl(tryfirst=True)  # before items are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is of the fault matrix."""
    mark_all(items, Path(__file__).parent, pytest.mark.faults, pytest.mark.timeout(600))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is put on it ends with the test."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def begin(broker: RunningBroker, tmp_path: Path, stack: ExitStack) -> Begin:
    """Begins a row; what it started ends with the test."""
    return beginning(Row, broker, tmp_path, stack)


def beginning(kind: type[R], broker: RunningBroker, folder: Path, stack: ExitStack) -> Callable[..., R]:
    """Begins rows of this kind, which end with the stack."""

    def begin(**options: Any) -> R:
        row = kind(broker, folder, **options)
        stack.callback(row.close)
        return row

    return begin
