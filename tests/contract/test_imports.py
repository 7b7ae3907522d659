from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTIFIER = ROOT / "functions" / "ifttt_notifier" / "src" / "seccam_notifier"


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


def test_only_the_module_that_nuclio_loads_knows_nuclio() -> None:
    assert [path.name for path in NOTIFIER.rglob("*.py") if "nuclio_sdk" in imported(path)] == ["nuclio.py"]
