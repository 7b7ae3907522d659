"""When a camera sends its status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seccam.errors import BadMessage
from seccam.message import TopicStatus
from seccam.schedule import Slot
from seccam_camera.settings import CameraSettings
from seccam_camera.status import REPEAT_SECONDS, StatusReporter

OPEN = Slot(True, None)
CLOSED = Slot(False, datetime(2026, 11, 23, 19, tzinfo=UTC))


def reporter() -> StatusReporter:
    return StatusReporter(CameraSettings(name="front"), "Europe/Berlin")


def test_a_status_is_due_on_each_change_and_every_few_seconds() -> None:
    status_reporter, slots = reporter(), {"view": OPEN, "security": OPEN}
    again = 1.0 + REPEAT_SECONDS
    sent = [
        (at, status.state)
        for at, state in ((0.0, "starting"), (0.2, "starting"), (1.0, "live"), (1.2, "live"), (again, "live"), (7.0, "away"))
        if (status := status_reporter.due(state, "", slots, 1000 + at))  # type: ignore[arg-type]  # one of its literals
    ]

    assert sent == [(0.0, "starting"), (1.0, "live"), (again, "live"), (7.0, "away")]


def test_a_new_slot_or_reason_counts_as_a_change() -> None:
    status_reporter = reporter()

    assert status_reporter.due("away", "refused", {"view": OPEN, "security": OPEN}, 1000)
    assert status_reporter.due("away", "timeout", {"view": OPEN, "security": OPEN}, 1000.2)
    assert status_reporter.due("away", "timeout", {"view": CLOSED, "security": OPEN}, 1000.4)


def test_since_is_when_the_state_began() -> None:
    status_reporter = reporter()
    status_reporter.due("away", "refused", {"view": OPEN, "security": OPEN}, 1000)

    status = status_reporter.due("away", "timeout", {"view": OPEN, "security": OPEN}, 1004)

    assert status is not None
    assert status.since == 1_000_000
    assert status.ts_ms == 1_004_000


def test_a_status_contains_the_slot_and_rate_of_each_topic() -> None:
    status = reporter().due("live", "", {"view": CLOSED, "security": OPEN}, 1000)

    assert status is not None
    assert status.zone == "Europe/Berlin"
    assert status.topics["view"].open is False
    assert status.topics["view"].until == int(datetime(2026, 11, 23, 19, tzinfo=UTC).timestamp() * 1000)
    assert status.topics["security"].until is None
    assert status.topics["security"].fps == 2


def test_a_status_is_due_although_the_clock_was_set_back() -> None:
    status_reporter, slots = reporter(), {"view": OPEN, "security": OPEN}
    status_reporter.due("live", "", slots, 10_000)

    assert status_reporter.due("live", "", slots, 6_400)


@pytest.mark.parametrize("fps", ["0", "5e-324", "0.0009", "1e308", "Infinity", "NaN"])
def test_a_status_with_a_rate_without_a_sensible_interval_is_refused(fps: str) -> None:
    with pytest.raises(BadMessage):
        TopicStatus.decode(b'{"open": true, "fps": %b}' % fps.encode())


@pytest.mark.parametrize("fps", [0.001, 60])
def test_every_allowed_rate_fits_in_a_status(fps: float) -> None:
    settings = CameraSettings(name="front", view_fps=fps)

    status = StatusReporter(settings, "UTC").due("live", "", {"view": OPEN, "security": OPEN}, 1000)

    assert status is not None
    assert status.topics["view"].fps == fps
