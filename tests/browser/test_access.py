"""The page without a mouse, without eyes, without colours, with a finger."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pictures, seen
from tests.browser.conftest import DESKTOP, PHONE, Open, keep
from tests.browser.scripted import ScriptedMonitor, now_ms
from tests.waiting import eventually

Scripted = Callable[..., ScriptedMonitor]

#: Text that is hard to read: WCAG 2's contrast under 4.5 (3 for large text) between what is written and what it is written on.
FAINT = """() => {
  const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let n = node; n; n = n.parentElement) {
      const colour = rgb(getComputedStyle(n).backgroundColor);
      if ((colour[3] ?? 1) > 0.99) return colour;
    }
    return rgb(getComputedStyle(document.body).backgroundColor);
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility() || node.closest(".visually-hidden, .skip, template")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgb(style.color)), light(behind(node))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < (size >= 24 ? 3 : 4.5)) faint.push(`${text.data.trim()}: ${contrast.toFixed(2)}`);
    if (size < 13) faint.push(`${text.data.trim()}: ${size} px`);
  }
  return faint;
}"""

#: What a screen reader or a finger would stumble over.
STUMBLES = """() => {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map(n => n.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id ${id} twice`);
  for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const id of [node.getAttribute("aria-labelledby"), node.getAttribute("aria-describedby")])
      if (id && !document.getElementById(id)) found.push(`no ${id}`);
  for (const img of document.querySelectorAll("img")) if (!img.hasAttribute("alt")) found.push(`no alt: ${img.src}`);
  if (document.querySelector("canvas[role=img]:not([aria-label])")) found.push("a picture without a name");
  for (const node of document.querySelectorAll("button, a[href], input")) {
    if (!node.checkVisibility() || node.classList.contains("skip")) continue;
    const name = node.getAttribute("aria-label") ?? (node.labels?.[0] ?? node).textContent.trim();
    if (!name) found.push(`no name: ${node.outerHTML.slice(0, 80)}`);
    const box = node.getBoundingClientRect();
    if (box.width < 44 || box.height < 44) found.push(`${name}: ${box.width} x ${box.height} px`);
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (!document.documentElement.lang) found.push("no lang");
  return found;
}"""


def _in_focus(page: Page) -> str:
    name = page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()")
    return str(name)


def test_the_keyboard_leads_everywhere(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard", "gate")
    monitor.event("yard", "one", age=60)
    page = open_page(monitor.url)
    monitor.film(5)
    for name in ("front", "yard", "gate"):
        seen.awaits(page, name, "Live")

    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(_in_focus(page))
    assert order[:4] == ["Skip to the cameras", "front, live, enlarge", "yard, live, enlarge", "gate, live, enlarge"]
    assert order[4].startswith("1 face · yard")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    ring = seen.tile(page, "yard").evaluate("tile => getComputedStyle(tile).outline")
    assert "solid 3px" in ring

    page.keyboard.press("Enter")
    expect(page).to_have_url(monitor.url + "#yard")
    expect(page.get_by_role("button", name="All cameras")).to_be_focused()
    eventually(lambda: monitor.watched() == {"yard"}, what="only one camera asked for")
    seen.moves(page, "yard")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(monitor.url + "#gate")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(monitor.url + "#front")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(monitor.url + "#gate")
    page.keyboard.press("Escape")
    expect(seen.tile(page, "front")).to_be_visible()
    expect(page.get_by_role("button", name="gate, live, enlarge")).to_be_focused()
    assert page.evaluate("location.hash") == ""

    page.locator(".visit button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#visit-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#visit-dialog")).to_be_hidden()
    assert _in_focus(page).startswith("1 face · yard")


def test_a_link_opens_a_camera_and_back_leads_to_the_grid(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url + "#yard")
    expect(seen.tile(page, "front")).to_be_hidden()
    expect(page.get_by_role("link", name="Snapshot")).to_have_attribute("href", "/cameras/yard/snapshot.jpg")

    page.get_by_role("button", name="All cameras").click()

    expect(seen.tile(page, "front")).to_be_visible()
    seen.part(page, "front", "open").click()
    expect(seen.tile(page, "yard")).to_be_hidden()
    page.go_back()
    expect(seen.tile(page, "yard")).to_be_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_all_cameras_leads_to_the_grid_from_everywhere(open_page: Open, scripted: Scripted, viewport: dict[str, int]) -> None:
    monitor = scripted("front", "yard")
    monitor.event("yard", "one")
    page = open_page(monitor.url, viewport=viewport)
    narrow = viewport is PHONE
    seen.part(page, "front", "open").click()
    if narrow:
        page.locator("#strip").click()
    page.locator(".visit button").click()
    page.get_by_role("button", name="Watch this camera").click()
    expect(page).to_have_url(monitor.url + "#yard")

    page.get_by_role("button", name="All cameras").click()

    expect(seen.tile(page, "front")).to_be_visible()
    expect(seen.tile(page, "yard")).to_be_visible()
    assert page.evaluate("location.hash") == ""
    expect(page.get_by_role("button", name="yard, starting, enlarge")).to_be_focused()


def test_all_cameras_leads_to_the_grid_after_a_link_and_the_list(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    monitor.event("yard", "one")
    page = open_page(monitor.url + "#front", viewport=PHONE)
    page.locator("#strip").click()
    page.get_by_role("button", name="Close").click()
    expect(page).to_have_url(monitor.url + "#front")
    page.locator("#strip").click()
    page.locator(".visit button").click()
    page.get_by_role("button", name="Watch this camera").click()
    page.get_by_role("button", name="All cameras").click()

    expect(seen.tile(page, "front")).to_be_visible()
    expect(seen.tile(page, "yard")).to_be_visible()


def test_with_an_unknown_camera_in_the_address_the_grid_works_as_usual(open_page: Open, scripted: Scripted) -> None:
    page = open_page(scripted("front", "yard").url + "#old")
    seen.part(page, "front", "open").click()
    expect(seen.tile(page, "yard")).to_be_hidden()

    page.get_by_role("button", name="All cameras").click()

    expect(seen.tile(page, "yard")).to_be_visible()
    expect(page.get_by_role("button", name="front, starting, enlarge")).to_be_focused()


def test_in_full_screen_the_picture_runs_and_the_arrow_keys_change_the_camera(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url + "#front")
    monitor.film(10)
    seen.moves(page, "front")
    page.get_by_role("button", name="Full screen").click()
    eventually(lambda: page.evaluate("document.fullscreenElement !== null"), what="full screen")
    page.wait_for_timeout(300)  # what comes into view, or leaves it, is told by the browser when it has the time
    seen.moves(page, "front")
    keep(page, "full-screen")

    page.keyboard.press("ArrowRight")
    seen.moves(page, "yard")
    expect(seen.tile(page, "yard")).to_be_visible()
    assert page.evaluate("document.fullscreenElement !== null")

    page.keyboard.press("Escape")  # headless, the page hears it, not the browser
    expect(seen.tile(page, "front")).to_be_visible()
    eventually(lambda: page.evaluate("document.fullscreenElement === null"), what="the window again")


def test_the_skip_link_leads_to_the_main_content(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted()
    page = open_page(monitor.url)
    expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
    skip = page.get_by_role("link", name="Skip to the cameras")
    for where in ("main", "front, starting, enlarge", "All cameras"):
        skip.focus()
        page.keyboard.press("Enter")
        if where == "main":
            expect(page.locator("#main")).to_be_focused()
            monitor.cameras.extend(ScriptedMonitor.of("front"))
            monitor.send_cameras()
        else:
            expect(page.get_by_role("button", name=where)).to_be_focused()
            page.keyboard.press("Enter")


def test_keyboard_focus_follows_the_list_in_a_narrow_window(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url, viewport=PHONE)
    seen.awaits(page, "front", "Starting")
    page.locator("#strip").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Tab")  # there is no event yet, and nothing else that isn't covered
    assert not page.evaluate("document.querySelector('main, .skip, .header').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(page.locator("#strip")).to_be_focused()


def test_without_a_clipboard_the_stream_address_is_selected(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url + "#front", init="Object.defineProperty(navigator, 'clipboard', {get: () => undefined});")

    page.get_by_role("button", name="Copy stream address").click()

    expect(page.get_by_label("Stream address", exact=True)).to_have_value(monitor.url + "cameras/front/stream.mjpeg")
    assert page.evaluate("document.activeElement.selectionEnd") > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_texts_have_contrast_and_all_controls_a_name_and_size(open_page: Open, scripted: Scripted, scheme: str) -> None:
    monitor = scripted("front", "yard", "garage", "shop", "attic")
    monitor.event("front", "one", age=60)
    monitor.camera("shop").state = "off"
    page = open_page(monitor.url, color_scheme=scheme, viewport=PHONE, has_touch=True, is_mobile=True)
    monitor.film(10, "front")
    seen.awaits(page, "front", "Live")
    monitor.show("yard", pictures.numbered(1), age=3)
    monitor.camera("garage").state = "away"
    monitor.see("front", pictures.FACE)
    monitor.broker_lost = now_ms()
    monitor.send_status()
    expect(page.locator("#counts")).to_have_text("1 away · 1 stale · 1 starting · 1 live · 1 off")
    expect(page.locator("#bar-broker")).to_be_visible()

    def judge(what: str) -> None:
        assert page.evaluate(FAINT) == [], what
        assert page.evaluate(STUMBLES) == [], what

    judge("the grid")
    page.locator("#strip").tap()
    expect(page.get_by_role("heading", name="Visits")).to_be_visible()
    judge("the list")
    page.locator(".visit button").tap()
    expect(page.locator("#visit-dialog")).to_be_visible()
    judge("an event")
    page.get_by_role("button", name="Watch this camera").tap()
    expect(page.get_by_role("button", name="All cameras")).to_be_visible()
    expect(page.get_by_role("heading", name="Visits")).to_be_hidden()
    judge("one camera")
    monitor.stop()
    expect(page.locator("#bar-server")).to_be_visible()
    judge("no connection")


def test_a_phones_list_closes_by_its_button_and_by_going_back(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url, viewport=PHONE, has_touch=True, is_mobile=True)
    heading = page.get_by_role("heading", name="Visits")
    expect(page.locator("#strip")).to_contain_text("No visits yet")
    monitor.event("front", "one")
    expect(page.locator("#strip")).to_contain_text("1 face · front · ")

    page.locator("#strip").tap()
    expect(heading).to_be_visible()
    page.get_by_role("button", name="Close").tap()
    expect(heading).to_be_hidden()
    page.locator("#strip").tap()
    expect(heading).to_be_visible()
    page.go_back()
    expect(heading).to_be_hidden()


def test_at_most_one_announcement_is_made_in_five_seconds(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    monitor.event("front", "old", age=600)
    page = open_page(monitor.url)
    monitor.film(10)
    seen.awaits(page, "yard", "Live")
    page.evaluate(
        """() => {
          globalThis.spoken = [];
          for (const node of document.querySelectorAll("[role=status], [role=alert]"))
            new MutationObserver(() => spoken.push([performance.now(), node.textContent]))
              .observe(node, { childList: true, characterData: true, subtree: true });
        }"""
    )
    time.sleep(2.5)  # ages, rates and old events are not for speaking
    assert page.evaluate("spoken") == []

    for n in range(120):
        monitor.event("front" if n % 3 else "yard", f"event-{n}", faces=1 + n % 2)
        time.sleep(0.05)

    spoken = page.evaluate("spoken")
    assert 1 <= len(spoken) <= 3
    assert all(later[0] - sooner[0] >= 4900 for sooner, later in pairwise(spoken))
    eventually(lambda: any(", " in text for _, text in page.evaluate("spoken")), what="several visits in one sentence")
    expect(page.locator(".visit")).to_have_count(100)


def test_markup_in_a_visit_is_shown_as_text(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    monitor.event("<img src=x onerror=alert(1)>", "<b>id</b>", picture=None)

    expect(page.locator(".visit .what")).to_have_text("1 face · <img src=x onerror=alert(1)>")
    page.locator(".visit button").click()
    expect(page.locator("#visit-dialog h2")).to_have_text("1 face · <img src=x onerror=alert(1)>")


def test_nothing_is_animated_for_those_who_ask_for_it(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    running = "document.getAnimations().length"
    calm, plain = (open_page(monitor.url, reduced_motion=motion) for motion in ("reduce", "no-preference"))
    for page in (calm, plain):
        seen.awaits(page, "front", "Starting")
    monitor.event("front", "one")

    expect(plain.locator(".visit.fresh")).to_be_visible()
    assert plain.evaluate(running) == 1
    expect(calm.locator(".visit")).to_be_visible()
    assert calm.evaluate(running) == 0
