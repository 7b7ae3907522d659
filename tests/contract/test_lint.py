"""`make lint` and pre-commit run the same commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_pre_commit_runs_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]
    # an old .venv is not updated, so the commands of lint are all that make prints
    printed = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--old-file=.venv/dev", "lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert hooks == printed.stdout.splitlines()
