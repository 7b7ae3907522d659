"""Rows of the tables in docs/benchmarks.md."""

from __future__ import annotations

HEAD = "| what | measured | target | met |\n| --- | --- | --- | --- |"


def row(what: str, measured: str, target: str = "", met: bool | None = None) -> str:
    """A row of a table under HEAD; without a target there is nothing to meet."""
    return f"| {what} | {measured} | {target} | {'' if met is None else 'yes' if met else '**no**'} |"
