"""What the parts of the command have in common."""

from __future__ import annotations

import argparse
from typing import TypeAlias

PROGRAM = "seccam"
#: The words that may follow `seccam`.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def names(text: str) -> list[str]:
    """The names in a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
