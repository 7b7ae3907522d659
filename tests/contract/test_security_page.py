"""docs/security.md names tests as evidence: they must exist, and the attacks must be evidence of something."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text())

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_file_of_attacks_is_named() -> None:
    attacks = {f"attack/{path.name}" for path in (TESTS / "attack").glob("test_*.py")}

    assert attacks - {file for file, _ in NAMED} == set()


def test_all_rows_of_attacks_have_a_test_and_all_points_a_verdict() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| `", PAGE, re.MULTILINE)
    points = re.findall(r"^\| (\d+\.\d+\.\d+[^|]*) \| ([a-z]+) \|", PAGE, re.MULTILINE)

    assert rows == [str(number) for number in range(1, 15)]
    assert {verdict for _, verdict in points} <= {"yes", "no", "partly"}
    assert len(points) == PAGE.partition("## OWASP")[2].count("\n| ") - 2  # without the head
