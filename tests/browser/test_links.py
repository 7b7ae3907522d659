"""The link in a notification opens the visit on the page, with its picture and what became of it on each channel."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.brokers import RunningBroker
from tests.browser import pictures
from tests.browser.chain import FakeWorker, Monitor
from tests.browser.conftest import DESKTOP, PHONE, MakeCamera, Open, keep
from tests.browser.scripted import ScriptedMonitor
from tests.browser.test_login import PASSWORD, guarded, log_in, users  # noqa: F401  # fixtures
from tests.integration.monitors import Sender
from tests.notifiers import record
from tests.unit.monitor.auth.users import entry
from tests.waiting import eventually

Scripted = Callable[..., ScriptedMonitor]

TOLD = [{"channel": "ntfy", "outcome": "requeued"}, {"channel": "telegram:-100123", "outcome": "notified"}]


def is_loaded(page: Page) -> bool:
    """Whether the dialog shows its picture."""
    return bool(page.locator("#visit-dialog img").evaluate("img => !img.hidden && img.complete && img.naturalWidth > 0"))


def notifications(page: Page) -> Locator:
    """What the dialog says of each channel."""
    return page.get_by_role("dialog").get_by_role("list", name="Notifications").get_by_role("listitem")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_link_opens_the_visit_with_its_picture_and_what_became_of_it(
    open_page: Open, scripted: Scripted, viewport: dict[str, int], scheme: str
) -> None:
    monitor = scripted("front")
    monitor.event("front", "other", age=300)
    monitor.event("front", "visit", age=30, faces=2, outcomes=TOLD)
    page = open_page(f"{monitor.url}#event/visit", viewport=viewport, color_scheme=scheme)

    dialog = page.get_by_role("dialog", name="2 faces · front")
    expect(dialog).to_be_visible()
    expect(notifications(page)).to_have_text(["ntfy: waiting, will be tried again", "Telegram: told"])
    eventually(lambda: is_loaded(page), what="picture")
    keep(page, f"link-{'phone' if viewport is PHONE else 'desktop'}-{scheme}")
    assert dialog.evaluate("node => node.scrollWidth <= node.clientWidth")
    expect(dialog.get_by_role("button", name="Close")).to_be_in_viewport()

    monitor.event("front", "visit", age=30, faces=2, outcomes=[{**one, "outcome": "notified"} for one in TOLD])
    expect(notifications(page)).to_have_text(["ntfy: told", "Telegram: told"])

    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(monitor.url)


def test_a_link_that_is_followed_while_the_page_is_open_leads_there_and_back(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front", "yard")
    for event in ("first", "second"):
        monitor.event("front", event, age=300 if event == "first" else 30, faces=1 if event == "first" else 2)
    page = open_page(f"{monitor.url}#yard")
    expect(page.get_by_role("button", name="All cameras")).to_be_visible()
    title = page.locator("#visit-dialog h2")

    page.evaluate("location.hash = '#event/first'")
    expect(title).to_have_text("1 face · front")
    page.evaluate("location.hash = '#event/second'")
    expect(title).to_have_text("2 faces · front")
    page.go_back()
    expect(title).to_have_text("1 face · front")
    page.go_back()
    expect(page.locator("#visit-dialog")).to_be_hidden()
    expect(page).to_have_url(f"{monitor.url}#yard")
    page.go_forward()
    expect(title).to_have_text("1 face · front")
    page.get_by_role("button", name="Watch this camera").click()
    expect(page).to_have_url(f"{monitor.url}#front")
    page.go_back()
    expect(page).to_have_url(monitor.url)
    expect(page.locator("#visit-dialog")).to_be_hidden()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_visit_that_is_opened_by_hand_has_an_address_and_leaves_no_step_in_the_history(
    open_page: Open, scripted: Scripted, viewport: dict[str, int]
) -> None:
    monitor = scripted("front")
    monitor.event("front", "visit", age=30)
    page = open_page(f"{monitor.url}#front", viewport=viewport)
    expect(page.get_by_role("button", name="All cameras")).to_be_visible()
    beneath = f"{monitor.url}#front"
    if viewport is PHONE:
        page.locator("#strip").click()
        beneath = f"{monitor.url}#/visits"
    steps = page.evaluate("history.length")

    for _ in range(2):
        page.locator(".visit button").click()
        expect(page).to_have_url(f"{monitor.url}#event/visit")
        expect(page.locator("#visit-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page).to_have_url(beneath)
        expect(page.locator("#visit-dialog")).to_be_hidden()
        expect(page.locator(".visit button")).to_be_focused()
    assert page.evaluate("history.length") == steps
    page.locator(".visit button").click()
    expect(page.locator("#visit-dialog")).to_be_visible()
    page.reload()
    expect(page.locator("#visit-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(beneath)


def test_the_list_marks_only_visits_whose_notification_has_not_arrived(open_page: Open, scripted: Scripted) -> None:
    monitor = scripted("front")
    for age, outcome in enumerate(("notified", "requeued", "parked", "suppressed")):
        monitor.event("front", outcome, age=1000 * age, outcomes=[{"channel": "ntfy", "outcome": outcome}])
    monitor.event("front", "unknown", age=5000)
    page = open_page(monitor.url)

    expect(page.locator(".visit .undelivered")).to_have_text(["", "Notification waiting", "Notification parked", "", ""])
    keep(page, "undelivered")


@pytest.mark.parametrize("event", ["..", "", "%2e", "a/b", "%E0%A4%A", "x" * 500, "<img src=x onerror=alert(1)>"])
def test_a_link_that_is_cut_off_or_made_up_is_no_error(open_page: Open, monitor: Monitor, event: str) -> None:
    page = open_page(f"{monitor.url}#event/{event}")

    if event == "%E0%A4%A":  # it can't be decoded: like no address at all
        expect(page.get_by_text("No camera yet")).to_be_visible()
        expect(page.locator("#visit-dialog")).to_be_hidden()
    else:
        expect(page.get_by_role("dialog", name="This visit can't be shown")).to_be_visible()


def test_a_visit_that_comes_after_its_link_was_followed_is_shown(open_page: Open, monitor: Monitor, broker: RunningBroker) -> None:
    page = open_page(f"{monitor.url}#event/front-b1-1")
    expect(page.get_by_role("dialog", name="This visit can't be shown")).to_be_visible()
    sender = Sender(broker)
    sender.event("front", 1)
    sender.close()

    expect(page.get_by_role("dialog", name="2 faces · front")).to_be_visible()


def test_an_expired_link_says_so(open_page: Open, monitor: Monitor, cameras: MakeCamera, worker: FakeWorker) -> None:
    worker.announces(cameras("front").send(), pictures.FACE)
    page = open_page(f"{monitor.url}#event/front-b1-1")

    dialog = page.get_by_role("dialog", name="This visit can't be shown")
    expect(dialog).to_contain_text("Only the last 100 visits are kept, and this one is not among them.")
    expect(dialog.locator("img")).to_be_hidden()
    expect(dialog.get_by_role("button")).to_have_text(["Close"])
    keep(page, "link-expired")
    page.keyboard.press("Escape")
    expect(page).to_have_url(monitor.url)
    page.locator(".visit button").click()
    expect(page.get_by_role("dialog", name="1 face · front")).to_be_visible()
    eventually(lambda: is_loaded(page), what="picture")


def test_every_event_of_a_visit_leads_to_it_and_its_outcomes_follow(
    open_page: Open, monitor: Monitor, broker: RunningBroker, cameras: MakeCamera, worker: FakeWorker
) -> None:
    camera = cameras("front")
    first = worker.announces(camera.send(), pictures.FACE)
    second = worker.announces(camera.send(), pictures.FACE, pictures.FACE)
    page = open_page(f"{monitor.url}#event/{second}")

    dialog = page.get_by_role("dialog", name="2 faces · front")
    expect(dialog).to_be_visible()
    eventually(lambda: is_loaded(page), what="picture")
    record(broker, first, {"telegram:123": "notified", "ntfy": "requeued"})
    expect(notifications(page)).to_have_text(["ntfy: waiting, will be tried again", "Telegram: told"])
    record(broker, second, {"ntfy": "parked", "telegram:9994711": "notified"})
    expect(notifications(page)).to_have_text(["ntfy: not told, parked", "Telegram …123: told", "Telegram …4711: told"])

    other = open_page(f"{monitor.url}#event/{first}")
    expect(notifications(other).first).to_have_text("ntfy: not told, parked")
    expect(other.locator(".visit .undelivered")).to_have_text("Notification parked")


def test_a_link_leads_to_the_visit_through_the_login(
    open_page: Open,
    guarded: Monitor,  # noqa: F811
    cameras: MakeCamera,
    worker: FakeWorker,
    users: Path,  # noqa: F811
) -> None:
    event = worker.announces(cameras("front").send(), pictures.FACE)
    page = open_page(f"{guarded.url}#event/{event}", viewport=PHONE)
    log_in(page)
    expect(page.get_by_role("dialog", name="1 face · front")).to_be_visible()
    eventually(lambda: is_loaded(page), what="picture")

    users.with_name("new").write_text(entry("bob", PASSWORD))
    users.with_name("new").rename(users)  # ann's login ends while the visit is shown
    expect(page).to_have_url(re.compile(r"/login\?next=%2F%23event%2Ffront-"))
    log_in(page, name="bob")
    expect(page).to_have_url(f"{guarded.url}#event/{event}")
    expect(page.get_by_role("dialog", name="1 face · front")).to_be_visible()
