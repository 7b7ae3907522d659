"""Files that hold secrets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all; a symbolic link is followed."""
    if path.exists() and not path.is_file():  # a pipe or a terminal can't be replaced
        path.write_text(text)
        return
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)  # otherwise the file may be empty after a power cut
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
