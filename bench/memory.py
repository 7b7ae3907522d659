"""Whether the memory of each service stays level over ten minutes of the demo."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.chain import chain, python, running

SECONDS = 600.0
_EVERY = 15.0
#: Seconds in which caches fill and allocators settle; growth is measured after them.
_SETTLED = 180.0
#: Percent of growth that still counts as level: the broker's garbage collector varies by as much.
_LEVEL = 5.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Growth:
    """One part's resident memory, MiB."""

    settled: float
    end: float

    @property
    def percent(self) -> float:
        """Growth since it settled."""
        return (self.end / self.settled - 1) * 100


def measure(seconds: float = SECONDS) -> dict[str, Growth]:
    """Run the demo camera with one viewer and one worker; medians of three samples after settling and at the end."""
    samples: list[tuple[float, dict[str, int]]] = []
    folder = Path(tempfile.mkdtemp(prefix="seccam-bench-"))
    with chain(folder / "seccam", "demo=demo") as seccam:
        url = f"{seccam.address}/cameras/demo/stream.mjpeg"
        with running(*python("bench.reader", url, str(seconds), str(folder / "viewer.txt"))):
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                samples.append((passed, seccam.memory()))
                time.sleep(_EVERY)
    settled = [s for at, s in samples if at >= min(_SETTLED, seconds / 3)]
    return {part: Growth(_middle(settled[:3], part), _middle(settled[-3:], part)) for part in samples[0][1] if samples[0][1][part]}


def _middle(samples: list[dict[str, int]], part: str) -> float:
    return sorted(s[part] for s in samples)[len(samples) // 2] / _MIB


def section(growth: dict[str, Growth]) -> str:
    """The results as a section of docs/benchmarks.md."""
    lines = [
        "## Memory",
        "",
        f"Resident memory during {SECONDS / 60:.0f} minutes of the demo with one viewer and one worker:",
        f"after {_SETTLED / 60:.0f} minutes, and at the end.",
        "",
        report.HEAD,
        *(
            report.row(
                part,
                f"{of.settled:.0f} MiB, {of.end:.0f} MiB: {of.percent:+.1f} %",
                f"level (≤ {_LEVEL:.0f} %)",
                of.percent <= _LEVEL,
            )
            for part, of in growth.items()
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(section(measure()))
