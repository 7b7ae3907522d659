"""The list of visits: one row each, whatever happens during it."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.brokers import RunningBroker
from tests.browser import pictures, seen
from tests.browser.chain import FakeWorker, Monitor
from tests.browser.conftest import DESKTOP, PHONE, MakeCamera, Open, keep
from tests.browser.scripted import ScriptedMonitor
from tests.waiting import eventually

Scripted = Callable[..., ScriptedMonitor]
#: With a date, shortly after midnight.
_TIME = r"(\d+ [A-Z][a-z]+ )?\d\d:\d\d:\d\d"


def test_a_visit_keeps_its_row_and_place_until_it_is_over(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    monitor.event("front", "visit", age=30)
    monitor.event("yard", "newer", age=10)
    expect(page.locator(".visit .what")).to_have_text(["1 face · yard", "1 face · front"])
    row = page.locator(".visit").nth(1)
    expect(row.locator(".when")).to_have_text(re.compile(rf"^Since {_TIME}$"))

    monitor.event("front", "visit", age=30, faces=2, seconds=20)
    expect(page.locator(".visit .what")).to_have_text(["1 face · yard", "2 faces · front"])
    assert row.locator("img").get_attribute("src") == "/events/visit/picture.jpg?faces=2"

    monitor.event("front", "visit", age=300, faces=2, seconds=240, over=True)
    expect(row.locator(".when")).to_have_text(re.compile(rf"^{_TIME} · for 4 min$"))
    expect(page.locator(".visit")).to_have_count(2)


def test_an_open_visit_follows_its_row(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    monitor.event("front", "late", age=10)
    row = page.locator(".visit button")
    row.click()
    dialog = page.locator("#visit-dialog")
    expect(dialog.locator("h2")).to_have_text("1 face · front")

    monitor.event("front", "visit", age=40, faces=3, seconds=30, absorbed=["late"])

    expect(dialog.locator("h2")).to_have_text("3 faces · front")
    expect(dialog).to_contain_text("Scores 0.97, 0.97, 0.97")
    expect(page.locator(".visit")).to_have_count(1)
    page.keyboard.press("Escape")
    monitor.event("front", "visit", age=40, faces=3, seconds=35)  # what doesn't move keeps the focus
    row.focus()
    monitor.event("front", "visit", age=40, faces=4, seconds=36)
    expect(page.locator(".visit .what")).to_have_text("4 faces · front")
    expect(row).to_be_focused()


def test_rows_that_turn_out_to_be_one_visit_are_one_also_if_the_page_missed_that(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    for event_id, age in [("first", 100), ("second", 30)]:
        monitor.event("front", event_id, age=age)
    monitor.event("yard", "other", age=50)
    expect(page.locator(".visit")).to_have_count(3)
    monitor.stop()
    monitor.event("front", "first", age=100, seconds=80, absorbed=["second"], send=False)
    monitor.start()

    expect(page.locator(".visit .what")).to_have_text(["1 face · yard", "1 face · front"])


def test_a_visit_that_the_monitor_no_longer_lists_is_over(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    monitor.event("yard", "forgotten", age=20)
    monitor.event("front", "lasting", age=10)
    expect(page.locator(".visit.lasting")).to_have_count(2)
    monitor.stop()
    monitor.events = [event for event in monitor.events if event["id"] != "forgotten"]
    monitor.start()

    expect(page.locator(".visit.lasting .what")).to_have_text(["1 face · front"])
    expect(page.locator(".visit")).to_have_count(2)


@pytest.mark.parametrize(
    ("change", "spoken"),
    [
        ({"seconds": 20}, "yard 1 face."),
        ({"seconds": 20, "over": True}, "yard 1 face."),
        ({"faces": 3, "seconds": 20}, "front 3 faces, yard 1."),
        ({"age": 80.0}, "yard 1 face."),
    ],
    ids=["it goes on", "it is over", "more faces", "it began earlier"],
)
def test_only_a_new_visit_and_more_faces_are_spoken(
    open_page: Open, scripted: Scripted, change: dict[str, Any], spoken: str
) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    page.evaluate(
        """() => {
          globalThis.spoken = [];
          const status = document.querySelector("[role=status]");
          new MutationObserver(() => spoken.push(status.textContent)).observe(status, { childList: true, characterData: true });
        }"""
    )
    monitor.event("front", "visit", age=30, faces=2)
    eventually(lambda: page.evaluate("spoken") == ["front 2 faces."])

    monitor.event("front", "visit", **{"age": 30, "faces": 2, **change})
    monitor.event("yard", "last")  # when this one is spoken, the other has had its time

    eventually(lambda: page.evaluate("spoken") == ["front 2 faces.", spoken], within=15)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_the_list_for_people_to_look_at(
    open_page: Open, scripted: Scripted, scheme: str, viewport: dict[str, int]
) -> None:
    monitor = scripted("front", "garden-gate", "yard")
    day = 86_400.0
    monitor.event("yard", "yesterday", age=day, seconds=7, faces=1)
    monitor.event("front", "delayed", age=7200, seconds=100, late_s=840)
    monitor.event("garden-gate", "long", age=5400, seconds=4000, faces=2)
    monitor.event("yard", "glance", age=900)
    monitor.event("front", "over", age=400, seconds=245, faces=2)
    monitor.event("garden-gate", "lasting", age=200, seconds=190, over=False, faces=3)
    page = open_page(monitor.url, viewport=viewport, color_scheme=scheme)
    monitor.film(10)
    seen.awaits(page, "front", "Live")
    expect(page.locator(".visit")).to_have_count(6)
    name = "phone" if viewport is PHONE else "desktop"
    keep(page, f"visits-{name}-{scheme}")
    if viewport is PHONE:
        expect(page.locator("#strip")).to_contain_text("3 faces · garden-gate · now")
        page.locator("#strip").click()
        expect(page.locator(".visit").first).to_be_visible()
        keep(page, f"visits-list-{name}-{scheme}")
    assert page.locator(".visit .when").evaluate_all("all => all.every(w => w.scrollWidth <= w.clientWidth)")


def test_a_visit_has_one_row_from_the_first_face_until_long_after_the_last(
    open_page: Open, broker: RunningBroker, cameras: MakeCamera, worker: FakeWorker
) -> None:
    monitor = Monitor(broker, gap=2).start()
    try:
        page = open_page(monitor.url)
        camera = cameras("front").start()
        seen.awaits(page, "front", "Live")
        began = time.time()
        worker.announces(camera.send(), pictures.FACE)
        row = page.locator(".visit")
        expect(row.locator(".when")).to_have_text(re.compile("^Since "))
        while time.time() - began < 4:
            worker.keeps_seeing(camera.send(), began)
            time.sleep(0.5)
        expect(row.locator(".when")).to_have_text(re.compile("^Since "))
        worker.announces(camera.send(), pictures.FACE, pictures.FACE)
        expect(row.locator(".what")).to_have_text("2 faces · front")
        worker.keeps_seeing(camera.send(), began, gone=True)
        expect(row.locator(".when")).to_have_text(re.compile(rf"^{_TIME} · for \d+ s$"))

        worker.announces(camera.send(), pictures.FACE)  # the next visit
        expect(row.locator(".what")).to_have_text(["1 face · front", "2 faces · front"])
    finally:
        monitor.end(signal.SIGKILL)
