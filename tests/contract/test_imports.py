from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / "functions" / "ifttt_notifier" / "notifier.py"


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    tree = ast.walk(ast.parse(path.read_text()))
    found = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_layers_are_kept() -> None:
    """.importlinter says which part may know which; its own report says what is broken."""
    command = Path(sys.executable).with_name("lint-imports")  # in a process of its own: it switches off everyone's loggers
    subprocess.run([command, "--no-cache"], cwd=ROOT, check=True)


def test_the_function_is_one_file_that_imports_nothing_of_the_library() -> None:
    """Nuclio loads it from its folder alone."""
    known = imported(FUNCTION) - sys.stdlib_module_names

    assert known == {"nuclio_sdk", "pika", "prometheus_client", "requests"}


def test_the_function_may_be_hosted_by_one_that_leaves_pika_to_the_library() -> None:
    assert "pika" not in imported(FUNCTION.with_name("runner.py"))
