"""Known vulnerabilities of the locked packages, from a file in OSV's format: `python -m supply.audit FILE`. Works offline."""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, TypeAdapter, ValidationError

from supply import lock

#: Kinds of events, in the order that they have at the same version.
EVENTS = ("fixed", "introduced", "last_affected")
#: Types of ranges whose versions PEP 440 orders; those of type GIT are commits.
ORDERED = ("ECOSYSTEM", "SEMVER")


class DataError(Exception):
    """The file is not in OSV's format."""


class Range(BaseModel):
    """Versions between events."""

    type: str
    events: list[dict[str, str]]


class Package(BaseModel):
    """Whose vulnerability it is."""

    ecosystem: str
    name: str


class Affected(BaseModel):
    """Versions of one package."""

    package: Package | None = None
    ranges: list[Range] = []
    versions: list[str] = []


class Entry(BaseModel):
    """A vulnerability: what is needed of OSV's schema."""

    id: str
    summary: str = ""
    withdrawn: str | None = None
    affected: list[Affected] = []


ENTRIES: TypeAdapter[list[Entry] | Entry] = TypeAdapter(list[Entry] | Entry)


@dataclass(frozen=True)
class Finding:
    """A locked package with a known vulnerability."""

    package: lock.Package
    entry: str
    summary: str

    def __str__(self) -> str:
        return f"{self.package.name} {self.package.version}: {self.entry} {self.summary}".rstrip()


def read(file: Path) -> list[Entry]:
    """Entries in the file: one, a list of them, or OSV's export, an archive with a file for each."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            entries = [entry for name in archive.namelist() for entry in _parse(archive.read(name), f"{file}: {name}")]
    else:
        entries = _parse(file.read_bytes(), str(file))
    if not entries:
        raise DataError(f"{file}: has no entries: download it again")
    return entries


def find(packages: Iterable[lock.Package], entries: Iterable[Entry]) -> list[Finding]:
    """Vulnerabilities of these packages, without withdrawn ones."""
    known: dict[str, list[tuple[Entry, Affected]]] = defaultdict(list)
    for entry in entries:
        for affected in entry.affected if entry.withdrawn is None else []:
            if affected.package and affected.package.ecosystem == "PyPI":
                known[canonicalize_name(affected.package.name)].append((entry, affected))
    found = {
        Finding(package, entry.id, entry.summary)
        for package in packages
        for entry, affected in known.get(package.name, [])
        if affects(affected, package.version)
    }
    return sorted(found, key=str)


def affects(affected: Affected, version: str) -> bool:
    """Tell whether the version is an affected one, as OSV's schema defines it."""
    if canonicalize_version(version) in map(canonicalize_version, affected.versions):
        return True
    return any(_within(one.events, Version(version)) for one in affected.ranges if one.type in ORDERED)


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """Tell whether the last event that counts for the version is a beginning."""
    try:
        ordered = sorted(
            (_version(kind, at), EVENTS.index(kind)) for event in events for kind, at in event.items() if kind in EVENTS
        )
    except InvalidVersion:
        return True  # better a finding too many
    within = False
    for at, rank in ordered:
        if version > at or (version == at and EVENTS[rank] != "last_affected"):
            within = EVENTS[rank] == "introduced"
    return within


def _version(kind: str, at: str) -> Version:
    # what 0 introduced is in all versions, and the first of PEP 440 is 0.dev0
    return Version("0.dev0" if (kind, at) == ("introduced", "0") else at)


def _parse(content: bytes, where: str) -> list[Entry]:
    try:
        told = ENTRIES.validate_json(content)
    except ValidationError as error:
        raise DataError(f"{where}: not entries of OSV: {error}") from error
    return told if isinstance(told, list) else [told]


def main() -> int:
    """Print the findings; the status is 1 if there are any, and 2 if a file can't be read."""
    parser = argparse.ArgumentParser(
        prog="python -m supply.audit", description="Look for known vulnerabilities of locked packages."
    )
    parser.add_argument("data", type=Path, help="entries of OSV: a JSON file, or the archive that OSV exports")
    parser.add_argument("locks", type=Path, nargs="+", metavar="lock", help="a lock file")
    told = parser.parse_args()
    try:
        entries = read(told.data)
        packages = {package for file in told.locks for package in lock.read(file)}
    except (OSError, zipfile.BadZipFile, DataError, lock.LockError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    findings = find(packages, entries)
    print(*findings, f"{len(packages)} packages, {len(entries)} entries, {len(findings)} findings", sep="\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
