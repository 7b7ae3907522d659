"""The RabbitMQ that is installed on this machine: the newest, if there are several."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Versions before this one get no security fixes (rabbitmq.com/release-information).
OLDEST_SUPPORTED = (4, 1)
#: Where Debian and Ubuntu install the scripts; those in /usr/sbin switch users and need root.
_PACKAGE = Path("/usr/lib/rabbitmq")
#: Where RabbitMQ's own archive is usually unpacked, as `rabbitmq_server-<version>`.
_ARCHIVES = (Path("/opt"), Path("/opt/rabbitmq"), Path("/usr/local"), Path("/usr/local/lib"))


@dataclass(frozen=True, order=True)
class Installation:
    """A version, and the folder of its scripts."""

    version: tuple[int, int]
    scripts: Path

    @property
    def is_supported(self) -> bool:
        """Whether this version still gets security fixes."""
        return self.version >= OLDEST_SUPPORTED


@cache
def newest() -> Installation | None:
    """The newest RabbitMQ that can be started; None if none is installed, or Erlang is missing."""
    if shutil.which("epmd") is None:
        return None
    return max(found(_PACKAGE, archives(os.environ.get("RABBITMQ_HOME", ""))), default=None)


def archives(home: str) -> Iterator[Path]:
    """Folders that may be an unpacked archive: RABBITMQ_HOME, and those in the usual places."""
    if home:
        yield Path(home)
    for folder in _ARCHIVES:
        yield from sorted(folder.glob("rabbitmq_server-*"))


def found(package: Path, unpacked: Iterable[Path]) -> Iterator[Installation]:
    """The installations of Debian's package and of RabbitMQ's archives."""
    for folder in sorted((package / "lib").glob("rabbitmq_server-*")):
        yield from _installation(folder.name, package / "bin")
    for folder in unpacked:
        yield from _installation(folder.name, folder / "sbin")


def _installation(name: str, scripts: Path) -> Iterator[Installation]:
    match = re.match(r"rabbitmq_server-(\d+)\.(\d+)", name)
    if match and (scripts / "rabbitmq-server").exists():
        yield Installation((int(match[1]), int(match[2])), scripts)
