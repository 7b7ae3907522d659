"""Our threads use no name that Python's Thread uses for itself, in any version that they run on."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "functions", "local")
#: Private attributes that `threading.Thread` has from Python 3.12 or 3.13 on; those of this version are read from it.
LATER = {"_handle", "_after_fork", "_delete", "_context", "_os_thread_handle"}


def threads() -> Iterator[tuple[Path, ast.ClassDef]]:
    """The classes that derive from Thread directly; their own subclasses are found by their bases."""
    names = {"Thread"}
    classes = [
        (path, node)
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("src/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    while found := {node.name for _, node in classes if node.name not in names and names & set(map(_name, node.bases))}:
        names |= found
    yield from ((path, node) for path, node in classes if node.name in names)


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _used(node: ast.ClassDef) -> set[str]:
    """Methods, and attributes of `self` that are assigned."""
    methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    assigned = {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store) and _name(one.value) == "self"
    }
    return methods | assigned


def test_the_threads_are_found() -> None:
    assert {"ReconnectingConnection", "Consumer", "Publisher", "Reader", "Handler"} <= {node.name for _, node in threads()}


@pytest.mark.parametrize(("path", "node"), [pytest.param(path, node, id=node.name) for path, node in threads()])
def test_a_thread_uses_no_private_name_of_pythons(path: Path, node: ast.ClassDef) -> None:
    thread = threading.Thread()
    private = {name for name in {*dir(thread), *vars(thread)} if name.startswith("_") and not name.startswith("__")}

    assert not _used(node) & (private | LATER), path
