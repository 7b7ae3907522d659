"""`python -m tests.faults.page`: writes docs/reliability.md from the lines of the last run."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path

from seccam_local.node import version
from tests.faults.ledger import FOLDER, Line
from tests.faults.row import NORMAL

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

_INTRODUCTION = """\
# Reliability

From the broker's confirm on, an event is notified at least once, or is suppressed on record, or lies visibly parked:
`lost = confirmed − notified − suppressed − parked` is 0. An event comes twice at most where an answer of IFTTT was cut off,
or where the notifier died between the answer and its record. Frames promise freshness: what is analysed or shown is at most
2 s old, or is dropped and counted.

`make test-faults` injects each fault into real processes and a real RabbitMQ, publishes events while the fault lasts, and
accounts for every event that was confirmed. *Normal* is the number of seconds after the fault's end until the last event that
was told more than 2 s late; the target is {normal:.0f} s.

{date}, RabbitMQ {rabbitmq}, {cores} cores, Python {python}.

| Fault | Injected | Confirmed | Notified | Suppressed | Parked | Lost | Doubled | Normal |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def lines() -> list[Line]:
    """The lines of the last run, by the fault's name."""
    return sorted((Line(**json.loads(file.read_text())) for file in FOLDER.glob("*.json")), key=lambda line: line.fault)


def row(line: Line) -> str:
    """A row of the table."""
    normal = "–" if line.normal is None else f"{line.normal:.0f} s"
    counts = (line.confirmed, line.notified, line.suppressed, line.parked, line.lost, line.doubled)
    return f"| {line.fault} | {line.injected} | {' | '.join(map(str, counts))} | {normal} |"


def page() -> str:
    """The whole page."""
    introduction = _INTRODUCTION.format(
        normal=NORMAL,
        date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        rabbitmq=".".join(map(str, version())),
        cores=os.cpu_count(),
        python=platform.python_version(),
    )
    return introduction + "\n".join(map(row, lines())) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE.read_text())
