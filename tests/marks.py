"""Marks for all tests of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def mark_all(items: Iterable[pytest.Item], folder: Path, *marks: pytest.MarkDecorator) -> None:
    """Mark the items of this folder; pytest calls a hook with those of all folders."""
    for item in items:
        if folder in item.path.parents:
            for mark in marks:
                item.add_marker(mark)
