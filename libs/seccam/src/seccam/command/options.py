"""What the parts of the command have in common."""

from __future__ import annotations

import argparse
from typing import TypeAlias

PROGRAM = "seccam"
#: The words that may follow `seccam`.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
