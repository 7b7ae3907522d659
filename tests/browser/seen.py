"""What a viewer sees on the page."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser import pictures
from tests.waiting import eventually


def tile(page: Page, name: str) -> Locator:
    """The tile of a camera."""
    return page.locator(".tile").filter(has=page.locator(".name").get_by_text(name, exact=True))


def part(page: Page, name: str, what: str) -> Locator:
    """One part of a camera's tile: word, rate, age, faces, canvas, plate, first, second, thumb, boxes, open."""
    return tile(page, name).locator(f"[data-part={what}]")


def number(page: Page, name: str) -> int:
    """The number in the picture on screen; -1 if there is none."""
    return int(part(page, name, "canvas").evaluate(pictures.READ_NUMBER))


def is_black(page: Page, name: str) -> bool:
    """Whether the camera's canvas is black."""
    return int(part(page, name, "canvas").evaluate(pictures.BRIGHTEST)) == 0


def awaits(page: Page, name: str, word: str, *, within: float = 30.0) -> None:
    """Wait until the camera shows this state."""
    expect(part(page, name, "word")).to_have_text(re.compile(f"^{word}"), timeout=within * 1000)


def age(page: Page, name: str) -> float:
    """The age in the caption, in seconds."""
    text = part(page, name, "age").text_content() or ""
    found = re.fullmatch(r"[~≥]?([\d.]+) s old", text)
    assert found, text
    return float(found[1])


def moves(page: Page, name: str, *, within: float = 10.0) -> None:
    """Wait until the camera shows another picture."""
    before = number(page, name)
    eventually(lambda: number(page, name) not in (before, -1), within=within, what=f"another picture of {name}")


def place(locator: Locator) -> dict[str, float]:
    """Its place on the page: x, y, width, height in CSS pixels."""
    return dict(
        locator.evaluate(
            "node => { const r = node.getBoundingClientRect(); return {x: r.x, y: r.y, width: r.width, height: r.height} }"
        )
    )


def on_screen(page: Page, name: str, box: tuple[int, int, int, int], size: tuple[int, int]) -> list[float]:
    """The place on the page of a box in a picture of this size: x, y, width, height. The picture keeps its aspect ratio."""
    canvas = place(part(page, name, "canvas"))
    scale = min(canvas["width"] / size[0], canvas["height"] / size[1])
    left = canvas["x"] + (canvas["width"] - size[0] * scale) / 2
    top = canvas["y"] + (canvas["height"] - size[1] * scale) / 2
    x, y, width, height = box
    return [left + x * scale, top + y * scale, width * scale, height * scale]


def hide(page: Page, hidden: bool) -> None:
    """Hide or show the page, by what it reads: headless Chromium hides no page."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
          Object.defineProperty(document, "visibilityState", {configurable: true, get: () => hidden ? "hidden" : "visible"});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def time_the_page(page: Page) -> None:
    """Start measuring `lateness`."""
    page.evaluate(
        """() => {
          globalThis.late = 0;
          let last = performance.now();
          setInterval(() => {
            const now = performance.now();
            globalThis.late = Math.max(globalThis.late, now - last - 100);
            last = now;
          }, 100);
        }"""
    )


def lateness(page: Page) -> float:
    """How late the page's timer was at most, as on a busy machine, in milliseconds."""
    return float(page.evaluate("late"))


def rows(page: Page) -> list[dict[str, Any]]:
    """The list of visits: both lines of each row."""
    found = page.locator(".visit").evaluate_all(
        "rows => rows.map(row => ({what: row.querySelector('.what').textContent, when: row.querySelector('.when').textContent}))"
    )
    return list(found)
