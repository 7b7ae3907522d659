from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from seccam import logs


class Written(io.StringIO):
    """Standard error of a test."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    """What is written to standard error; logging is as it was, afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Written()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configure(written: Written, level: str, style: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    with pytest.MonkeyPatch.context() as patch:  # not in the fixture: pytest sets standard error anew for the test itself
        patch.setattr("sys.stderr", written)
        logs.configure(level, style, "seccam-test", registry)
    return registry


def test_a_line_is_json_with_event_level_time_and_service(written: Written) -> None:
    configure(written, "info", "auto")

    logs.get("test").info("camera_live", camera="front", fps=15.0, raw=b"\xff", path=object)

    (line,) = written.lines
    assert (line["event"], line["level"], line["service"], line["camera"], line["fps"]) == (
        "camera_live",
        "info",
        "seccam-test",
        "front",
        15.0,
    )
    assert line["timestamp"].endswith("Z")
    assert "\x1b" not in written.getvalue()


def test_every_thread_names_the_service(written: Written) -> None:
    configure(written, "info", "json")

    thread = threading.Thread(target=logs.get("test").info, args=("from_a_thread",))
    thread.start()
    thread.join()

    assert written.lines[0]["service"] == "seccam-test"


def test_an_exception_is_rendered_into_its_line(written: Written) -> None:
    configure(written, "info", "json")
    try:
        int("of all things")
    except ValueError:
        logs.get("test").exception("failed")

    (line,) = written.lines
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_trace_shows_no_variables_among_which_are_passwords(written: Written, style: str) -> None:
    configure(written, "info", style)
    address = "rtsp://admin:hunter2@camera/"
    try:
        int("of all things" + address[:0])
    except ValueError:
        logs.get("test").exception("failed")

    assert "ValueError: invalid literal" in written.getvalue()
    assert "hunter2" not in written.getvalue()


def test_other_libraries_logs_and_warnings_come_out_as_ours_do(written: Written) -> None:
    registry = configure(written, "info", "json")

    logging.getLogger("some.library").warning("it said %s", "this")
    try:
        Path("/nowhere/at/all").read_text()
    except OSError:
        logging.getLogger("some.library").exception("failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    first, second, third = written.lines
    assert (first["event"], first["level"], first["service"]) == ("it said this", "warning", "seccam-test")
    assert "FileNotFoundError" in second["exception"]
    assert "old" in third["event"]
    assert registry.get_sample_value("seccam_log_lines_total", {"level": "warning"}) == 2
    assert registry.get_sample_value("seccam_log_lines_total", {"level": "error"}) == 1


def test_what_is_below_the_level_is_neither_written_nor_counted(written: Written) -> None:
    registry = configure(written, "error", "json")

    logs.get("test").warning("unheard")
    logging.getLogger("some.library").warning("unheard")

    assert written.getvalue() == ""
    assert registry.get_sample_value("seccam_log_lines_total", {"level": "warning"}) == 0


def test_the_client_librarys_own_errors_are_left_out(written: Written) -> None:
    configure(written, "info", "json")

    logging.getLogger("pika.adapters.blocking_connection").error("Connection workflow failed")

    assert written.getvalue() == ""


@pytest.mark.parametrize(
    ("terminal", "style", "coloured"), [(True, "auto", True), (False, "console", False), (True, "json", False)]
)
def test_colours_are_for_terminals(written: Written, terminal: bool, style: str, coloured: bool) -> None:
    written.terminal = terminal
    configure(written, "info", style)

    logs.get("test").info("camera_live", camera="front")

    assert ("\x1b" in written.getvalue()) == coloured
    assert "camera_live" in written.getvalue()


def test_a_throttle_forgets_the_oldest_lines_rather_than_growing() -> None:
    throttle = logs.Throttle()

    assert all(throttle.allows(f"line {number}") for number in range(10_001))

    assert not throttle.allows("line 10000")
    assert throttle.allows("line 0")
