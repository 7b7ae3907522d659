"""Chromium, pages that must stay free of errors, and monitors to open in them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from seccam import topology
from tests.brokers import RunningBroker
from tests.browser.chain import FakeCamera, FakeWorker, Monitor, publisher
from tests.browser.scripted import ScriptedMonitor

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
DESKTOP = {"width": 1440, "height": 810}
PHONE = {"width": 390, "height": 844}
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# the default for what has no limit of its own: long enough for a busy machine
expect.set_options(timeout=30_000)
#: Makes every page collect violations of the content security policy.
_WATCH_POLICY = "globalThis.violations = []; addEventListener('securitypolicyviolation', e => violations.push(e.violatedDirective))"


# per package, not per session: while it exists an event loop counts as running, and no other test may run its own
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed")
        pytest.skip("Chromium is not installed: run `make setup`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield chromium
        chromium.close()


#: Makes a page: url, and options of Playwright's new_context.
Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens pages, each with a profile of its own; none of them may report an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    pages: list[Page] = []

    def open_it(url: str, *, init: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "timezone_id": "UTC", "color_scheme": "light", **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(_WATCH_POLICY)
        if init:
            page.add_init_script(init)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        pages.append(page)
        return page

    yield open_it
    violations = [violation for page in pages if not page.is_closed() for violation in page.evaluate("violations")]
    for context in contexts:
        context.close()
    assert not violations
    # the browser itself reports a monitor that is down, and a picture that is gone
    assert not [text for text in errors if "WebSocket connection to" not in text and "Failed to load resource" not in text]


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedMonitor]]:
    """Makes scripted monitors."""
    made: list[ScriptedMonitor] = []

    def make(*names: str) -> ScriptedMonitor:
        made.append(ScriptedMonitor(*names))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close()


#: Makes a camera: name, rate, and more of FakeCamera's.
MakeCamera = Callable[..., FakeCamera]


@pytest.fixture
def monitor(broker: RunningBroker) -> Iterator[Monitor]:
    running = Monitor(broker).start()
    yield running
    running.end(signal.SIGKILL)  # its orderly stop has tests of its own


@pytest.fixture
def cameras(broker: RunningBroker) -> Iterator[MakeCamera]:
    """Makes cameras, all on one connection."""
    link = publisher(broker, topology.OPERATOR_USER)
    made: list[FakeCamera] = []

    def make(name: str, fps: float = 15.0, **how: Any) -> FakeCamera:
        made.append(FakeCamera(link, name, fps, **how))
        return made[-1]

    yield make
    for camera in made:
        camera.stop()
    link.stop(2)


@pytest.fixture
def worker(broker: RunningBroker) -> Iterator[FakeWorker]:
    link = publisher(broker, topology.SECURITY_USER)
    yield FakeWorker(link)
    link.stop(2)


def keep(page: Page, name: str) -> None:
    """A screenshot for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
