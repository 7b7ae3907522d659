"""When everything counts as ready."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

import pytest

from seccam_local import readiness
from seccam_local.readiness import NO_ANSWER
from seccam_local.stack import Service, build_stack

SERVICES = build_stack({"SECCAM_CAMERAS": "a=x b=y"}, webcam=False).services
AWAY = {"camera-b": "frames: refused: nothing is listening there"}


@pytest.mark.parametrize(
    ("missing", "complete"),
    [
        ({}, True),
        (AWAY, True),
        ({"camera-b": NO_ANSWER}, False),
        (AWAY | {"camera-a": NO_ANSWER}, False),
        (AWAY | {"monitor": "broker: subscribing"}, False),
        ({"notifier": NO_ANSWER}, False),
    ],
)
def test_only_cameras_that_answer_may_be_missing(missing: dict[str, str], complete: bool) -> None:
    assert readiness.complete_but_for_pictures(SERVICES, missing) is complete


def waited(looks: list[Mapping[str, str]], monkeypatch: pytest.MonkeyPatch) -> tuple[Mapping[str, str], int]:
    """What is missing at the end of the wait, and how many looks it took; the last of `looks` repeats."""
    taken = 0

    def look(_: Iterable[Service]) -> Mapping[str, str]:
        nonlocal taken
        taken += 1
        return looks[min(taken, len(looks)) - 1]

    monkeypatch.setattr(readiness, "not_ready", look)
    monkeypatch.setattr(readiness, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(readiness, "PICTURE_SECONDS", 2.5)
    monkeypatch.setattr(readiness, "time", SimpleNamespace(monotonic=lambda: float(taken)))  # a second each look
    missing = readiness.wait(SERVICES, threading.Event(), lambda _: None)
    assert missing is not None
    return missing, taken


def test_a_camera_that_soon_becomes_live_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited([{"monitor": NO_ANSWER}, AWAY, AWAY, {}], monkeypatch) == ({}, 4)


def test_a_camera_that_stays_away_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    missing, looks = waited([{"monitor": NO_ANSWER}, AWAY], monkeypatch)

    assert (missing, looks) == (AWAY, 5)


def test_a_stop_ends_the_wait_for_readiness() -> None:
    stop = threading.Event()
    stop.set()

    assert readiness.wait(SERVICES, stop, lambda _: None) is None
