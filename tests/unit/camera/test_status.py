"""When the camera says how it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seccam.errors import BadMessage
from seccam.message import TopicStatus
from seccam_camera.schedule import Slot
from seccam_camera.settings import CameraSettings
from seccam_camera.status import REPEAT_SECONDS, StatusReporter

OPEN = Slot(True, None)
CLOSED = Slot(False, datetime(2026, 11, 23, 19, tzinfo=UTC))


def reporter() -> StatusReporter:
    return StatusReporter(CameraSettings(name="front"), "Europe/Berlin")


def test_it_says_so_on_each_change_and_every_few_seconds_and_not_in_between() -> None:
    told, slots = reporter(), {"view": OPEN, "security": OPEN}
    again = 1.0 + REPEAT_SECONDS
    said = [
        (at, status.state)
        for at, state in ((0.0, "starting"), (0.2, "starting"), (1.0, "live"), (1.2, "live"), (again, "live"), (7.0, "away"))
        if (status := told.due(state, "", slots, 1000 + at))  # type: ignore[arg-type]  # one of its literals
    ]

    assert said == [(0.0, "starting"), (1.0, "live"), (again, "live"), (7.0, "away")]


def test_a_change_of_a_slot_or_of_the_reason_is_a_change() -> None:
    told = reporter()

    assert told.due("away", "refused", {"view": OPEN, "security": OPEN}, 1000)
    assert told.due("away", "timeout", {"view": OPEN, "security": OPEN}, 1000.2)
    assert told.due("away", "timeout", {"view": CLOSED, "security": OPEN}, 1000.4)


def test_since_is_when_the_state_began_whatever_else_changes() -> None:
    told = reporter()
    told.due("away", "refused", {"view": OPEN, "security": OPEN}, 1000)

    status = told.due("away", "timeout", {"view": OPEN, "security": OPEN}, 1004)

    assert status is not None
    assert status.since == 1_000_000
    assert status.ts_ms == 1_004_000


def test_it_tells_each_topic_s_slot_and_rate() -> None:
    status = reporter().due("live", "", {"view": CLOSED, "security": OPEN}, 1000)

    assert status is not None
    assert status.zone == "Europe/Berlin"
    assert status.topics["view"].open is False
    assert status.topics["view"].until == int(datetime(2026, 11, 23, 19, tzinfo=UTC).timestamp() * 1000)
    assert status.topics["security"].until is None
    assert status.topics["security"].fps == 2


def test_a_clock_that_is_set_back_does_not_silence_it() -> None:
    told, slots = reporter(), {"view": OPEN, "security": OPEN}
    told.due("live", "", slots, 10_000)

    assert told.due("live", "", slots, 6_400)


@pytest.mark.parametrize("fps", ["0", "5e-324", "0.0009", "1e308", "Infinity", "NaN"])
def test_a_rate_whose_interval_is_no_sensible_number_is_no_message(fps: str) -> None:
    with pytest.raises(BadMessage):
        TopicStatus.decode(b'{"open": true, "fps": %b}' % fps.encode())


@pytest.mark.parametrize("fps", [0.001, 60])
def test_every_rate_that_can_be_set_can_be_told(fps: float) -> None:
    settings = CameraSettings(name="front", view_fps=fps)

    status = StatusReporter(settings, "UTC").due("live", "", {"view": OPEN, "security": OPEN}, 1000)

    assert status is not None
    assert status.topics["view"].fps == fps
