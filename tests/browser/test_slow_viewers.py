"""Viewers on a slow network or a slow machine: they skip pictures, and see new ones."""

from __future__ import annotations

import statistics
import time
from functools import cache

import pytest
from playwright.sync_api import Page

from tests.browser import pictures, seen
from tests.browser.chain import FakeCamera, Monitor
from tests.browser.conftest import MakeCamera, Open
from tests.browser.narrow_link import narrow_link

_NAMES = ("front", "yard", "gate")
_RATE = 15
#: Seconds of the long test.
_LONG = 600
#: Numbers repeat after so many pictures, 17 s.
_REEL = 256


@cache
def _reel() -> list[bytes]:
    return [pictures.numbered(n, 1280, 720, quality=70) for n in range(_REEL)]


def _film(cameras: MakeCamera) -> FakeCamera:
    """Three cameras at 15 pictures of 1280 x 720 a second; the first of them."""
    reel = _reel()
    made = [cameras(name, _RATE, size=(1280, 720), picture=lambda n: reel[n % _REEL]) for name in _NAMES]
    for camera in made:
        camera.start().say("live")
    return made[0]


def _watch(page: Page) -> None:
    """Note, fifty times a second, when a picture comes on screen, and which."""
    page.evaluate(
        """() => {
          const number = READ;
          const canvas = document.querySelector("canvas");
          globalThis.log = [];
          let last = null;
          setInterval(() => {
            const shown = number(canvas);
            if (last !== null && shown !== last) log.push([(performance.timeOrigin + performance.now()) / 1000, shown]);
            last = shown;
          }, 20);
        }""".replace("READ", pictures.READ_NUMBER)
    )


def _ages(page: Page, camera: FakeCamera) -> list[float]:
    """The ages of pictures as they came on screen, seconds."""
    taken = list(camera.taken.items())
    ages = []
    for at, number in page.evaluate("log"):
        fitting = [when for n, when in taken if n % _REEL == number and when <= at]
        if fitting:
            ages.append(at - max(fitting))
    return ages


def _shown(page: Page) -> int:
    return len(page.evaluate("log"))


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_viewer_on_a_narrow_link_sees_new_pictures_and_costs_the_others_nothing(
    open_page: Open, monitor: Monitor, cameras: MakeCamera
) -> None:
    seconds = 60
    first = _film(cameras)
    near = open_page(monitor.url)
    for name in _NAMES:
        seen.awaits(near, name, "Live")
    _watch(near)
    time.sleep(3)
    alone = _shown(near) / 3
    with narrow_link(monitor.port, bits=2e6, delay=0.04) as link:
        far = open_page(f"http://127.0.0.1:{link.port}/")
        for name in _NAMES:
            seen.awaits(far, name, "(Live|Slow)", within=20)
        time.sleep(3)  # until the window has found its size
        _watch(far)
        near.evaluate("log.length = 0")
        time.sleep(seconds)
        ages, beside = _ages(far, first), _ages(near, first)
        rate = _shown(near) / seconds
        far.close()

    assert _p95(ages) <= 1.5
    half = len(ages) // 2
    assert statistics.median(ages[half:]) <= statistics.median(ages[:half]) + 0.3
    assert statistics.median(beside) <= 0.3
    assert rate >= 0.9 * min(alone, _RATE)


@pytest.mark.slow
def test_a_viewer_on_a_slow_machine_sees_new_pictures(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    first = _film(cameras)
    page = open_page(monitor.url)
    for name in _NAMES:
        seen.awaits(page, name, "Live")
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    time.sleep(3)
    _watch(page)
    time.sleep(20)

    assert _p95(_ages(page, first)) <= 1.0


#: Counts what has to be given back by hand, from before the page's own scripts run.
_BOOKKEEPING = """
  globalThis.book = { made: 0, closed: 0, urls: 0 };
  const make = createImageBitmap, close = ImageBitmap.prototype.close, url = URL.createObjectURL;
  globalThis.createImageBitmap = (...given) => make(...given).then(bitmap => { book.made += 1; return bitmap; });
  ImageBitmap.prototype.close = function () { book.closed += 1; close.call(this); };
  URL.createObjectURL = (...given) => { book.urls += 1; return url(...given); };
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_of_video_leave_the_memory_level(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    reel = _reel()
    names = [f"cam-{n}" for n in range(6)]
    for name in names:
        cameras(name, _RATE, size=(1280, 720), picture=lambda n: reel[n % _REEL]).start().say("live")
    page = open_page(monitor.url, init=_BOOKKEEPING)
    for name in names:
        seen.awaits(page, name, "(Live|Slow)")
    tool = page.context.new_cdp_session(page)

    def heap() -> float:
        """MB in use after a collection."""
        tool.send("HeapProfiler.collectGarbage")
        return float(tool.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    time.sleep(30)
    before = heap()
    time.sleep(_LONG)

    assert heap() <= before + 5
    book = page.evaluate("book")
    assert book["made"] > _LONG  # it did something
    assert book["made"] - book["closed"] <= len(names)
    assert book["urls"] == 0
