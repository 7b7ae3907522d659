"""`make fuzz`: feeds mutated input to every parser, keeps what breaks one, and writes docs/fuzzing.md."""

from __future__ import annotations

import argparse
import hashlib
import logging
import random
import sys
import time
import traceback
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.fuzz.mutator import Mutator
from tests.fuzz.targets import Target, targets

CASES = Path(__file__).parent / "cases"
REPORT = Path(__file__).parents[2] / "docs" / "fuzzing.md"
#: Processor time that one input may take, seconds.
MOST_SECONDS = 1.0
#: Memory, which takes long to measure, is measured for one input in so many.
_EVERY = 50


@dataclass
class Worst:
    """What was seen of one target."""

    inputs: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    kept: int = 0


def fuzz(target: Target, seconds: float, seed: int) -> Worst:
    """Run one target for so long."""
    mutator, worst = Mutator(target.seeds, random.Random(f"{seed} {target.name}")), Worst()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        data = mutator.next()
        worst.inputs += 1
        measured = worst.inputs % _EVERY == 0
        if measured:
            tracemalloc.start()
        began = time.process_time()
        try:
            target.run(data)
        except Exception:  # noqa: BLE001  # this is what it looks for
            worst.kept += _keep(target, data, traceback.format_exc())
        took = time.process_time() - began
        if measured:
            worst.peak_bytes = max(worst.peak_bytes, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            continue
        worst.seconds = max(worst.seconds, took)
        if took > MOST_SECONDS:
            worst.kept += _keep(target, data, f"{took:.1f} s of processor time")
    return worst


def _keep(target: Target, data: bytes, why: str) -> bool:
    """Keep an input as a case for the tests; False if the same failure was kept before."""
    folder = CASES / target.name
    folder.mkdir(parents=True, exist_ok=True)
    place = why.strip().splitlines()[-1][:200] + "".join(line for line in why.splitlines() if line.startswith("  File"))
    path = folder / hashlib.sha256(place.encode()).hexdigest()[:16]
    if path.exists():
        return False
    path.write_bytes(data)
    print(f"{target.name}: kept {path}\n{why}", file=sys.stderr)
    return True


def report(seen: dict[str, Worst], seconds: float, seed: int) -> str:
    """The page with the results."""
    rows = [
        f"| {name} | {worst.inputs} | {worst.seconds * 1000:.1f} | {worst.peak_bytes / 1024:.0f} |" for name, worst in seen.items()
    ]
    return "\n".join(
        [
            "# Hostile bytes",
            "",
            "`make fuzz` feeds mutated input to every parser that reads what others send, and writes this page. The last run took",
            f"{seconds:g} s for each, with the seed {seed}. An input that raises an unexpected error, or takes more than",
            f"{MOST_SECONDS:g} s of processor time, is kept in `tests/fuzz/cases` and becomes a test.",
            "",
            "| parser | bad inputs | worst processor time, ms | worst memory, KiB |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            "Inputs have at most 64 KiB. Memory is the peak of Python's allocations during one input, measured for one in 50.",
            "",
        ]
    )


def main() -> int:
    """Fuzz; 1 if anything was found."""
    parser = argparse.ArgumentParser("make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="for each parser")
    parser.add_argument("--seed", type=int, default=None, help="repeats an earlier run")
    parser.add_argument("--target", action="append", help="only this parser; may be repeated")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seen = {}
    for target in targets():
        if not options.target or target.name in options.target:
            seen[target.name] = fuzz(target, options.seconds, seed)
            print(target.name, seen[target.name], flush=True)
    if not options.target:
        REPORT.write_text(report(seen, options.seconds, seed))
    return int(any(worst.kept for worst in seen.values()))


if __name__ == "__main__":
    sys.exit(main())
