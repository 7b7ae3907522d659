"""Lock files, as `make lock` writes them into requirements/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[1] / "requirements"
IMAGES = ("camera", "monitor", "security", "notifier")
HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})")


class LockError(Exception):
    """A line is not what `make lock` writes."""


@dataclass(frozen=True)
class Package:
    """One line of a lock."""

    name: str
    version: str
    marker: str
    "The environments that it is for; empty: all."
    hashes: tuple[str, ...]

    def fits(self, environment: dict[str, str]) -> bool:
        """Tell whether the package is for this environment, as `packaging.markers` describes one."""
        requirement = Requirement(f"{self.name} ; {self.marker}" if self.marker else self.name)
        return requirement.marker is None or requirement.marker.evaluate(environment)


def path(name: str) -> Path:
    """File of the lock with this name: an image, or `run` for the complete one."""
    return FOLDER / f"{name}.txt"


def read(file: Path) -> list[Package]:
    """Packages in the order of the file."""
    lines = file.read_text().replace("\\\n", "").splitlines()
    return [_package(line, file) for line in lines if line.strip() and not line.startswith("#")]


def _package(line: str, file: Path) -> Package:
    hashes = tuple(HASH.findall(line))
    try:
        requirement = Requirement(HASH.sub("", line).strip())
    except InvalidRequirement as error:
        raise LockError(f"{file}: {HASH.sub('', line).strip()}: not a requirement: run `make lock`") from error
    pins = list(requirement.specifier)
    if len(pins) != 1 or pins[0].operator != "==" or not hashes:
        raise LockError(f"{file}: {requirement.name}: must have one version and hashes: run `make lock`")
    return Package(canonicalize_name(requirement.name), pins[0].version, str(requirement.marker or ""), hashes)
