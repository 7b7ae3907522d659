"""What .ci/run says of its stages, with stand-ins for make, docker and the cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
CLUSTER = ("engine", "up", "load", "addons", "down")


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(CHECKOUT / ".ci/run", folder / ".ci")
    for name in ("make", "docker"):
        program(tmp_path / "programs" / name, f'echo "{name} $*" >>"{tmp_path}/calls"; [ "$*" != "$FAILING" ]')
    return folder


def run(checkout: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{checkout.parent / 'programs'}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "FAILING": failing, "KUBE_STATE": str(checkout.parent / "state")}
    return subprocess.run([checkout / ".ci/run"], env=environ, capture_output=True, text=True, check=False)


def with_cluster(checkout: Path) -> None:
    for name in CLUSTER:
        program(checkout.parent / "shared/kube" / name, f'echo "{name}" >>"{checkout.parent}/calls"; [ "{name}" != "$FAILING" ]')


def calls(checkout: Path) -> list[str]:
    return (checkout.parent / "calls").read_text().splitlines()


def test_without_a_cluster_it_passes_and_lists_what_was_not_tested(checkout: Path) -> None:
    done = run(checkout)

    assert done.returncode == 0
    assert calls(checkout) == ["make setup", "make lint", "make test", "make test-faults-short", "make test-attack-short"]
    summary = done.stdout.partition("=== Summary")[2]
    assert "NOT TESTED" in summary
    for target in ("make test-images", "make test-chart", "make test-e2e", "make test-slow"):
        assert target in summary


def test_with_a_cluster_every_stage_is_in_the_summary_and_the_cluster_is_stopped(checkout: Path) -> None:
    with_cluster(checkout)
    done = run(checkout)

    assert done.returncode == 0, done.stderr
    summary = done.stdout.partition("=== Summary")[2]
    assert "make test-slow" in summary.partition("NOT TESTED")[2]
    assert "make test-e2e" not in summary
    assert summary.count("passed") == done.stdout.count("since the start)")
    made = [call.removeprefix("make ") for call in calls(checkout) if call.startswith("make ")]
    assert made == [
        "setup",
        "lint",
        "test",
        "test-faults-short",
        "test-attack-short",
        "test-images",
        "e2e-image",
        "--silent version",
        "test-chart",
        "test-e2e",
    ]
    assert calls(checkout)[-1] == "down"


def test_a_cluster_that_was_there_before_stays(checkout: Path) -> None:
    with_cluster(checkout)
    (checkout.parent / "state").mkdir()
    (checkout.parent / "state/ready").touch()

    assert run(checkout).returncode == 0
    assert "down" not in calls(checkout)


@pytest.mark.parametrize(
    ("failing", "stage"), [("lint", "lint"), ("test-e2e", "seccam on the cluster"), ("engine", "docker engine"), ("up", "cluster")]
)
def test_the_first_stage_that_fails_ends_it_and_is_named(checkout: Path, failing: str, stage: str) -> None:
    with_cluster(checkout)
    done = run(checkout, failing)

    assert done.returncode != 0
    assert f"FAILED  {stage}\n" in done.stdout
    assert (calls(checkout)[-1] == "down") == (stage in ("cluster", "seccam on the cluster"))
