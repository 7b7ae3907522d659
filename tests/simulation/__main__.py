"""`python -m tests.simulation`: simulates a thousand days, and writes what they came to into docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.faults import page
from tests.simulation.day import Day, simulate
from tests.simulation.page import HEADING, section

#: Cameras of the additional day, whose events share one notifier.
MANY = 20
WORKERS = 64


def main(seeds: int, first: int) -> int:
    """The exit status: 1 if something did not hold."""
    days: list[Day] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        crowded = pool.submit(simulate, first + seeds, cameras=MANY, workers=WORKERS)
        for day in pool.map(partial(simulate, cameras=1, workers=WORKERS), range(first, first + seeds), chunksize=5):
            days.append(day)
            for line in day.broken:
                print(f"seed {day.seed}: {line}", flush=True)
            if len(days) % 100 == 0:
                print(f"{len(days)} days", flush=True)
        days.append(crowded.result())
    for line in days[-1].broken:
        print(f"seed {days[-1].seed}, {MANY} cameras: {line}")
    cameras = f"{seeds:,} days have one camera each, and one has {MANY}"
    page.write(HEADING, section(days, cameras, WORKERS))
    return int(any(day.broken for day in days))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many days")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    chosen = parser.parse_args()
    sys.exit(main(chosen.seeds, chosen.first))
