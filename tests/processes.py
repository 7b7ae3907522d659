"""What a process of a test uses."""

from __future__ import annotations

import psutil


def resident(pid: int) -> int:
    """Resident memory of a process, bytes. Raises psutil.NoSuchProcess."""
    return int(psutil.Process(pid).memory_info().rss)
