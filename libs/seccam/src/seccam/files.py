"""Files that only their owner may read, and files that change."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

#: What differs if a file was written or replaced.
Signature = tuple[int, int, int]


def signature(file: str | Path | int) -> Signature | None:
    """What differs if this file (a path, or a descriptor) was replaced; None if there is none.

    For a mounted Secret, Kubernetes changes a symbolic link.
    """
    try:
        found = os.stat(file)  # noqa: PTH116  # a Path has no descriptor
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def write_private(path: Path, text: str, *, sync: bool = True) -> None:
    """Write a file that only its owner can read, completely or not at all; a symbolic link is followed.

    Without `sync` it may be empty after a power cut.
    """
    if path.exists() and not path.is_file():  # a pipe or a terminal can't be replaced
        path.write_text(text)
        return
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
