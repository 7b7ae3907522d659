from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import Version

from supply import audit, lock

ROOT = Path(__file__).parents[3]
LOCKED = lock.Package("one-package", "2.1", "", ("0" * 64,))


def entry(*, name: str = "One.Package", ecosystem: str = "PyPI", **affected: Any) -> dict[str, Any]:
    return {"id": "PYSEC-1", "summary": "made up", "affected": [{"package": {"ecosystem": ecosystem, "name": name}, **affected}]}


def within(*events: dict[str, str], kind: str = "ECOSYSTEM") -> list[dict[str, Any]]:
    return [{"type": kind, "events": list(events)}]


def found(told: dict[str, Any]) -> list[str]:
    return [finding.entry for finding in audit.find([LOCKED], [audit.Entry.model_validate(told)])]


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": ["2.0", "2.1"]},
        {"versions": ["2.1.0"]},
        {"ranges": within({"introduced": "0"})},
        {"ranges": within({"introduced": "2.1"}, {"fixed": "2.2"})},
        {"ranges": within({"fixed": "2.2"}, {"introduced": "2.0"})},
        {"ranges": within({"introduced": "2.1"}, {"last_affected": "2.1"})},
        {"ranges": within({"introduced": "1"}, {"fixed": "1.5"}, {"introduced": "2"}, {"fixed": "3"})},
        {"ranges": within({"introduced": "2.0.0"}, {"fixed": "2.1.1"}, kind="SEMVER")},
        {"ranges": within({"introduced": "0"}, {"fixed": "no version"})},
    ],
    ids=str,
)
def test_an_affected_version_is_found(affected: dict[str, Any]) -> None:
    assert found(entry(**affected)) == ["PYSEC-1"]


@pytest.mark.parametrize(
    "told",
    [
        entry(versions=["2.0", "2.1.1"]),
        entry(ranges=within({"introduced": "0"}, {"fixed": "2.1"})),
        entry(ranges=within({"introduced": "2.1.1"})),
        entry(ranges=within({"introduced": "2.0"}, {"last_affected": "2.0"})),
        entry(ranges=within({"introduced": "1"}, {"fixed": "1.5"}, {"introduced": "2.2"}, {"fixed": "3"})),
        entry(ranges=within({"introduced": "0"}, kind="GIT")),
        entry(name="another", ranges=within({"introduced": "0"})),
        entry(ecosystem="npm", ranges=within({"introduced": "0"})),
        entry(ranges=within({"introduced": "0"})) | {"withdrawn": "2026-01-01T00:00:00Z"},
        {"id": "PYSEC-1"},
    ],
    ids=str,
)
def test_nothing_is_found_for_another_version_package_or_ecosystem_or_a_withdrawn_entry(told: dict[str, Any]) -> None:
    assert found(told) == []


VERSIONS = st.builds(
    lambda release, suffix: ".".join(map(str, release)) + suffix,
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.sampled_from(["", "", "a1", "rc1", ".post1", ".dev0"]),
)


@given(version=VERSIONS, limits=st.lists(VERSIONS, max_size=6, unique_by=Version), end=st.sampled_from(["fixed", "last_affected"]))
def test_a_version_is_affected_if_one_of_the_intervals_includes_it(version: str, limits: list[str], end: str) -> None:
    ordered = sorted(map(Version, limits))
    intervals = list(zip(ordered[::2], ordered[1::2], strict=False))
    events = [event for begin, last in intervals for event in ({end: str(last)}, {"introduced": str(begin)})]

    judged = audit.affects(audit.Affected.model_validate({"ranges": within(*events)}), version)

    at = Version(version)
    assert judged == any(begin <= at < last or (at == last and end == "last_affected") for begin, last in intervals)


@given(VERSIONS)
@example("0")
@example("0a1")
@example("0.dev0")
def test_zero_introduces_it_in_all_versions(version: str) -> None:
    assert audit.affects(audit.Affected.model_validate({"ranges": within({"introduced": "0"})}), version)


def run(data: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "supply.audit", data, file], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    file = tmp_path / "lock.txt"
    file.write_text(f"one-package==2.1 \\\n    --hash=sha256:{'0' * 64}\n")
    return file


def test_a_finding_is_printed_and_fails_the_audit(tmp_path: Path, locked: Path) -> None:
    data = tmp_path / "osv.json"
    data.write_text(json.dumps([entry(versions=["2.1"]), entry(versions=["2.2"])]))

    done = run(data, locked)

    assert (done.returncode, done.stdout) == (1, "one-package 2.1: PYSEC-1 made up\n1 packages, 2 entries, 1 findings\n")


def test_the_archive_that_osv_exports_is_read(tmp_path: Path, locked: Path) -> None:
    data = tmp_path / "all.zip"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("PYSEC-1.json", json.dumps(entry(versions=["2.2"])))
        archive.writestr("PYSEC-2.json", json.dumps(entry(versions=["2.0"])))

    done = run(data, locked)

    assert (done.returncode, done.stdout) == (0, "1 packages, 2 entries, 0 findings\n")


@pytest.mark.parametrize("content", ["<html>", "[1]", "{}", '{"id": "PYSEC-1", "affected": "all"}'])
def test_a_file_that_is_not_osvs_is_refused(content: str, tmp_path: Path, locked: Path) -> None:
    data = tmp_path / "osv.json"
    data.write_text(content)

    done = run(data, locked)

    assert done.returncode == 2
    assert f"{data}: not entries of OSV" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_without_entries_is_refused(tmp_path: Path, locked: Path) -> None:
    data = tmp_path / "osv.json"
    data.write_text("[]")

    done = run(data, locked)

    assert (done.returncode, done.stderr) == (2, f"audit: {data}: has no entries: download it again\n")
