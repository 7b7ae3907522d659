"""The settings of the notifier without Nuclio."""

from __future__ import annotations

import notifier
import pytest
import runner

from seccam import settings
from seccam.errors import SettingsError


def load(**environ: str) -> runner.IftttSettings:
    [loaded] = settings.load(runner.IftttSettings, environ=environ)
    assert isinstance(loaded, runner.IftttSettings)
    return loaded


def test_a_key_from_a_file_is_taken_without_its_newline() -> None:
    environ = {"IFTTT_KEY": "abc123\n"}

    assert load(**environ).key.get_secret_value() == notifier.Settings.read(environ).ifttt_key == "abc123"


@pytest.mark.parametrize("url", ["https://maker.ifttt.com", "https://maker.ifttt.com/"])
def test_a_slash_at_the_end_of_the_address_is_as_good_as_none(url: str) -> None:
    assert load(IFTTT_URL=url).url == "https://maker.ifttt.com"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("gopher://x", "gopher://x: "),
        ("https://maker.ifttt.com/use/geheim", "https://maker.ifttt.com/…: "),
        ("maker.ifttt.com/use/geheim", ""),
        ("https://", "https://: "),
    ],
)
def test_a_wrong_address_is_told_in_words_and_without_a_key(url: str, shown: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(IFTTT_URL=url)

    (fault,) = refused.value.faults
    assert fault.startswith(f"IFTTT_URL: {shown}must be http://host or https://host")
    assert "geheim" not in fault


def test_a_wrong_event_and_a_wrong_key_are_told_together_and_the_key_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        load(IFTTT_EVENT="a b", IFTTT_KEY="https://maker.ifttt.com/use/geheim")

    key, event = refused.value.faults
    assert event == "IFTTT_EVENT: a b: must be 1 to 64 of A-Z, a-z, 0-9, _ and -"
    assert "geheim" not in key
