"""The section "Simulation" of docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.simulation.day import Day
from tests.simulation.network import OUTBOX

HEADING = "Simulation"
_INTRODUCTION = """\
`make simulate` lets {days:,} days pass, each with its own seed, {workers} workers and one notifier: {cameras}. Workers and
notifier are the real ones, from the arrival of a frame to the call of IFTTT: the age of frames, turns, presence, visits,
decisions, retries, the breaker, the journal's entries. The network, the broker's queues, the detector, the disk and IFTTT are
models, and time is simulated. Only frames during and shortly after a visit are simulated. Faces are missed and imagined, clocks
are off, those of a tenth of the cameras by an hour, and frames wait for up to 2 s. In the end each of the following holds, or
the run fails:

- Each visit that a worker saw has a notification, or is parked.
- A visit has one notification, and one more whenever more faces come. There are others only where nobody saw the faces for
  longer than the visit gap, or where a notifier died, or a call stayed unanswered, between a notification and its record.
- Every event that the broker confirmed has an end in the journal, and no worker still has one.
- Nothing is analysed more than 2 s after its capture, where the clocks are right.
- No outbox overflows.

Something did not hold on {broken} days.
"""


def section(days: Sequence[Day], cameras: str, workers: int) -> str:
    """What the days came to."""
    faults: Counter[str] = sum((day.faults for day in days), Counter())
    broken = sum(bool(day.broken) for day in days)
    rows = {
        "Visits": sum(day.visits for day in days),
        "Frames that reached a worker": sum(day.frames for day in days),
        "Events that the broker confirmed": sum(day.events for day in days),
        "Notifications": sum(day.shown for day in days),
        "of them again, as nobody could know that they had come": sum(day.doubled for day in days),
        f"Most events in an outbox, of {OUTBOX}": max(day.outbox for day in days),
        **{f"Fault: {fault}": count for fault, count in sorted(faults.items()) if count},
    }
    introduction = _INTRODUCTION.format(days=len(days), workers=workers, cameras=cameras, broken=broken)
    lines = [introduction, "| What | Number |", "| --- | ---: |"]
    return "\n".join([*lines, *(f"| {what} | {number:,} |" for what, number in rows.items())]) + "\n"
