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
#: The fault alone, and beside a second channel that is down.
ALONE_AND_BESIDE = pytest.mark.parametrize("begin", ["", pytest.param("down", marks=pytest.mark.slow)], indirect=True)


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
def begin(broker: RunningBroker, tmp_path: Path, stack: ExitStack, request: pytest.FixtureRequest) -> Begin:
    """Begins a row; what it started ends with the test. A parameter is what a second channel does."""
    return beginning(Row, broker, tmp_path, stack, beside=getattr(request, "param", ""))


def beginning(kind: type[R], broker: RunningBroker, folder: Path, stack: ExitStack, **always: Any) -> Callable[..., R]:
    """Begins rows of this kind, which end with the stack; all of them with the options in `always`."""

    def begin(**options: Any) -> R:
        row = kind(broker, folder, **always, **options)
        stack.callback(row.close)
        return row

    return begin
