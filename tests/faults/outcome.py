"""What a soak has seen, and how the page says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.faults.ledger import Line
from tests.faults.memory import creeps

HEADING = "Random faults"

_SECTION = """\
`make soak` runs a whole installation (two cameras of the demo, two workers, a monitor, a notifier and the broker) under load for
an hour, and injects a random fault every 20 to 60 s. `SECONDS=…` sets another time, and `SEED=…` repeats the faults of an earlier
run. The events of the workers count from the moment they are on a worker's disk.

The last run took {minutes} minutes, with the seed {seed}.

| Faults | Confirmed | Notified | Suppressed | Parked | Lost | Doubled | Explained | Crashes |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| {ledger} |

An event that was told twice is explained if the notifier died or hung at that time, or if IFTTT's answer was lost or came too
late. Crashes are processes that ended without a fault that ends them.

The faults, and how often each was injected: {faults}.

Resident memory, the medians of the first and of the last ten minutes:

| Process | First | Last | |
| --- | ---: | ---: | --- |
{memory}
"""


@dataclass(frozen=True)
class Outcome:
    """What a soak has seen."""

    seed: int
    seconds: float
    #: How often each was injected.
    faults: Counter[str]
    line: Line
    #: Of the events that were told twice, those in whose time a fault explains it.
    explained: int
    #: Parts that ended by themselves.
    crashes: list[str]
    #: Faults that could not be injected.
    failures: list[str]
    #: By process: MB at the beginning and at the end.
    memory: dict[str, tuple[float, float]]

    @property
    def good(self) -> bool:
        """Whether all promises were kept."""
        return bool(self.line.confirmed) and not self.line.lost and self.line.doubled <= self.explained and not self.crashes

    def section(self) -> str:
        """The section of the page."""
        line = self.line
        counts = (
            self.faults.total(),
            line.confirmed,
            line.notified,
            line.suppressed,
            line.parked,
            line.lost,
            line.doubled,
        )
        often = sorted(self.faults.items(), key=lambda item: (-item[1], item[0]))
        return _SECTION.format(
            minutes=round(self.seconds / 60),
            seed=self.seed,
            ledger=" | ".join(map(str, (*counts, self.explained, len(self.crashes)))),
            faults=", ".join(f"{name} {count}" for name, count in often),
            memory="\n".join(
                f"| {name} | {first:.0f} MB | {last:.0f} MB | {'creeping' if creeps(first, last) else 'level'} |"
                for name, (first, last) in self.memory.items()
            ),
        )
