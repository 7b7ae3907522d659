"""The messages that a worker publishes."""

from __future__ import annotations

import pytest

from seccam.frame import Frame
from seccam.message import CAMERA_CLEARED, CAMERA_COVERED, CameraEventType, decode_event
from seccam_security import reports
from seccam_security.sight import Change

FRAME = Frame("front", "b00t", 7, b"", 640, 360, 1_700_000_000_000, "Europe/Berlin")


@pytest.mark.parametrize(
    ("state", "initial", "copied"),
    [(CAMERA_COVERED, True, True), (CAMERA_COVERED, False, True), (CAMERA_CLEARED, False, True), (CAMERA_CLEARED, True, False)],
)
def test_only_a_workers_first_word_that_a_camera_sees_is_not_for_the_log(
    state: CameraEventType, initial: bool, copied: bool
) -> None:
    assert reports.camera_event(FRAME, Change(state, 1_700_000_000.0, initial)).copied == copied


def test_an_event_of_a_camera_says_which_frame_decided() -> None:
    message = reports.camera_event(FRAME, Change(CAMERA_COVERED, 1_700_000_000.0, initial=False))
    event = decode_event(message.body)

    assert (event.id, event.time.timestamp(), event.camera) == ("front-covered-b00t-7", 1_700_000_000.0, "front")
    assert message.message_id == event.id
