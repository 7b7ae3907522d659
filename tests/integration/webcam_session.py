"""Runs inside the emulated webcam machine: a camera through an unplugging and a replugging. Prints what it saw.

Arguments: `held` or `free`, the camera's command. `held`: this script has the device open all the time beside the camera,
as the loopback driver forgets, once nobody has it open and nobody feeds it, that it can be fed.
Its exit status is the camera's own; 70 if something did not happen in time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

PLUG = Path("/run/webcam")
PORT = 9101
#: Everything is ten times slower in there.
PATIENCE = 120.0


def metrics() -> dict[str, float]:
    """All samples, labels and all."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {m[1]: float(m[2]) for line in lines if (m := re.match(r"(seccam_\S+) (\S+)$", line))}


def until(what: str, true: Callable[[dict[str, float]], bool]) -> None:
    """Wait for it, and say so."""
    deadline = time.monotonic() + PATIENCE
    while not true(metrics()):
        if time.monotonic() > deadline:
            print(f"never: {what}", flush=True)
            sys.exit(70)
        time.sleep(0.3)
    print(f"seen: {what}", flush=True)


def published(now: dict[str, float]) -> float:
    return now.get('seccam_camera_frames_published_total{camera="front",topic="view"}', 0.0)


def up(now: dict[str, float]) -> bool:
    return now.get('seccam_camera_up{camera="front"}') == 1.0


def main() -> int:
    if sys.argv[1] == "held":
        os.open("/dev/video0", os.O_RDONLY)
    camera = subprocess.Popen(sys.argv[2:])
    until("pictures", lambda now: published(now) >= 5)
    PLUG.write_text("0\n")
    until("unplugged", lambda now: bool(now) and not up(now))
    before = published(metrics())
    PLUG.write_text("1\n")
    until("pictures again", lambda now: up(now) and published(now) >= before + 5)
    camera.terminate()
    return camera.wait(PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
