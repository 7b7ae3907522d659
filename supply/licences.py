"""Licences of the locked packages, and of the libraries inside their wheels: what requirements/licences.toml says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from license_expression import OR, BaseSymbol, LicenseExpression, get_spdx_licensing

from supply import lock

FILE = lock.FOLDER / "licences.toml"
#: That of seccam.
OWN = "Apache-2.0"
SPDX = get_spdx_licensing()


@dataclass(frozen=True)
class Licences:
    """Values are SPDX licence expressions."""

    permissive: frozenset[str]
    copyleft: frozenset[str]
    "Accepted, too, and named by the label of each image that has them."
    packages: dict[str, str]
    bundled: dict[str, dict[str, str]]
    "Per package, the libraries that its wheels contain."

    def of(self, package: str) -> list[str]:
        """Expressions of the package and of what it bundles."""
        return [self.packages[package], *self.bundled.get(package, {}).values()]

    def obligations(self, expression: str) -> set[str]:
        """Licences of the expression that are not permissive; of alternatives, the accepted one with the fewest."""
        return self._obligations(SPDX.parse(expression, validate=True))

    def accepts(self, expression: str) -> bool:
        """Tell whether the licence is among the accepted ones."""
        return self.obligations(expression) <= self.copyleft

    def label(self, packages: Iterable[lock.Package]) -> str:
        """Licences of an image with these packages: seccam's, and each copyleft one."""
        expressions = (expression for package in packages for expression in self.of(package.name))
        return " AND ".join([OWN, *sorted(set().union(*map(self.obligations, expressions)))])

    def _obligations(self, parsed: LicenseExpression) -> set[str]:
        if isinstance(parsed, BaseSymbol):
            return set() if str(parsed) in self.permissive else {str(parsed)}
        parts = [self._obligations(part) for part in parsed.args]
        if isinstance(parsed, OR):
            return min(parts, key=lambda part: (not part <= self.copyleft, len(part)))
        return set().union(*parts)


def read(file: Path = FILE) -> Licences:
    """Licences in the file."""
    told = tomllib.loads(file.read_text())
    return Licences(
        permissive=frozenset(told["permissive"]),
        copyleft=frozenset(told["copyleft"]),
        packages=told["packages"],
        bundled=told["bundled"],
    )
