"""`python -m tests.faults.page`: writes the faults of the last run into docs/reliability.md, and leaves its other sections."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
from pathlib import Path

from seccam_local.node import version
from tests.faults.ledger import Line, kept
from tests.faults.row import NORMAL

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

EVENTS, FRAMES = "Faults and events", "Faults and frames"

_TABLES = {
    EVENTS: f"""\
`make test-faults` injects each fault into real processes and a real RabbitMQ, publishes events while the fault lasts, and
accounts for every event that was confirmed. *Normal* is the number of seconds after the fault's end until the last event that
was told more than 2 s late; the target is {NORMAL:.0f} s.

| Fault | Injected | Confirmed | Notified | Suppressed | Parked | Lost | Doubled | Normal |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
""",
    FRAMES: """\
Frames under faults of the same run.

| Fault | Injected | Seen |
| --- | --- | --- |
""",
}


def row(line: Line) -> str:
    """A row of the first table."""
    normal = "–" if line.normal is None else f"{line.normal:.0f} s"
    counts = (line.confirmed, line.notified, line.suppressed, line.parked, line.lost, line.doubled)
    return f"| {line.fault} | {line.injected} | {' | '.join(map(str, counts))} | {normal} |"


def rows() -> dict[str, list[str]]:
    """The rows of the last run, by the headings of their tables."""
    return {
        EVENTS: [row(Line(**one)) for one in kept("events")],
        FRAMES: [f"| {one['fault']} | {one['injected']} | {one['seen']} |" for one in kept("frames")],
    }


def former(heading: str) -> list[str]:
    """The rows that the page has under this heading."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


def merged(before: list[str], after: list[str]) -> list[str]:
    """The rows by the fault's name, of each the newest."""
    return sorted({line.split(" | ")[0]: line for line in (*before, *after)}.values())


def write(heading: str, text: str) -> None:
    """Replace the section under this heading, which says when and where it was made."""
    made = (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, RabbitMQ {'.'.join(map(str, version()))}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n"
    )
    introduction, *sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    sections = [one for one in sections if not one.startswith(f"{heading}\n")] + [f"{heading}\n\n{made}\n{text}"]
    PAGE.write_text("\n\n## ".join(part.strip() for part in [introduction, *sorted(sections)]) + "\n")


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the rows of faults that this run didn't inject")
    options = parser.parse_args()
    for heading, new in rows().items():
        if new:
            table = merged(former(heading) if options.keep else [], new)
            write(heading, _TABLES[heading] + "\n".join(table))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
