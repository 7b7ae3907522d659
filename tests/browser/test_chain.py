"""The page with the real monitor and the real broker behind it."""

from __future__ import annotations

import itertools
import re
import signal
import time
from functools import partial

import pytest
from playwright.sync_api import expect

from tests.brokers import RunningBroker
from tests.browser import pictures, seen
from tests.browser.chain import FakeWorker, Monitor
from tests.browser.conftest import PHONE, MakeCamera, Open, keep
from tests.waiting import eventually

#: Rates, ages and latencies are judged here, which other tests' load would change.
pytestmark = pytest.mark.alone


def test_twelve_cameras_move_over_one_websocket(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    names = [f"cam-{n:02}" for n in range(12)]
    reel = [pictures.numbered(n, 400, 224) for n in range(64)]
    for name in names:
        cameras(name, 5, picture=lambda n: reel[n % 64], size=(400, 224)).start().say("live")
    page = open_page("about:blank", viewport={"width": 1920, "height": 1080})
    sockets, requests = [], []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(monitor.url)
    expect(page.locator(".tile")).to_have_count(12)

    for name in names:
        seen.awaits(page, name, "Live")
        seen.moves(page, name)

    expect(page.locator("#counts")).to_have_text("12 live")
    assert len(sockets) == 1
    assert not [url for url in requests if "mjpeg" in url]
    keep(page, "twelve")


def test_the_rate_and_age_shown_are_correct(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    page = open_page(monitor.url)
    camera = cameras("front", 10, delay=0.15).start()
    seen.awaits(page, "front", "Live")
    page.evaluate(
        """() => {
          const number = READ;
          const tile = document.querySelector(".tile");
          const canvas = tile.querySelector("canvas");
          const [age, rate] = ["age", "rate"].map(part => tile.querySelector(`[data-part=${part}]`));
          const now = () => (performance.timeOrigin + performance.now()) / 1000;
          globalThis.drawn = [];
          globalThis.said = [];
          const look = () => { drawn.push([now(), number(canvas)]); requestAnimationFrame(look); };
          requestAnimationFrame(look);
          new MutationObserver(() => said.push([now(), parseFloat(age.textContent), parseFloat(rate.textContent)]))
            .observe(age, { childList: true, characterData: true, subtree: true });
        }""".replace("READ", pictures.READ_NUMBER)
    )

    def judged() -> list[tuple[float, float, list[list[float]]]]:
        """Ages and rates as they stood on the page, and what was on screen in the three seconds before, where that is known."""
        drawn, said = page.evaluate("[drawn, said]")
        found = []
        for at, age, rate in said:
            looks = [look for look in drawn if at - 3.1 <= look[0] <= at]
            kept_its_rate = sum(at - 5 <= taken <= at for taken in list(camera.taken.values())) >= 48  # of 50
            watched = at - 3.1 > drawn[0][0] and all(later[0] - sooner[0] < 0.1 for sooner, later in itertools.pairwise(looks))
            if watched and kept_its_rate:
                found.append((age, rate, looks))
        return found

    eventually(lambda: len(judged()) >= 3, within=60, every=0.5, what="seconds of video to judge")
    for age, rate, look in judged():
        until = look[-1][0]
        worst = max(at - camera.taken[int(n)] for at, n in look if at >= until - 1.05 and int(n) in camera.taken)
        assert age == pytest.approx(worst, abs=0.15)  # 0.1, and 0.05 of rounding
        drawn = len({n for at, n in look if at >= until - 3}) / 3
        # from 70 % of it on, the source's rate is what stands there
        assert rate == pytest.approx(drawn, rel=0.15) or (drawn >= 6.5 and rate == pytest.approx(10, rel=0.15))


def test_a_wrong_or_missing_clock_of_a_camera_is_marked_and_makes_nothing_stale(
    open_page: Open, monitor: Monitor, cameras: MakeCamera
) -> None:
    page = open_page(monitor.url)
    marks = {"right": "", "ahead": "~", "behind": "~", "none": "≥"}
    for name, clock in {"right": 0.0, "ahead": 3600.0, "behind": -3600.0, "none": None}.items():
        camera = cameras(name, 10, clock=clock).start()
        if clock is not None:
            camera.say("live")
    for name in marks:
        seen.awaits(page, name, "Live")
    time.sleep(2.5)  # longer than a picture may be old

    for name, mark in marks.items():
        expect(seen.part(page, name, "word")).to_have_text("Live")
        expect(seen.part(page, name, "age")).to_have_text(re.compile(rf"^{mark}0\.\d s old$"))


def test_a_closed_schedule_blanks_the_tile_and_a_dead_source_says_away(
    open_page: Open, monitor: Monitor, cameras: MakeCamera
) -> None:
    page = open_page(monitor.url)
    camera = cameras("front").start()
    seen.awaits(page, "front", "Live")

    camera.stop()
    camera.say("off", view_open=False, until=round(time.time() * 1000) + 3_600_000)
    seen.awaits(page, "front", "Off", within=1.5)
    assert seen.is_black(page, "front")
    expect(seen.part(page, "front", "thumb")).to_be_hidden()
    expect(seen.part(page, "front", "second")).to_have_text(re.compile(r"^On again [A-Z][a-z]{2} \d\d:\d\d$"))

    camera.say("live")
    camera.start()
    seen.awaits(page, "front", "Live")
    camera.stop()
    camera.say("away")
    seen.awaits(page, "front", "Away since", within=4)
    expect(seen.part(page, "front", "thumb")).to_be_visible()
    camera.start()
    camera.say("live")
    seen.awaits(page, "front", "Live", within=2)


def test_a_killed_monitor_is_noticed_at_once_and_a_visit_that_goes_on_meanwhile_has_one_row(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker
) -> None:
    page = open_page(monitor.url)
    camera = cameras("front").start()
    seen.awaits(page, "front", "Live")
    worker.announces(camera.send(), pictures.FACE)
    expect(page.locator(".visit")).to_have_count(1)

    monitor.end(signal.SIGKILL)
    expect(page.locator("#bar-server")).to_be_visible(timeout=3000)
    seen.awaits(page, "front", "Stale")
    first = seen.age(page, "front")
    worker.announces(camera.send(), pictures.FACE, pictures.FACE)
    eventually(lambda: seen.age(page, "front") > first, what="the age grows")
    monitor.start()

    seen.awaits(page, "front", "Live", within=12)
    expect(page.locator("#bar-server")).to_be_hidden()
    eventually(lambda: [row["what"] for row in seen.rows(page)] == ["2 faces · front"], what="one visit")
    worker.announces(camera.send(), pictures.FACE)  # of the same visit, and nobody more
    worker.announces(camera.send(), *[pictures.FACE] * 3)
    eventually(lambda: [row["what"] for row in seen.rows(page)] == ["3 faces · front"], what="still one visit")


def test_a_frozen_monitor_is_noticed_within_four_seconds(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    page = open_page(monitor.url)
    cameras("front").start()
    seen.awaits(page, "front", "Live")

    monitor.send(signal.SIGSTOP)
    try:
        expect(page.locator("#bar-server")).to_be_visible(timeout=4500)
        seen.awaits(page, "front", "Stale")
    finally:
        monitor.send(signal.SIGCONT)

    seen.awaits(page, "front", "Live", within=12)


def test_a_lost_broker_has_a_bar_of_its_own_and_pictures_go_on_after_it(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, broker: RunningBroker
) -> None:
    page = open_page(monitor.url)
    cameras("front").start()
    seen.awaits(page, "front", "Live")

    broker.kill()

    expect(page.locator("#bar-broker")).to_be_visible(timeout=5000)
    expect(page.locator("#bar-broker")).to_contain_text("The monitor lost its broker at")
    broker.ensure_running()
    expect(page.locator("#bar-broker")).to_be_hidden(timeout=60_000)
    seen.awaits(page, "front", "Live", within=60)


def test_a_visit_has_a_row_with_faces_time_and_picture(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker
) -> None:
    page = open_page(monitor.url)
    camera = cameras("front").start()
    seen.awaits(page, "front", "Live")
    expect(page.locator("#visits-empty")).to_have_text("No visits yet. They appear here as soon as a worker sees a face.")

    worker.announces(camera.send(), pictures.FACE, (100, 100, 90, 90))

    row = page.locator(".visit")
    expect(row.locator(".what")).to_have_text("2 faces · front")
    expect(row.locator(".when")).to_have_text(re.compile(r"^Since \d\d:\d\d:\d\d$"))
    eventually(lambda: row.locator("img").evaluate("img => img.complete && img.naturalWidth") == 320, what="its picture")
    expect(page.locator("#visits-empty")).to_be_hidden()
    expect(seen.part(page, "front", "faces")).to_have_text("2 faces")


#: Notes each change of each tile's boxes: [when, dashed, where each rectangle lies on the page].
_LOG_BOXES = """() => {
  const place = ({ x, y, width, height }) => [x, y, width, height];
  for (const tile of document.querySelectorAll(".tile")) {
    const boxes = tile.querySelector(".boxes");
    const note = () => {
      const places = [...boxes.children].map(rect => place(rect.getBoundingClientRect()));
      tile.log.push([performance.timeOrigin + performance.now(), boxes.classList.contains("dashed"), places]);
    };
    tile.log = [];
    new MutationObserver(note).observe(boxes, { childList: true, attributes: true });
  }
}"""


def test_boxes_lie_on_the_faces_turn_dashed_and_go(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker
) -> None:
    sizes = {"wide": (1280, 720), "portrait": (360, 640)}
    pages = {"desktop": open_page(monitor.url), "phone": open_page(monitor.url, viewport=PHONE)}
    made = {name: cameras(name, 10, size=size).start() for name, size in sizes.items()}
    for page in pages.values():
        for name in sizes:
            seen.awaits(page, name, "Live")
        page.evaluate(_LOG_BOXES)
        seen.time_the_page(page)
    boxes = {name: (pictures.face_box(*size), (10, size[1] // 2, size[0] // 8, size[0] // 8)) for name, size in sizes.items()}
    seen_in = {name: camera.send() for name, camera in made.items()}

    for name, size in sizes.items():
        worker.sees(seen_in[name], *boxes[name], size=size)

    for (kind, page), (name, size) in itertools.product(pages.items(), sizes.items()):
        tile = seen.tile(page, name)
        eventually(
            partial(tile.evaluate, "tile => tile.log.length > 0 && !tile.log.at(-1)[2].length"), what="boxes, and none again"
        )
        taken = made[name].taken[seen_in[name].seq] * 1000
        log = [(at - taken, dashed, places) for at, dashed, places in tile.evaluate("tile => tile.log")]
        first, dashed, gone = log[0], next(entry for entry in log if entry[1]), log[-1]
        assert not first[1]
        for index, box in enumerate(box for box in boxes[name] for _ in range(2)):  # each has a line under it
            assert first[2][index] == pytest.approx(seen.on_screen(page, name, box, size), abs=2), (kind, name, index)
        assert len(dashed[2]) == 4
        late = seen.lateness(page)
        assert 700 <= dashed[0] <= 1400 + late, (kind, name)
        assert 1700 <= gone[0] <= 2400 + late, (kind, name)


def test_no_box_is_shown_that_belongs_to_another_picture(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker
) -> None:
    page = open_page(monitor.url)
    camera = cameras("front", 10).start()
    seen.awaits(page, "front", "Live")
    rects = seen.part(page, "front", "boxes").locator("rect")
    worker.sees(camera.send(), pictures.face_box(640, 360), size=(640, 360))
    expect(rects).to_have_count(2)

    worker.sees(camera.send(), (10, 10, 50, 50), size=(640, 480))  # another aspect
    expect(rects).to_have_count(0)
    expect(seen.part(page, "front", "faces")).to_have_text("1 face")
    worker.sees(camera.send(), pictures.face_box(640, 360), size=(640, 360))
    expect(rects).to_have_count(2)
    worker.sees(camera.send(), size=(640, 360))  # nobody there any more
    expect(rects).to_have_count(0, timeout=900)


def test_a_picture_with_an_exif_rotation_is_shown_as_stored(
    open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker
) -> None:
    page = open_page(monitor.url)

    def turned(number: int) -> bytes:
        plain = pictures.numbered(number)
        tiff = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"  # orientation 3: by 180 degrees
        return plain[:2] + b"\xff\xe1" + (len(tiff) + 2).to_bytes(2, "big") + tiff + plain[2:]

    cameras("front", 10, picture=turned).start()

    seen.awaits(page, "front", "Live")
    eventually(lambda: seen.number(page, "front") > 0, what="the band with the number on top")


def test_broken_pictures_between_good_ones_change_nothing(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    page = open_page(monitor.url)
    camera = cameras("front", 10).start()
    seen.awaits(page, "front", "Live")
    good = pictures.numbered(1)
    scan = good.rindex(b"\xff\xda") + 14
    for bad in (good[:-900], good[: scan + 40] + b"\xff\xd9", b"", b"garbage", good[:scan] + bytes(4000) + b"\xff\xd9"):
        camera.send(bad)
        seen.moves(page, "front")

    expect(seen.part(page, "front", "word")).to_have_text("Live")


def test_the_first_picture_turns_the_first_run_into_a_grid(open_page: Open, monitor: Monitor, cameras: MakeCamera) -> None:
    page = open_page(monitor.url)
    expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
    expect(page.locator("#broker")).to_have_text("Broker: connected")

    cameras("front", clock=None).start()  # a bare JPEG, as anything that speaks MQTT sends it

    seen.awaits(page, "front", "Live", within=5)
    expect(page.get_by_role("heading", name="No camera yet")).to_be_hidden()
