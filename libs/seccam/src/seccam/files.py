"""Files that hold secrets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner's eyes, whole or not at all; where a link leads elsewhere, there."""
    if path.exists() and not path.is_file():  # a pipe, a terminal: nothing can take its place
        path.write_text(text)
        return
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)  # or after a power cut the new name may lead to an empty file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
