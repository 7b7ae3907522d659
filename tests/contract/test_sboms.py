"""SBOMs name what the locks name, and a release has them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from seccam.version import __version__
from supply import licences, lock, sbom

ROOT = Path(__file__).parents[2]
NAMES = (*lock.IMAGES, "run")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    named: str = request.param
    return named


@pytest.fixture
def told(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(sbom.text(sbom.bom(name)))
    return read


def hashes(component: dict[str, Any]) -> set[str]:
    return {found["content"] for reference in component["externalReferences"] for found in reference["hashes"]}


def test_an_sbom_keeps_to_the_schema_of_cyclonedx(name: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.text(sbom.bom(name))) is None


def test_an_sbom_has_the_versions_and_hashes_of_its_lock_and_nothing_else(name: str, told: dict[str, Any]) -> None:
    listed = {(part["purl"], frozenset(hashes(part))) for part in told["components"]}

    locked = lock.read(lock.path(name))
    assert listed == {(f"pkg:pypi/{package.name}@{package.version}", frozenset(package.hashes)) for package in locked}
    assert len(told["components"]) == len(locked)


def test_packages_for_some_environments_say_for_which(name: str, told: dict[str, Any]) -> None:
    said = {part["purl"]: part["properties"][0]["value"] for part in told["components"] if "properties" in part}

    assert said == {
        f"pkg:pypi/{package.name}@{package.version}": package.marker for package in lock.read(lock.path(name)) if package.marker
    }


def test_an_sbom_has_licences_and_the_bundled_libraries(told: dict[str, Any]) -> None:
    known = licences.read()

    for part in told["components"]:
        assert part["licenses"] == [{"expression": known.packages[part["name"]]}]
        bundled = {library["name"]: library["licenses"][0]["expression"] for library in part.get("components", [])}
        assert bundled == known.bundled.get(part["name"], {})


def test_an_sbom_describes_this_version(name: str, told: dict[str, Any]) -> None:
    subject = told["metadata"]["component"]

    assert (subject["name"], subject["version"]) == ("seccam" if name == "run" else f"seccam-{name}", __version__)


def test_the_same_checkout_gives_the_same_sboms(tmp_path: Path) -> None:
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-m", "supply.sbom", tmp_path / seed], cwd=ROOT, env=environment, check=True)

    first, second = ({file.name: file.read_bytes() for file in (tmp_path / seed).iterdir()} for seed in "12")
    assert first == second
    assert first.keys() == {f"seccam-{name}-{__version__}.cdx.json" for name in NAMES}


def test_a_release_has_the_sboms_and_their_checksums(tmp_path: Path) -> None:
    helm = tmp_path / "bin/helm"
    helm.parent.mkdir()
    helm.write_text("#!/bin/sh\n")
    helm.chmod(0o700)
    made = tmp_path / "dist"

    environment = os.environ | {"PATH": f"{helm.parent}:{os.environ['PATH']}"}
    subprocess.run(["scripts/release", made, __version__, "", ""], cwd=ROOT, env=environment, check=True, capture_output=True)

    sums = {file: digest for digest, file in map(str.split, (made / "SHA256SUMS").read_text().splitlines())}
    for name in NAMES:
        file = f"seccam-{name}-{__version__}.cdx.json"
        assert sums[file] == hashlib.sha256((made / file).read_bytes()).hexdigest()


def test_a_lock_without_a_version_or_hash_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lock.txt"
    for line, fault in (("pika==1.4", "pika: must have one version and hashes"), ("pika==\n", "pika==: not a requirement")):
        file.write_text(line)

        with pytest.raises(lock.LockError, match=fault):
            lock.read(file)
