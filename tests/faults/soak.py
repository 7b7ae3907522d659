"""`make soak`: random faults for hours, in a whole installation under load; accounts for every event at the end."""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from seccam.broker.connection import PIKA_ERRORS
from tests.brokers import start_broker
from tests.faults import injections, page
from tests.faults.house import House
from tests.faults.ledger import Line, Owed, reported
from tests.faults.memory import Memory
from tests.faults.outcome import HEADING, Outcome
from tests.faults.repertoire import FAULTS
from tests.waiting import eventually

#: Seconds from the end of a fault to the next one.
PAUSE = (20.0, 60.0)
#: Seconds beside a fault within which it explains that an event was told twice.
NEAR = 10.0
#: Seconds that everything may take to be accounted for.
PATIENCE = 300.0


@dataclass
class Soak:
    """Injects one fault after the other."""

    house: House
    random: random.Random
    #: How often each was tried.
    faults: Counter[str] = field(default_factory=Counter)
    #: Beginning and end of the faults that explain events told twice, monotonic seconds.
    doubling: list[tuple[float, float]] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Inject faults for so long."""
        began = time.monotonic()
        while True:
            pause = self.random.uniform(*PAUSE)
            if time.monotonic() + pause - began > seconds:
                time.sleep(max(0.0, began + seconds - time.monotonic()))
                return
            time.sleep(pause)
            self._mend()
            name = self._next()
            lasts = self.random.uniform(*FAULTS[name].lasts)
            print(f"{time.monotonic() - began:6.0f} s  {name}, {lasts:.0f} s", flush=True)
            self._inject(name, lasts)

    def explained(self) -> int:
        """How many of the repeated notifications a fault explains, or an answer that the notifier did not get."""
        answers = self.house.row.notifier.lines("channel_answered")
        unanswered = {answer["event_id"] for answer in answers if answer["result"] in ("timeout", "network")}
        excused = {one.told for one in owed(self.house) if one.id in unanswered}
        return sum(
            told in excused or any(begin - NEAR <= time <= end + NEAR for begin, end in self.doubling)
            for told, time in self.house.row.phone.repeated()
        )

    def _next(self) -> str:
        """One of the faults that were injected least often."""
        least = min(self.faults[name] for name in FAULTS)
        return self.random.choice([name for name in FAULTS if self.faults[name] == least])

    def _inject(self, name: str, lasts: float) -> None:
        begins = time.monotonic()
        try:
            with FAULTS[name].inject(self.house):
                time.sleep(lasts)
        except (subprocess.SubprocessError, AssertionError, *PIKA_ERRORS) as e:
            self.failures.append(name)
            print(f"          {name}: {type(e).__name__}: {e}", flush=True)
            self.house.broker.kill_server()  # it may hang halfway
            self.house.broker.ensure_running()
            injections.apply(self.house.broker)
        self.faults[name] += 1
        if FAULTS[name].doubles:
            self.doubling.append((begins, time.monotonic()))

    def _mend(self) -> None:
        """Start what ended by itself, which nothing should."""
        for name in self.house.dead():
            self.crashes.append(name)
            print(f"          {name} has ended by itself", flush=True)
        self.house.start_missing()


def owed(house: House) -> list[Owed]:
    """The events that must not be lost."""
    return [*(one.owed for one in house.row.load.confirmed()), *reported(house.broker, house.folder)]


def settled(house: House) -> Line:
    """End the load and what makes events, wait until each is accounted for, and return the ledger."""
    house.start_missing()
    house.row.load.end()
    eventually(lambda: not house.row.load.publisher.unconfirmed(), within=PATIENCE, every=1, what="all events confirmed")
    house.stop()
    deadline = time.monotonic() + PATIENCE
    while True:
        line = Line.of(house.broker, house.row.phone, owed(house), 0.0, set())
        if not line.lost or time.monotonic() > deadline:
            return line
        time.sleep(5)


def soak(folder: Path, seconds: float, seed: int) -> Outcome:
    """Run everything for so long."""
    with ExitStack() as stack:
        broker = start_broker(folder / "broker")
        stack.callback(broker.stop)
        house = House(broker, folder, stack)
        memory = Memory(house.pids)
        memory.start()
        stack.callback(memory.stop)
        house.row.load.start()
        run = Soak(house, random.Random(seed))
        run.run(seconds)
        compared = memory.compared()
        line = settled(house)
        injected = run.faults - Counter(run.failures)
        return Outcome(seed, seconds, injected, line, run.explained(), run.crashes, run.failures, compared)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; 1 if a promise was broken."""
    parser = argparse.ArgumentParser("make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long; 3600 is an hour")
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults of an earlier run")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    for name in [name for name in os.environ if name.startswith(("SECCAM_", "IFTTT_"))]:
        del os.environ[name]  # settings of the person who runs it
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # the load's
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end what was started
    folder = Path(tempfile.mkdtemp(prefix="seccam-soak-"))
    print(f"seed {seed}, {options.seconds:.0f} s, in {folder}", flush=True)
    outcome = soak(folder, options.seconds, seed)
    print(outcome)
    page.write(HEADING, outcome.section())
    if not outcome.good:
        print(f"a promise was broken; logs and the broker's data are in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
