"""What the benchmarks run on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import psutil


def described() -> str:
    """Date, processor, memory and load."""
    models = (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    gib = psutil.virtual_memory().total / 1024**3
    machine = (
        f"{next(models, 'unknown processor')}, {os.cpu_count()} cores, {gib:.0f} GiB, Linux, Python {platform.python_version()}"
    )
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine}; load at the start {os.getloadavg()[0]:.1f}."
