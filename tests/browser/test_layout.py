"""How the page lies on screens of every size, and pictures of it for people to look at."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pictures, seen
from tests.browser.conftest import DESKTOP, PHONE, Open, keep
from tests.browser.scripted import ScriptedMonitor, now_ms
from tests.waiting import eventually

Scripted = Callable[..., ScriptedMonitor]

_SIZES = [(320, 640), (390, 844), (768, 1024), (844, 390), (844, 345), (1440, 810), (2560, 1440)]
_COUNTS = [1, 2, 5, 9, 16]
_NAMES = [("front", "a-camera-with-a-very-long-name-x")[n == 1] if n < 2 else f"cam-{n}" for n in range(16)]
_PHONES = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}

#: Everything that lies where it shouldn't, in words.
_FAULTS = """() => {
  const faults = [];
  const main = document.querySelector("#main");
  for (const node of [document.documentElement, main, document.querySelector(".visits"), document.querySelector(".header")])
    if (node.scrollWidth > node.clientWidth) faults.push(`${node.tagName} scrolls sideways`);
  for (const tile of document.querySelectorAll(".tile:not([hidden])")) {
    const name = tile.querySelector(".name").textContent;
    const around = tile.querySelector(".caption").getBoundingClientRect();
    const parts = [...tile.querySelectorAll(".name, .state, .caption .faces, .caption .rate, .caption .age")]
      .map(node => [node.className, node.getBoundingClientRect()]).filter(([, box]) => box.width);
    for (const [what, box] of parts)
      if (box.left < around.left - 1 || box.right > around.right + 1 || box.bottom > around.bottom + 1)
        faults.push(`${name}: ${what} leaves the caption`);
    for (const [what, a] of parts) for (const [other, b] of parts)
      if (what < other && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        faults.push(`${name}: ${what} lies on ${other}`);
  }
  return faults;
}"""


def _show_all(monitor: ScriptedMonitor) -> None:
    for camera in monitor.cameras:
        monitor.show(camera.name, pictures.numbered(1))
        monitor.see(camera.name, pictures.FACE, pictures.FACE)


def test_every_number_of_cameras_fits_every_screen(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted()
    page = open_page(monitor.url)
    for count in _COUNTS:
        monitor.cameras = ScriptedMonitor.of(*_NAMES[:count])
        monitor.send_cameras()
        monitor.send_status()
        expect(page.locator(".tile")).to_have_count(count)
        for width, height in _SIZES:
            page.set_viewport_size({"width": width, "height": height})
            eventually(monitor.watched, what="tiles in sight")
            _show_all(monitor)
            eventually(lambda: page.evaluate(_FAULTS) == [], within=3, what=f"{count} cameras in order at {width} x {height}")
            if (width, height, count) == (844, 345, 1):
                assert seen.place(page.locator(".tile"))["y"] + seen.place(page.locator(".tile"))["height"] <= 345
            if (width, height, count) == (1440, 810, 9):
                tiles = page.locator(".tile").evaluate_all("tiles => tiles.map(t => t.getBoundingClientRect().bottom)")
                assert max(tiles) <= 810
                assert len(tiles) == 9


@pytest.mark.parametrize(("width", "height"), [(1440, 810), (390, 844)])
def test_text_of_twice_the_size_stays_usable(open_page: Open, scripted: Scripted, width: int, height: int) -> None:
    monitor = scripted("front", "yard")
    monitor.event("front", "one", late_s=840)
    page = open_page(monitor.url, viewport={"width": width, "height": height})
    monitor.film(5)
    page.evaluate("document.documentElement.style.fontSize = '32px'")
    seen.awaits(page, "front", "Live")
    monitor.see("front", pictures.FACE)
    expect(seen.part(page, "front", "faces")).to_be_visible()

    keep(page, f"large-text-{width}")

    assert page.evaluate(_FAULTS) == []
    assert seen.place(seen.part(page, "front", "age"))["height"] >= 32


@pytest.mark.alone  # other tests' load changes the frame rate shown, and with it the width of its text
def test_nothing_moves_while_pictures_do(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard", "gate")
    page = open_page(monitor.url)
    monitor.film(10)
    for name in ("front", "yard", "gate"):
        seen.awaits(page, name, "Live")
    page.wait_for_timeout(300)
    page.evaluate(
        """() => {
          globalThis.shifts = [];
          const moved = list => list.getEntries().flatMap(shift => shift.sources.map(source => source.node?.className));
          new PerformanceObserver(list => shifts.push(...moved(list))).observe({ type: "layout-shift" });
        }"""
    )
    for n in range(20):
        monitor.see("front", pictures.FACE)
        if n == 10:
            monitor.event("front", "new")
        time.sleep(0.1)

    assert page.evaluate("shifts") == []


def _in_every_state(monitor: ScriptedMonitor, page: Page) -> None:
    """Tiles front (live, two faces), yard (stale), garage (away), shop (off), and some events."""
    until = round(time.time() * 1000) + 5 * 3_600_000
    monitor.camera("shop").state, monitor.camera("shop").until = "off", until
    for n, (name, faces, age) in enumerate([("yard", 1, 7600), ("front", 1, 840), ("front", 2, 65), ("garage", 1, 40)]):
        monitor.event(name, f"event-{n}", faces=faces, age=age, late_s=840 if n == 1 else 0)
    eventually(lambda: {"front", "yard"} <= monitor.watched(), what="pictures asked for")
    monitor.film(15, "front")
    monitor.show("garage", pictures.numbered(6))
    monitor.show("yard", pictures.numbered(5), age=1.9)
    seen.awaits(page, "front", "Live")
    seen.awaits(page, "yard", "Stale")
    monitor.camera("garage").state = "away"
    monitor.send_status()
    seen.awaits(page, "garage", "Away")
    monitor.event("front", "now", faces=2, age=0.5)
    rects = seen.part(page, "front", "boxes").locator("rect")

    def boxed() -> bool:
        monitor.see("front", pictures.FACE, (120, 420, 140, 180))
        return rects.count() == 4

    eventually(boxed, every=0.1, what="both boxes, which stay for two seconds")
    page.wait_for_timeout(300)


@pytest.mark.parametrize(("scheme", "kind"), list(itertools.product(["light", "dark"], ["desktop", "phone"])), ids=str)
def test_the_page_in_all_states_is_kept_to_look_at(open_page: Open, scripted: Scripted, scheme: str, kind: str) -> None:
    monitor = scripted("front", "yard", "garage", "shop")
    options: dict[str, Any] = {"viewport": DESKTOP} if kind == "desktop" else {"viewport": PHONE, **_PHONES}
    page = open_page(monitor.url, color_scheme=scheme, **options)
    _in_every_state(monitor, page)
    expect(page.locator("#counts")).to_have_text("1 away · 1 stale · 1 live · 1 off")
    keep(page, f"grid-{kind}-{scheme}")
    if kind == "phone":
        page.locator("#main").evaluate("main => main.scrollTo(0, main.scrollHeight)")
        page.wait_for_timeout(100)
        keep(page, f"grid-{kind}-{scheme}-end")
        page.locator("#strip").click()
        expect(page.get_by_role("heading", name="Visits")).to_be_visible()
        keep(page, f"events-{kind}-{scheme}")
    page.locator(".visit button").first.click()
    expect(page.locator("#visit-dialog")).to_be_visible()
    page.wait_for_timeout(100)
    keep(page, f"event-{kind}-{scheme}")
    page.get_by_role("button", name="Watch this camera").click()
    expect(page.get_by_role("button", name="All cameras")).to_be_visible()
    seen.moves(page, "front")
    there = eventually(partial(_box_of_a_face, monitor, page), every=0.1, what="a box")
    keep(page, f"camera-view-{kind}-{scheme}")
    assert page.evaluate(_FAULTS) == []
    assert there == pytest.approx(seen.on_screen(page, "front", pictures.FACE, (1280, 720)), abs=2)


def _box_of_a_face(monitor: ScriptedMonitor, page: Page) -> list[float]:
    """Where the box of the face that a worker sees now lies on the page; empty before it is drawn."""
    monitor.see("front", pictures.FACE)
    return list(
        seen.part(page, "front", "boxes").evaluate(
            """boxes => {
              if (boxes.childElementCount !== 2) return [];
              const { x, y, width, height } = boxes.firstElementChild.getBoundingClientRect();
              return [x, y, width, height];
            }"""
        )
    )


@pytest.mark.parametrize(("kind", "scheme"), [("desktop", "dark"), ("phone", "light")])
def test_bars_and_first_run_are_kept_to_look_at(open_page: Open, scripted: Scripted, kind: str, scheme: str) -> None:
    monitor = scripted()
    options: dict[str, Any] = {"viewport": DESKTOP} if kind == "desktop" else {"viewport": PHONE, **_PHONES}
    page = open_page(monitor.url, color_scheme=scheme, **options)
    expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
    keep(page, f"first-run-{kind}-{scheme}")
    assert page.evaluate(_FAULTS) == []
    monitor.cameras = ScriptedMonitor.of("front", "yard")
    monitor.send_cameras()
    monitor.broker_lost = now_ms()
    monitor.send_status()
    expect(page.locator("#bar-broker")).to_be_visible()
    keep(page, f"no-broker-{kind}-{scheme}")
    monitor.stop()
    expect(page.locator("#bar-server")).to_be_visible()
    keep(page, f"no-connection-{kind}-{scheme}")
    assert page.evaluate(_FAULTS) == []
