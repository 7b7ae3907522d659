"""What a tile and the page say in each state, against a monitor that does as it is told."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from playwright.sync_api import expect

from tests.browser import pictures, seen
from tests.browser.conftest import DESKTOP, PHONE, Open, keep
from tests.browser.scripted import ESTIMATED, UNTIMED, ScriptedMonitor, now_ms
from tests.waiting import eventually

Scripted = Callable[..., ScriptedMonitor]
#: Both of the page's clocks go on by `ahead` milliseconds.
_TIME_TO_TURN = """
globalThis.ahead = 0;
const [wall, own] = [Date.now, performance.now.bind(performance)];
Date.now = () => wall() + ahead;
performance.now = () => own() + ahead;
"""


def test_a_camera_goes_from_starting_to_live_to_stale_to_away_and_back(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    monitor.camera("front").away_s = 10
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    expect(seen.part(page, "front", "first")).to_have_text("Waiting for the first picture")

    video = monitor.film(15)
    seen.awaits(page, "front", "Live")
    expect(seen.part(page, "front", "plate")).to_be_hidden()
    expect(page.locator("#counts")).to_have_text("1 live")

    # in the page, so that no round trip of the test counts
    seen.time_the_page(page)
    page.evaluate(
        """() => {
          const word = document.querySelector("[data-part=word]");
          globalThis.turned = {};
          new MutationObserver(() => (turned[word.textContent.split(" ")[0]] ??= performance.timeOrigin + performance.now()))
            .observe(word, { childList: true, characterData: true, subtree: true });
        }"""
    )
    video.set()
    taken = monitor.camera("front").captured
    assert taken is not None
    stopped = time.time() - (now_ms() - taken) / 1000
    seen.awaits(page, "front", "Stale")
    expect(seen.part(page, "front", "first")).to_have_text(re.compile(r"^No new picture for [2-9] s$"))
    expect(seen.part(page, "front", "rate")).to_have_text("0 fps")
    assert "grayscale(1) brightness(0.5)" in seen.part(page, "front", "canvas").evaluate("c => getComputedStyle(c).filter")
    frame = seen.tile(page, "front").locator(".frame").evaluate("f => getComputedStyle(f).outline")
    assert "dashed 3px" in frame
    keep(page, "stale")

    seen.awaits(page, "front", "Away since")
    expect(seen.part(page, "front", "first")).to_have_text("Camera away")
    expect(seen.part(page, "front", "second")).to_have_text(re.compile(r"^Last picture \d\d:\d\d:\d\d, 1\d s ago$"))
    assert seen.is_black(page, "front")
    assert seen.place(seen.part(page, "front", "thumb"))["width"] == 160
    turned = page.evaluate("turned")
    # the page knows the monitor's clock to half a round trip, and a busy machine is late
    late = 0.4 + seen.lateness(page) / 1000
    assert 1.9 <= turned["Stale"] / 1000 - stopped <= 2.6 + late
    assert 9.9 <= turned["Away"] / 1000 - stopped <= 10.6 + late

    monitor.film(10, picture=lambda n: pictures.numbered(40 + n))
    seen.awaits(page, "front", "Live", within=1)
    assert seen.number(page, "front") > 40


@pytest.mark.alone  # judges times
def test_outside_its_slot_a_camera_shows_no_picture_at_once(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    video = monitor.film(10)
    seen.awaits(page, "front", "Live")
    video.set()
    camera = monitor.camera("front")
    camera.state, camera.until, camera.zone = "off", 1_763_985_600_000, "Europe/Berlin"
    monitor.send_cameras()
    monitor.send_status()

    seen.awaits(page, "front", "Off", within=1)

    assert seen.is_black(page, "front")
    expect(seen.part(page, "front", "thumb")).to_be_hidden()
    expect(seen.part(page, "front", "first")).to_have_text("Off by schedule")
    expect(seen.part(page, "front", "second")).to_have_text(re.compile(r"^On again Mon( 24 Nov)? 13:00 \(Europe/Berlin\)$"))
    eventually(lambda: monitor.watched() == set(), what="no picture asked for")

    monitor.camera("front").state = "live"
    monitor.send_status()
    eventually(lambda: monitor.watched() == {"front"}, what="pictures asked for again")
    monitor.film(10)
    seen.awaits(page, "front", "Live", within=1)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_the_reason_of_a_camera_that_is_away_is_shown(open_page: Open, scripted: Scripted, viewport: dict[str, int]) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url, viewport=viewport)
    video = monitor.film(10, "front")
    seen.awaits(page, "front", "Live")
    expect(seen.part(page, "front", "third")).to_be_hidden()
    video.set()
    for name, why in {"front": "there is no such device", "yard": "<b>its source</b> " + "gives-nothing-" * 20}.items():
        monitor.camera(name).state, monitor.camera(name).why = "away", why
    monitor.send_status()

    seen.awaits(page, "front", "Away since")
    expect(seen.part(page, "front", "first")).to_have_text("Camera away")
    expect(seen.part(page, "front", "second")).to_have_text(re.compile(r"^Last picture \d\d:\d\d:\d\d, \d s ago$"))
    expect(seen.part(page, "front", "third")).to_have_text("Reason: there is no such device")
    expect(seen.part(page, "yard", "third")).to_contain_text("Reason: <b>its source</b> gives-nothing-")
    for name in ("front", "yard"):  # as long as they are, they stay on their plate
        plate = seen.part(page, name, "plate")
        assert plate.evaluate("p => p.scrollWidth <= p.clientWidth && p.scrollHeight <= p.clientHeight"), name
    keep(page, f"away-and-why-{viewport['width']}")

    monitor.camera("front").why = ""
    monitor.film(10, "front")
    seen.awaits(page, "front", "Live")
    expect(seen.part(page, "front", "plate")).to_be_hidden()


@pytest.mark.parametrize("address", ["#%E0%A4%A", "#%", "#nobody"])
def test_an_address_without_a_known_camera_shows_the_grid(open_page: Open, scripted: Scripted, address: str) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url + address)
    for name in ("front", "yard"):
        expect(seen.tile(page, name)).to_be_visible()
    monitor.film(10)
    seen.awaits(page, "front", "Live")


def test_one_score_is_singular(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    monitor.event("front", "one", scores=[0.936])
    page = open_page(monitor.url)
    page.locator(".visit button").click()
    expect(page.locator("#visit-dialog")).to_contain_text("Score 0.94")


def test_a_slow_connection_is_distinguished_from_a_silent_camera(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    monitor.film(2, picture=pictures.numbered, age=3.2)
    seen.awaits(page, "front", "Stale")
    halt = time.monotonic() + 10

    def newer_at_the_monitor() -> bool:
        monitor.camera("front").captured = now_ms() - 50
        monitor.send_status()
        return (seen.part(page, "front", "word").text_content() or "") == "Slow" or time.monotonic() > halt

    eventually(newer_at_the_monitor, every=0.1)
    monitor.camera("front").captured = now_ms() - 50
    monitor.send_status()

    expect(seen.part(page, "front", "first")).to_have_text(re.compile(r"^Slow connection: picture is [34] s old$"))


def test_unreadable_pictures_are_skipped_and_reported_after_five(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    eventually(lambda: monitor.watched() == {"front"})
    good, number = pictures.numbered(1), count(1)

    def shows() -> None:
        n = next(number)
        monitor.show("front", pictures.numbered(n))
        eventually(lambda: seen.number(page, "front") == n, what=f"picture {n}")

    shows()
    for bad in (good[: len(good) // 2], b"garbage" * 99, b"\xff\xd8\xff\xd9", b""):
        monitor.show("front", bad, size=(640, 360))
        shows()
    seen.awaits(page, "front", "Live")
    monitor.show("front", pictures.flat(200, 4096, 4096))
    eventually(lambda: seen.part(page, "front", "canvas").evaluate("c => [c.width, c.height]") == [1920, 1920], what="scaled down")
    shows()

    for _ in range(5):  # one after the other: one that waits is replaced by the next, and not looked at
        already = len(monitor.acked())
        monitor.show("front", b"garbage", size=(640, 360))
        eventually(partial(_more_acked, monitor, already), what="acknowledged")
    seen.awaits(page, "front", "Damaged")
    expect(seen.part(page, "front", "first")).to_have_text("Pictures can't be read (5 in a row)")
    keep(page, "damaged")
    shows()
    seen.awaits(page, "front", "Live")
    eventually(
        lambda: monitor.acked() == [(0, n + 1) for n in range(monitor.camera("front").sent)], what="one ack for every picture"
    )


def _more_acked(monitor: ScriptedMonitor, already: int) -> bool:
    return len(monitor.acked()) > already


@pytest.mark.parametrize(
    ("flags", "mark", "note"), [(0, "", ""), (ESTIMATED, "~", "clock is wrong"), (UNTIMED, "≥", "sends no time")]
)
def test_an_uncertain_age_is_marked(open_page: Open, scripted: Scripted, flags: int, mark: str, note: str) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    eventually(lambda: monitor.watched() == {"front"})

    def shown() -> bool:
        monitor.show("front", pictures.numbered(1), flags=flags)
        return bool(re.fullmatch(mark + r"0\.\d s old", seen.part(page, "front", "age").text_content() or ""))

    eventually(shown, every=0.1)
    title = seen.part(page, "front", "open").get_attribute("title") or ""
    assert note in title
    assert bool(title) == bool(note)
    expect(seen.part(page, "front", "open")).to_have_accessible_description(title)


@pytest.mark.alone  # judges times
def test_a_clock_of_the_viewer_that_is_an_hour_off_changes_no_age(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    init = "const real = Date.now; Date.now = () => real() - 3600000;"
    page = open_page(monitor.url, init=init)
    monitor.film(15, age=0.3)
    monitor.event("front", "late", age=2)
    seen.awaits(page, "front", "Live")
    eventually(
        lambda: seen.part(page, "front", "age").is_visible() and 0.3 <= seen.age(page, "front") <= 0.6, what="0.3 s to 0.6 s old"
    )
    eventually(lambda: seen.rows(page))
    assert re.fullmatch(r"Since (\d+ [A-Z][a-z]+ )?\d\d:\d\d:\d\d", seen.rows(page)[0]["when"])


def test_a_page_that_was_hidden_waits_for_pictures_without_an_error(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url, init=_TIME_TO_TURN)
    video = monitor.film(10)
    seen.awaits(page, "front", "Live")
    seen.hide(page, True)
    eventually(lambda: monitor.watched() == set(), what="no picture asked for")
    video.set()
    page.evaluate("ahead = 40_000")  # longer than a camera may take for its first picture

    def newest_but_none_sent() -> bool:
        monitor.camera("front").captured = now_ms()
        monitor.send_status()
        return seen.part(page, "front", "word").text_content() == "Starting"

    seen.hide(page, False)
    eventually(newest_but_none_sent, every=0.1)
    expect(seen.part(page, "front", "first")).to_have_text("Waiting for the first picture")


def test_a_page_that_was_hidden_for_long_reconnects_without_an_alarm(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url, init=_TIME_TO_TURN)
    monitor.film(10)
    seen.awaits(page, "front", "Live")
    alarm = page.locator("#bar-server")
    page.evaluate(
        """() => {
          globalThis.alarms = 0;
          const bar = document.querySelector("#bar-server");
          new MutationObserver(() => (alarms += !bar.hidden)).observe(bar, { attributes: true });
        }"""
    )
    seen.hide(page, True)
    monitor.lets_in.clear()
    page.evaluate("ahead = 5 * 60_000 + 1000")
    eventually(lambda: monitor.viewers == 0, what="the page has left")

    seen.hide(page, False)
    eventually(lambda: monitor.requests.count("/ws") == 2, what="the page comes back")
    page.wait_for_timeout(100)  # it looks ten times a second
    monitor.lets_in.set()

    seen.awaits(page, "front", "Live")
    assert page.evaluate("alarms") == 0
    expect(alarm).to_be_hidden()


def test_a_monitor_with_the_maximum_number_of_viewers_says_so(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    monitor.full = True
    page = open_page(monitor.url)
    bar = page.locator("#bar-server span")
    words = re.compile(r"^The monitor has the maximum number of viewers\. (Next try in \d+ s\.|Trying now\.)$")
    expect(bar).to_have_text(words)
    eventually(lambda: monitor.requests.count("/ws") > 2, what="tried again")
    expect(bar).to_have_text(words)
    expect(page.get_by_role("alert")).to_have_text("The monitor has the maximum number of viewers.")

    monitor.full = False
    expect(page.locator("#bar-server")).to_be_hidden(timeout=15_000)
    seen.awaits(page, "front", "Starting")


def test_when_the_monitor_falls_silent_the_page_says_so_and_ages_go_on(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    video = monitor.film(10)
    seen.awaits(page, "front", "Live")
    monitor.sends = False
    began = time.monotonic()
    video.set()

    expect(page.locator("#bar-server")).to_be_visible(timeout=4500)
    assert time.monotonic() - began < 4.5
    seen.awaits(page, "front", "Stale")
    expect(page).to_have_title("(!) seccam")
    first = seen.age(page, "front")
    eventually(lambda: seen.age(page, "front") > first, what="the age grows")
    expect(page.get_by_role("alert")).to_have_text("No connection to the monitor.")

    monitor.sends = True
    monitor.film(10)
    expect(page.locator("#bar-server")).to_be_hidden()
    seen.awaits(page, "front", "Live")
    expect(page).to_have_title("seccam")


def test_try_now_reconnects_and_shows_missed_visits_once(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    monitor.event("front", "before")
    expect(page.locator(".visit")).to_have_count(1)
    monitor.stop()
    bar = page.locator("#bar-server")
    expect(bar).to_be_visible(timeout=3000)
    words = r"^No connection to the monitor since \d\d:\d\d:\d\d\. (Next try in \d+ s\.|Trying now\.)$"
    expect(bar.locator("span")).to_have_text(re.compile(words))
    keep(page, "no-connection")
    eventually(lambda: (re.search(r"Next try in ([4-9]|10) s", bar.inner_text()) or [""])[0], within=30, what="a longer wait")
    monitor.event("front", "meanwhile", send=False)
    monitor.start()
    monitor.film(15)

    page.get_by_role("button", name="Try now").click()

    seen.awaits(page, "front", "Live", within=1.5)
    expect(bar).to_be_hidden()
    expect(page.locator(".visit")).to_have_count(2)
    monitor.event("front", "after")
    expect(page.locator(".visit")).to_have_count(3)


@pytest.mark.alone  # judges times
def test_without_its_broker_the_monitor_says_so(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    monitor.broker_lost = now_ms() - 4000

    expect(page.locator("#bar-broker")).to_have_text(
        re.compile(r"^The monitor lost its broker at \d\d:\d\d:\d\d\. Pictures and visits will resume automatically\.$")
    )
    keep(page, "no-broker")
    monitor.broker_lost = None
    expect(page.locator("#bar-broker")).to_be_hidden()


def test_without_the_stream_of_events_the_monitor_says_so_and_shows_pictures(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    monitor.has_events = False

    expect(page.locator("#bar-events")).to_contain_text("New visits can't be shown")
    expect(page.locator("#bar-broker")).to_be_hidden()
    keep(page, "no-events")
    monitor.has_events = True
    expect(page.locator("#bar-events")).to_be_hidden()


def test_while_the_workers_cant_keep_up_the_page_says_so(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    monitor.analysed = 0.379

    expect(page.locator("#bar-load")).to_contain_text("The workers can't keep up: they analyse about 38 % of the frames")
    keep(page, "overload")
    monitor.analysed = None
    expect(page.locator("#bar-load")).to_be_hidden()


def test_another_version_of_the_monitor_asks_for_a_reload(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    seen.awaits(page, "front", "Starting")
    expect(page.locator("#bar-update")).to_be_hidden()
    monitor.stop()
    monitor.version = f"{monitor.version}.next"
    monitor.start()

    expect(page.locator("#bar-update")).to_contain_text("seccam was updated.")
    page.get_by_role("button", name="Reload").click()
    seen.awaits(page, "front", "Starting")
    expect(page.locator("#bar-update")).to_be_hidden()


def test_a_hidden_page_requests_no_pictures_and_counts_visits_in_its_title(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url)
    monitor.film(15)
    seen.awaits(page, "front", "Live")

    seen.hide(page, True)
    eventually(lambda: monitor.watched() == set(), within=1, what="no picture asked for")
    monitor.event("front", "one")
    monitor.event("front", "two")
    expect(page).to_have_title("(2) seccam")
    seen.awaits(page, "front", "Live")  # by what the monitor says

    seen.hide(page, False)
    seen.awaits(page, "front", "Live", within=1)
    seen.moves(page, "front", within=1)
    expect(page).to_have_title("seccam")


def test_pictures_of_tiles_out_of_view_are_not_requested(open_page: Open, scripted: Scripted) -> None:
    names = [f"cam-{n}" for n in range(8)]
    monitor = scripted(*names)
    page = open_page(monitor.url, viewport=PHONE)
    eventually(lambda: monitor.watched() and monitor.watched() <= set(names[:5]), what="only the first tiles")

    page.locator("#main").evaluate("main => main.scrollTo(0, main.scrollHeight)")

    eventually(lambda: names[0] not in monitor.watched() and names[7] in monitor.watched(), what="only the last tiles")


def test_the_first_run_page_explains_the_next_steps_and_turns_into_the_grid(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted()
    page = open_page(monitor.url, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
    intro = "A camera appears here as soon as it sends a picture. You don't need to reload."
    expect(page.locator("#first-run")).to_contain_text(intro)
    expect(page.locator("#broker")).to_have_text("Broker: connected")
    for words in (
        "On a cluster: add an entry under cameras: in your values, then helm upgrade",
        "Anything that speaks MQTT, with the address and password that make run prints",
    ):
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    keep(page, "first-run")
    for button, command in [
        ("Copy the command for a webcam", 'SECCAM_CAMERAS="front=/dev/video0" make run'),
        ("Copy the command for MQTT", "mosquitto_pub -t seccam/view/front -f picture.jpg"),
    ]:
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("button", name=button)).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == command

    monitor.cameras.extend(ScriptedMonitor.of("front"))
    monitor.send_cameras()
    monitor.film(10)

    seen.awaits(page, "front", "Live")
    expect(page.get_by_role("heading", name="No camera yet")).to_be_hidden()


def test_without_a_clipboard_copy_selects_the_command(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted()
    # what the browser does to a page over plain http from another machine
    page = open_page(monitor.url, init="Object.defineProperty(navigator, 'clipboard', {get: () => undefined});")

    page.get_by_role("button", name="Copy the command for MQTT").click()

    assert page.evaluate("getSelection().toString()") == "mosquitto_pub -t seccam/view/front -f picture.jpg"


def test_cameras_come_and_go_and_keep_their_places(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    page = open_page(monitor.url)
    names = page.locator(".tile .name")
    expect(names).to_have_text(["front", "yard"])
    monitor.cameras[1:1] = ScriptedMonitor.of("gate")
    monitor.send_cameras()
    expect(names).to_have_text(["front", "gate", "yard"])
    del monitor.cameras[0]
    monitor.send_cameras()
    expect(names).to_have_text(["gate", "yard"])


def test_before_the_first_message_the_page_says_that_it_is_connecting(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    page = open_page(monitor.url, init="const real = WebSocket; globalThis.WebSocket = class { close() {} }; void real;")

    expect(page.get_by_text("Connecting to the monitor…")).to_be_visible()
    expect(page.locator("#bar-server")).to_be_visible(timeout=5000)
