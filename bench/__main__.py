"""`python -m bench`: every benchmark, and docs/benchmarks.md from what they measured."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import psutil

from bench import detection, memory, view

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def introduction() -> str:
    """What the page is, and of which machine."""
    models = (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    gib = psutil.virtual_memory().total / 1024**3
    machine = (
        f"{next(models, 'unknown processor')}, {os.cpu_count()} cores, {gib:.0f} GiB, Linux, Python {platform.python_version()}"
    )
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench`, best where nothing else runs. What is compared ran in the same run: ratios hold where times don't.",
        "",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine}; load at the start {os.getloadavg()[0]:.1f}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sections = [
        introduction(),
        view.section(view.measure()),
        detection.section(*detection.measure_all()),
        memory.section(memory.measure()),
    ]
    PAGE.write_text("\n\n".join(sections) + "\n")
    print(PAGE.read_text())
