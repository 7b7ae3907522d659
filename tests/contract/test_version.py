"""The version is written in `seccam/version.py`; the few files that can't read it from there repeat it, and no others do."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from seccam.version import __version__

ROOT = Path(__file__).parents[2]
SOURCE = "libs/seccam/src/seccam/version.py"
#: Helm and docker compose read their files as they are, and the changelog has a section for each version.
REPEATED_IN = {"charts/seccam/Chart.yaml", "compose.yaml", "CHANGELOG.md"}
#: Versions of other projects.
LOCKS = ("requirements/", "tests/e2e/requirements.txt")
PACKAGES = sorted(p for pattern in ("libs/*", "services/*", "functions/*", "local") for p in ROOT.glob(f"{pattern}/pyproject.toml"))


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?", __version__)


def test_chart_and_the_images_that_it_installs_have_this_version() -> None:
    chart = yaml.safe_load((ROOT / "charts/seccam/Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("pyproject", PACKAGES, ids=lambda path: path.parent.name)
def test_a_package_takes_its_version_from_the_library(pyproject: Path) -> None:
    read = tomllib.loads(pyproject.read_text())

    assert "version" in read["project"]["dynamic"]
    assert (pyproject.parent / read["tool"]["hatch"]["version"]["path"]).resolve() == ROOT / SOURCE


def test_make_takes_its_version_from_the_library() -> None:
    printed = subprocess.run(["make", "--silent", "version"], cwd=ROOT, capture_output=True, check=True)

    assert printed.stdout.decode().strip() == __version__


def test_no_other_file_repeats_the_version() -> None:
    alone = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.])".encode())
    repeating = {name for name in tracked() if not name.startswith(LOCKS) and alone.search((ROOT / name).read_bytes())}

    assert repeating - REPEATED_IN == {SOURCE}


def test_documents_leave_the_tag_of_an_image_to_make() -> None:
    for page in (name for name in tracked() if name.endswith(".md")):
        assert not re.findall(r"ghcr\.io/seccam/[^\s:`]+:\d\S*", (ROOT / page).read_text()), page
