"""The function's specification for Nuclio."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from seccam import settings, topology
from seccam_notifier.settings import GROUPS

SPECIFICATION = (Path(__file__).parents[2] / "functions" / "ifttt_notifier" / "function.yaml").read_text()
#: Its lines without their comments.
LINES = [line.partition(" #")[0].strip() for line in SPECIFICATION.splitlines()]


def test_nuclios_trigger_consumes_the_events_queue_and_declares_nothing() -> None:
    assert f"queueName: {topology.EVENTS_QUEUE}" in LINES
    assert not [line for line in LINES if line.startswith(("topics:", "exchangeName:", "prefetchCount:", "password:"))]
    assert "url: $ref:/spec/triggers/events/url" in LINES


def test_nuclio_is_given_variables_that_are_settings() -> None:
    groups: tuple[type[settings.Group], ...] = (*GROUPS, settings.LogSettings)
    known = {name for group in groups for name in settings.names(group)}
    given = {line.removeprefix("- name: ") for line in LINES if re.match(r"- name: [A-Z]", line)}

    assert given
    assert given <= known


def test_nuclios_wrapper_finds_the_handler_by_its_name() -> None:
    """It imports what stands before the colon, if the whole has this form, and calls `init_context` of the same module."""
    (name,) = [line.removeprefix("handler: ") for line in LINES if line.startswith("handler: ")]
    match = re.fullmatch(r"([\w|-]+(?:\.[\w|-]+)*):(\w+)", name)

    assert match
    module = import_module(match[1])
    assert callable(getattr(module, match[2]))
    assert callable(module.init_context)
