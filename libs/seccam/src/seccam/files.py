"""Files that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


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
