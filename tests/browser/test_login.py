"""The login, as people meet it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.brokers import RunningBroker
from tests.browser import seen
from tests.browser.chain import Monitor
from tests.browser.conftest import DESKTOP, PHONE, MakeCamera, Open, keep
from tests.browser.test_access import FAINT, STUMBLES
from tests.unit.monitor.auth.users import entry

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text(entry("ann", PASSWORD))
    return path


@pytest.fixture
def guarded(broker: RunningBroker, users: Path) -> Iterator[Monitor]:
    """A monitor with a login."""
    running = Monitor(broker, users_file=str(users)).start()
    yield running
    running.end(signal.SIGKILL)


def log_in(page: Page, password: str = PASSWORD, name: str = "ann") -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_login_leads_to_the_live_page_and_logout_back(open_page: Open, guarded: Monitor, cameras: MakeCamera) -> None:
    cameras("front").start()
    page = open_page(guarded.url)
    expect(page).to_have_url(guarded.url + "login?next=/")
    log_in(page)

    expect(page).to_have_url(guarded.url)
    seen.awaits(page, "front", "Live")
    seen.moves(page, "front")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == ("seccam", True, "Lax", False)
    leave = page.get_by_role("button", name="Log out")
    expect(leave).to_have_accessible_description("Logged in as ann")
    keep(page, "logged-in")
    leave.click()

    expect(page).to_have_url(guarded.url + "login")
    assert page.context.cookies() == []
    page.goto(guarded.url + "cameras/front/snapshot.jpg")
    expect(page).to_have_url(guarded.url + "login?next=/cameras/front/snapshot.jpg")


def test_a_link_to_a_camera_leads_there_through_the_login(open_page: Open, guarded: Monitor, cameras: MakeCamera) -> None:
    cameras("front").start()
    cameras("yard").start()
    page = open_page(guarded.url + "#yard")
    log_in(page)

    expect(page).to_have_url(guarded.url + "#yard")
    seen.moves(page, "yard")
    expect(seen.tile(page, "front")).to_be_hidden()


def test_a_wrong_password_is_reported_and_the_name_stays(open_page: Open, guarded: Monitor) -> None:
    page = open_page(guarded.url)
    log_in(page, "not this one")

    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    expect(page.get_by_label("Name")).to_have_value("ann")
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()
    for _ in range(4):
        log_in(page, "nor this")
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    log_in(page)
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts. Try again in ")


def test_the_login_works_without_javascript(open_page: Open, guarded: Monitor) -> None:
    page = open_page(guarded.url + "cameras", java_script_enabled=False)
    log_in(page, "not this one")
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    log_in(page)

    expect(page).to_have_url(guarded.url + "cameras")
    expect(page.locator("body")).to_have_text("[]")


def test_a_page_whose_user_was_removed_leads_to_the_login_and_back(
    open_page: Open, guarded: Monitor, users: Path, cameras: MakeCamera
) -> None:
    cameras("front").start()
    page = open_page(guarded.url + "#front")
    log_in(page)
    seen.moves(page, "front")
    users.with_name("new").write_text(entry("bob", PASSWORD))
    users.with_name("new").rename(users)

    expect(page).to_have_url(guarded.url + "login?next=%2F%23front")
    log_in(page, name="bob")
    expect(page).to_have_url(guarded.url + "#front")
    seen.moves(page, "front")


def test_logging_out_in_one_window_ends_the_other(open_page: Open, guarded: Monitor) -> None:
    page = open_page(guarded.url)
    log_in(page)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    other = _another(page.context, guarded.url)
    expect(other.get_by_role("button", name="Log out")).to_be_visible()
    other.get_by_role("button", name="Log out").click()

    expect(other).to_have_url(guarded.url + "login")
    expect(page).to_have_url(guarded.url + "login?next=%2F")


def test_a_page_whose_cookie_is_gone_notices_it(open_page: Open, guarded: Monitor) -> None:
    """As when somebody logs out at another replica: this one's socket goes on."""
    page = open_page(guarded.url)
    log_in(page)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.context.clear_cookies()

    expect(page).to_have_url(guarded.url + "login?next=%2F", timeout=45_000)


def test_without_a_login_there_is_no_logout(open_page: Open, monitor: Monitor) -> None:
    page = open_page(monitor.url)
    expect(page.locator("#first-run")).to_be_visible()
    expect(page.locator("#logout")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_the_login_is_accessible_and_works_with_a_password_manager(
    open_page: Open, guarded: Monitor, scheme: str, device: str
) -> None:
    size = DESKTOP if device == "desktop" else PHONE
    page = open_page(guarded.url, color_scheme=scheme, viewport=size, has_touch=device == "phone")
    expect(page.get_by_label("Name")).to_be_focused()
    keep(page, f"login-{device}-{scheme}")
    for text in (None, "Wrong name or password."):
        if text:
            log_in(page, "not this one")
            expect(page.get_by_role("alert")).to_have_text(text)
            keep(page, f"login-wrong-{device}-{scheme}")
        assert page.evaluate(FAINT) == []
        assert page.evaluate(STUMBLES) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_label("Name").get_attribute("autocomplete") == "username"
    assert page.get_by_label("Password").get_attribute("autocomplete") == "current-password"


def _another(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    return page
