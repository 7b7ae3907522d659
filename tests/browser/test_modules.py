"""The page's pure modules, imported from the served files, as tables."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.scripted import ScriptedMonitor

Call = Callable[..., Any]
#: Sat 22 Nov 2025, 14:03:12 UTC
NOW = 1_763_820_192_000


@pytest.fixture(scope="module")
def module_page(browser: Browser) -> Iterator[Page]:
    monitor = ScriptedMonitor()
    page = browser.new_page(timezone_id="UTC")
    page.goto(monitor.url)
    yield page
    page.close()
    monitor.close()


@pytest.fixture
def call(module_page: Page) -> Call:
    """Calls an exported function of a module of the page."""

    def call_it(name: str, *arguments: Any) -> Any:
        module, function = name.split(".")
        return module_page.evaluate(
            "async ([module, name, given]) => (await import(`/static/${module}.js`))[name](...given)", [module, function, arguments]
        )

    return call_it


_HEALTHY = {"reported": "live", "drawn": 100, "newest": 50, "watched": True, "stale": 2000, "away": 30_000, "unreadable": 0}


@pytest.mark.parametrize(
    ("state", "differing"),
    [
        ("live", {}),
        ("live", {"drawn": 2000}),
        ("stale", {"drawn": 2001, "newest": 2001}),
        ("slow", {"drawn": 2001, "newest": 2000}),
        ("live", {"drawn": 8000, "newest": 8000, "stale": 10_000}),  # a camera slower than 1 fps
        ("stale", {"drawn": 30_000, "newest": 30_000}),
        ("away", {"drawn": 30_001, "newest": 30_001}),
        ("slow", {"drawn": 40_000}),  # what is newer is under way
        ("live", {"drawn": 100, "newest": 40_000}),  # the status is older than the picture
        ("away", {"reported": "away"}),
        ("away", {"reported": "away", "drawn": None, "newest": None}),
        ("off", {"reported": "off"}),
        ("off", {"reported": "off", "unreadable": 9, "newest": 40_000}),
        ("starting", {"reported": "starting", "drawn": None, "newest": None}),
        ("starting", {"drawn": None}),
        ("stale", {"drawn": None, "newest": 3000}),
        ("away", {"drawn": None, "newest": 31_000}),
        ("live", {"unreadable": 4}),
        ("damaged", {"unreadable": 5}),
        ("damaged", {"unreadable": 12, "drawn": None}),
        ("away", {"unreadable": 5, "drawn": 31_000, "newest": 31_000}),
        ("live", {"watched": False, "drawn": None}),
        ("stale", {"watched": False, "drawn": None, "newest": 2500}),
        ("starting", {"watched": False, "drawn": None, "newest": None}),
    ],
)
def test_the_state_follows_from_the_ages(call: Call, state: str, differing: dict[str, Any]) -> None:
    assert call("clock.stateOf", {**_HEALTHY, **differing}) == state


@pytest.mark.parametrize(
    ("pings", "monitor_at_1000"),
    [
        ([], 5000),  # what the greeting said
        ([(0, 4010, 20)], 5000),
        ([(0, 4010, 20), (100, 4160, 200)], 5000),  # the slower one, held up on one way, doesn't count
        ([(0, 4060, 100), (100, 4110, 120)], 5000),  # a faster one replaces it
    ],
)
def test_the_monitors_clock_is_that_of_the_fastest_ping(
    module_page: Page, pings: list[list[float]], monitor_at_1000: float
) -> None:
    found = module_page.evaluate(
        """async pings => {
          const { MonitorClock } = await import("/static/clock.js");
          const clock = new MonitorClock(4000, 0);
          for (const ping of pings) clock.pong(...ping);
          return clock.at(1000);
        }""",
        pings,
    )

    assert found == monitor_at_1000


def test_the_monitors_clock_forgets_all_but_the_last_ten_pings(module_page: Page) -> None:
    found = module_page.evaluate(
        """async () => {
          const { MonitorClock } = await import("/static/clock.js");
          const clock = new MonitorClock(0, 0);
          clock.pong(0, 7777, 1);
          for (let i = 0; i < 10; i += 1) clock.pong(0, 5005, 10);
          return clock.at(0);
        }"""
    )

    assert found == 5000


@pytest.mark.parametrize(
    ("wall", "page", "asleep"),
    [(100, 100, False), (100, 1000, False), (1200, 100, True), (-3_600_000, 100, True), (60_000, 60_000, False)],
)
def test_sleep_is_noticed_by_the_difference_of_two_clocks(call: Call, wall: float, page: float, asleep: bool) -> None:
    assert call("clock.slept", {"wall": NOW, "page": 0}, {"wall": NOW + wall, "page": page}) is asleep


@pytest.mark.parametrize(
    ("count", "room", "found"),
    [
        (1, (1096, 738), (1, 1096)),
        (2, (1096, 738), (1, 574)),  # one above the other is wider than side by side
        (4, (1096, 738), (2, 542)),
        (5, (1096, 738), (3, 357)),  # 574 would need a third row
        (9, (1096, 738), (3, 352)),
        (16, (1096, 738), (3, 357)),  # they don't fit: 320 at least, and scroll
        (16, (2216, 1392), (4, 531)),
        (5, (374, 712), (1, 374)),
        (2, (828, 262), (2, 394)),
        (5, (828, 262), (2, 394)),  # 408 would leave no tile whole in sight
        (1, (828, 233), (1, 343)),
        (1, (828, 200), (1, 320)),
        (3, (304, 500), (1, 304)),  # a window narrower than a tile
        (2, (300, 0), (1, 300)),
    ],
)
def test_columns_make_tiles_as_wide_as_they_can_be_without_scrolling(
    call: Call, count: int, room: tuple[int, int], found: tuple[int, int]
) -> None:
    columns, tile = found

    assert call("layout.columns", count, {"width": room[0], "height": room[1], "gap": 12, "caption": 40}) == {
        "columns": columns,
        "tile": tile,
    }


def test_a_bar_makes_tiles_smaller_and_leaves_them_where_they_are(call: Call) -> None:
    room = {"width": 1096, "height": 690, "gap": 12, "caption": 40}

    assert call("layout.columns", 2, room) == {"columns": 2, "tile": 542}
    assert call("layout.columns", 2, room, 48) == {"columns": 1, "tile": 531}


@pytest.mark.parametrize(
    ("message", "head"),
    [
        (
            struct.pack("<BBHIdHH", 1, 0, 258, 4_000_000_000, 81234.5, 1280, 720) + b"\xff",
            {
                "camera": 258,
                "seq": 4_000_000_000,
                "captured": 81234.5,
                "width": 1280,
                "height": 720,
                "estimated": False,
                "untimed": False,
            },
        ),
        (
            struct.pack("<BBHIdHH", 1, 1, 0, 1, -5.25, 4096, 1) + b"\xff\xd8",
            {"camera": 0, "seq": 1, "captured": -5.25, "width": 4096, "height": 1, "estimated": True, "untimed": False},
        ),
        (
            struct.pack("<BBHIdHH", 1, 2, 0, 1, 0, 1, 1) + b"\xff\xd8",
            {"camera": 0, "seq": 1, "captured": 0, "width": 1, "height": 1, "estimated": False, "untimed": True},
        ),
        (struct.pack("<BBHIdHH", 2, 0, 0, 1, 0, 1, 1) + b"\xff\xd8", None),  # another kind of message
        (
            struct.pack("<BBHIdHH", 1, 0, 0, 1, 0, 1, 1),  # no picture behind it, but one that wants an ack
            {"camera": 0, "seq": 1, "captured": 0, "width": 1, "height": 1, "estimated": False, "untimed": False},
        ),
        (struct.pack("<BBHIdHH", 1, 0, 0, 1, 0, 1, 1)[:19], None),
        (b"", None),
    ],
)
def test_the_header_of_a_picture_is_read_as_the_monitor_writes_it(
    module_page: Page, message: bytes, head: dict[str, Any] | None
) -> None:
    found = module_page.evaluate(
        "async bytes => (await import('/static/frames.js')).header(new Uint8Array(bytes).buffer)", list(message)
    )

    assert found == head


@pytest.mark.parametrize(
    ("age", "flags", "said"),
    [
        (0, {}, "0.0 s old"),
        (120, {}, "0.1 s old"),
        (9940, {}, "9.9 s old"),
        (9960, {}, "10 s old"),
        (12_900, {}, "12 s old"),
        (59_999, {}, "59 s old"),
        (4 * 60_000, {}, "4 min old"),
        (3 * 3_600_000, {}, "since 11:03"),
        (30 * 3_600_000, {}, "since 21 Nov 08:03"),
        (120, {"estimated": True}, "~0.1 s old"),
        (120, {"untimed": True}, "≥0.1 s old"),
    ],
)
def test_ages_are_formatted(call: Call, age: float, flags: dict[str, bool], said: str) -> None:
    assert call("format.age", age, flags, NOW) == said


@pytest.mark.parametrize(
    ("seen", "source", "said"),
    [
        (15, 15.2, "15 fps"),
        (11, 15, "15 fps"),
        (6, 15, "6 of 15 fps"),
        (1.2, 2.0, "1 of 2 fps"),
        (0, 0.1, "1 per 10 s"),
        (0, 0, "0 fps"),
        (2.5, 2.5, "2.5 fps"),
    ],
)
def test_rates_are_formatted(call: Call, seen: float, source: float, said: str) -> None:
    assert call("format.rates", seen, source) == said


_PLATE = {
    "state": "live", "age": 100, "waiting": 1000, "last": NOW - 360_000, "until": None, "zone": "UTC", "why": "",
    "unreadable": 0, "now": NOW,
}  # fmt: skip


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        ({}, None),
        ({"state": "starting"}, ["Waiting for the first picture", "", ""]),
        ({"state": "starting", "waiting": 30_001, "age": None}, ["No picture yet. Is its camera service running?", "", ""]),
        ({"state": "starting", "waiting": 30_001, "age": 50}, ["Waiting for the first picture", "", ""]),  # the monitor has one
        ({"state": "stale", "age": 7200}, ["No new picture for 7 s", "", ""]),
        ({"state": "slow", "age": 3900}, ["Slow connection: picture is 3 s old", "", ""]),
        ({"state": "away"}, ["Camera away", "Last picture 13:57:12, 6 min ago", ""]),
        ({"state": "away", "last": NOW - 86_400_000}, ["Camera away", "Last picture 21 Nov 14:03:12, 1 d ago", ""]),
        ({"state": "away", "last": None}, ["Camera away", "", ""]),
        (
            {"state": "away", "why": "there is no such device"},
            ["Camera away", "Last picture 13:57:12, 6 min ago", "Reason: there is no such device"],
        ),
        ({"state": "away", "last": None, "why": "<b>"}, ["Camera away", "", "Reason: <b>"]),
        ({"state": "starting", "why": "still warming up"}, ["Waiting for the first picture", "", "Reason: still warming up"]),
        (
            {"state": "starting", "waiting": 30_001, "age": None, "why": "still warming up"},
            ["No picture yet", "", "Reason: still warming up"],
        ),
        ({"state": "off", "why": "outside its time slots"}, ["Off by schedule", "", ""]),
        ({"why": "all is well"}, None),
        ({"state": "damaged", "unreadable": 12}, ["Pictures can't be read (12 in a row)", "", ""]),
        ({"state": "off"}, ["Off by schedule", "", ""]),
        ({"state": "off", "until": NOW + 2 * 86_400_000}, ["Off by schedule", "On again Mon 14:03", ""]),
        ({"state": "off", "until": NOW, "zone": "Europe/Berlin"}, ["Off by schedule", "On again Sat 15:03 (Europe/Berlin)", ""]),
        ({"state": "off", "until": NOW, "zone": "Etc/UTC"}, ["Off by schedule", "On again Sat 14:03", ""]),
        ({"state": "off", "until": NOW, "zone": "Africa/Abidjan"}, ["Off by schedule", "On again Sat 14:03", ""]),
        ({"state": "off", "until": NOW, "zone": "Asia/Tokyo"}, ["Off by schedule", "On again Sat 23:03 (Asia/Tokyo)", ""]),
        ({"state": "off", "until": NOW, "zone": None}, ["Off by schedule", "On again Sat 14:03", ""]),
        ({"state": "off", "until": NOW + 9 * 86_400_000}, ["Off by schedule", "On again Mon 1 Dec 14:03", ""]),
        ({"state": "off", "until": NOW, "zone": "No/Where"}, ["Off by schedule", "On again Sat 14:03", ""]),
    ],
)
def test_plates_have_exactly_these_texts(call: Call, differing: dict[str, Any], said: list[str] | None) -> None:
    assert call("format.plate", {**_PLATE, **differing}) == said


def test_counts_list_the_worst_state_first(call: Call) -> None:
    assert call("format.counts", ["live", "off", "away", "live", "stale"]) == "1 away · 1 stale · 2 live · 1 off"
    assert call("format.counts", []) == ""


@pytest.mark.parametrize(("scores", "said"), [([], ""), ([0.936], "Score 0.94"), ([0.98, 0.5], "Scores 0.98, 0.50")])
def test_scores_are_formatted(call: Call, scores: list[float], said: str) -> None:
    assert call("format.scores", scores) == said


@pytest.mark.parametrize(
    ("outcomes", "said", "mark"),
    [
        ({}, [], ""),
        ({"telegram:4711": "notified"}, ["Telegram: told"], ""),
        (
            {"telegram:-10012345": "notified", "telegram:67890": "requeued"},
            ["Telegram …2345: told", "Telegram …7890: waiting, will be tried again"],
            "Notification waiting",
        ),
        (
            {"ntfy": "requeued", "webhook": "parked", "log": "notified"},
            ["ntfy: waiting, will be tried again", "Webhook: not told, parked", "Log: told"],
            "Notification parked",
        ),
        (
            {"apprise:mailto": "notified", "apprise:signal-2": "notified", "ifttt": "suppressed", "smoke": "notified"},
            ["Apprise (mailto): told", "Apprise (signal-2): told", "IFTTT: no news to tell", "smoke: told"],
            "",
        ),
        ({None: "suppressed"}, ["All channels: no news to tell"], ""),
    ],
    ids=["nothing is known", "one chat", "two chats", "parked counts most", "other channels", "all channels"],
)
def test_outcomes_are_said_in_words(call: Call, outcomes: dict[str | None, str], said: list[str], mark: str) -> None:
    known = [{"channel": channel, "outcome": outcome} for channel, outcome in outcomes.items()]
    assert [call("format.outcome", one, known) for one in known] == said
    assert call("format.undelivered", known) == mark


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([("front", 2)], "front 2 faces"),
        ([("front", 1)], "front 1 face"),
        ([("front", 1), ("yard", 1), ("front", 2)], "front 2 faces, yard 1"),
    ],
)
def test_visits_are_spoken_in_one_sentence(call: Call, seen: list[tuple[str, int]], said: str) -> None:
    assert call("format.spokenVisits", [{"camera": camera, "count": count} for camera, count in seen]) == said


def test_times_are_shown_in_the_given_zone(call: Call) -> None:
    assert call("format.time", NOW, NOW, "Asia/Kolkata") == "19:33:12"


@pytest.mark.parametrize(
    ("ago", "visit", "said"),
    [
        (3, {"over": False}, "Since 14:03:09"),
        (3600, {"over": False, "seconds": 3590}, "Since 13:03:12"),
        (120, {"over": True, "seconds": 0}, "14:01:12"),
        (120, {"over": True, "seconds": 7}, "14:01:12 · for 7 s"),
        (840, {"over": True, "seconds": 259}, "13:49:12 · for 4 min"),
        (86_400, {"over": True, "seconds": 7500}, "21 Nov 14:03:12 · for 2 h"),
        (840, {"over": True, "seconds": 259, "late_s": 840}, "13:49:12 · for 4 min · delayed 14 min"),
        (840, {"over": False, "late_s": 840}, "Since 13:49:12 · delayed 14 min"),
        (12, {"over": False, "late_s": 10}, "Since 14:03:00"),
    ],
)
def test_a_visit_says_when_it_began_and_how_long_it_took(call: Call, ago: int, visit: dict[str, Any], said: str) -> None:
    assert call("format.visit", {"time": NOW - ago * 1000, "seconds": 0, "late_s": 0, **visit}, NOW) == said
