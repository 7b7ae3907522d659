"""The texts of a notification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seccam.message import CameraEvent, FaceEvent
from seccam_notifier.memory import JournalEntry
from seccam_notifier.notification import Notification, Writer
from tests.unit.notifier.events import NOON, at, camera_event, face


def texts_of(notification: Notification) -> tuple[str, str, str]:
    """Those that IFTTT gets."""
    return notification.camera, notification.what, notification.when


@pytest.mark.parametrize(
    ("event", "late", "texts"),
    [
        (face(faces=2, zone="Europe/Berlin"), 1, ("front", "2", "2026-03-10 13:00:00 CET")),
        (face(zone="America/New_York"), 59, ("front", "1", "2026-03-10 08:00:00 EDT")),
        (face(zone="Europe/Berlin"), 14 * 60 + 5, ("front", "1", "2026-03-10 13:00:00 CET, delayed 14 min")),
        (face(zone="Europe/Berlin"), 125 * 60, ("front", "1", "2026-03-10 13:00:00 CET, delayed 2 h 5 min")),
        (camera_event(kind="offline", zone="UTC"), 0, ("front", "offline", "2026-03-10 12:00:00 UTC")),
        (camera_event(kind="online", zone="UTC"), -3600, ("front", "online", "2026-03-10 12:00:00 UTC")),
        (face(), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (face(zone="No/Where"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (face(zone="../../etc/passwd"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
        (face(zone="\0"), 0, ("front", "1", "2026-03-10 21:00:00 JST")),
    ],
)
def test_a_notification_says_camera_faces_and_local_time(
    event: FaceEvent | CameraEvent, late: float, texts: tuple[str, str, str]
) -> None:
    assert texts_of(Writer(default_zone="Asia/Tokyo").write(event, [], at(late))) == texts


@pytest.mark.parametrize(
    ("others", "texts"),
    [
        ([], ("front", "1", "2026-03-10 12:00:00 UTC")),
        ([face(1)], ("front", "1", "2026-03-10 12:00:00 UTC, 2 events")),
        ([face(1, camera="yard", faces=3), face(2)], ("yard, front", "3", "2026-03-10 12:00:00 UTC, 3 events")),
        (
            [face(camera=f"cam-{n}") for n in range(5)],
            ("cam-0, cam-1, cam-2 and 3 more", "1", "2026-03-10 12:00:00 UTC, 6 events"),
        ),
    ],
    ids=["none", "one", "of another camera", "of many"],
)
def test_a_sum_says_the_cameras_the_most_faces_and_how_many_events(others: list[FaceEvent], texts: tuple[str, str, str]) -> None:
    entries = [JournalEntry.of(other, "notified") for other in others]
    assert texts_of(Writer().write(face(zone="UTC"), entries, at(1))) == texts


def test_a_sum_of_lost_cameras_says_that_they_are_offline() -> None:
    others = [JournalEntry.of(camera_event(camera="yard"), "notified")]
    sent = Writer().write(camera_event(zone="UTC"), others, at(1))
    assert texts_of(sent) == ("yard, front", "offline", "2026-03-10 12:00:00 UTC, 2 events")


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_zone_breaks_a_notification(zone: str, default: str) -> None:
    assert Writer(default_zone=default).write(face(zone=zone), [], NOON).what == "1"


@pytest.mark.parametrize(
    ("event", "others", "late", "text"),
    [
        (face(faces=2, zone="Europe/Berlin"), [], 1, "2 faces at front, 13:00:00"),
        (face(zone="UTC"), [], 14 * 60, "1 face at front, 12:00:00, 14 min late"),
        (face(zone="UTC"), [face(1, camera="yard", faces=3)], 1, "2 events at yard, front, at most 3 faces, 12:00:00"),
        (camera_event(kind="offline", zone="UTC"), [], 0, "front is offline, 12:00:00"),
        (camera_event(kind="frozen", zone="UTC"), [], 0, "front shows always the same picture, 12:00:00"),
        (camera_event(zone="UTC"), [camera_event(camera="yard")], 1, "2 events at yard, front: offline, 12:00:00"),
    ],
)
def test_a_notification_is_also_one_sentence(
    event: FaceEvent | CameraEvent, others: list[FaceEvent | CameraEvent], late: float, text: str
) -> None:
    entries = [JournalEntry.of(other, "notified") for other in others]
    assert Writer().write(event, entries, at(late)).text == text


def test_the_text_is_a_setting() -> None:
    own = Writer("{count} @ {camera} on {date} ({zone}){late}")
    assert own.write(face(faces=2, zone="Europe/Berlin"), [], at(125 * 60)).text == "2 @ front on 2026-03-10 (CET), 2 h 5 min late"


def test_a_notification_leads_to_the_event_on_the_page() -> None:
    written = Writer(page="https://cameras.example/").write(face(id_="front-b-1"), [], NOON)
    assert written.link == "https://cameras.example/#event/front-b-1"
    odd = Writer(page="https://cameras.example").write(face(id_="a%/#b"), [], NOON)
    assert odd.link == "https://cameras.example/#event/a%25%2F%23b"


def test_a_notification_of_a_camera_itself_leads_to_the_camera_on_the_page() -> None:
    written = Writer(page="https://cameras.example/").write(camera_event(kind="offline"), [], NOON)
    assert written.link == "https://cameras.example/#front"
