"""The notifier's settings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seccam import settings
from seccam.errors import SettingsError
from seccam_notifier.settings import GROUPS, IftttSettings, NotifierSettings

BERLIN = "Europe/Berlin"


def load(**environ: str) -> IftttSettings:
    [loaded] = settings.load(IftttSettings, environ=environ)
    assert isinstance(loaded, IftttSettings)
    return loaded


def test_a_key_from_a_file_is_taken_without_its_newline() -> None:
    loaded = load(IFTTT_KEY=" abc123\n")

    assert loaded.key.get_secret_value() == "abc123"
    assert "abc123" not in repr(loaded)


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

    (fault,) = refused.value.lines
    assert fault.startswith(f"IFTTT_URL: {shown}must be http://host or https://host")
    assert "geheim" not in fault


def test_a_wrong_event_and_a_wrong_key_are_told_together_and_the_key_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        load(IFTTT_EVENT="a b", IFTTT_KEY="https://maker.ifttt.com/use/geheim")

    key, event = refused.value.lines
    assert event == "IFTTT_EVENT: a b: must be 1 to 64 of A-Z, a-z, 0-9, _ and -"
    assert "geheim" not in key


def test_in_an_environment_that_is_not_ours_alone_only_known_names_are_judged() -> None:
    environ = {
        "SECCAM_NOTIFIER_PORT": "tcp://10.0.0.1:9090",  # Kubernetes' own variable for a Service of that name
        "SECCAM_MONITOR_PORT_8080_TCP_ADDR": "10.0.0.2",
        "SECCAM_SURPRISE": "1",
        "SECCAM_NOTIFIER_TIMEOUT_SECONDS": "5",
    }

    *_, own = settings.load(*GROUPS, environ=environ, ignore_unknown=True)

    assert isinstance(own, NotifierSettings)
    assert own.timeout_seconds == 5


def test_wrong_values_and_replaced_names_are_refused_there_all_at_once() -> None:
    environ = {
        "SECCAM_NOTIFIER_PORT": "tcp://10.0.0.1:9090",
        "SECCAM_NOTIFIER_OPS_PORT": "99999",
        "SECCAM_VISIT_GAP_SECONDS": "9" * 400,
        "SECCAM_NOTIFIER_COOLDOWN_SECONDS": "60",
        "SECCAM_NOTIFIER_ZONE": "Europe/Nowhere",
    }

    with pytest.raises(SettingsError) as refused:
        settings.load(*GROUPS, environ=environ, ignore_unknown=True)

    assert [fault.partition(":")[0] for fault in refused.value.lines] == [
        "SECCAM_NOTIFIER_COOLDOWN_SECONDS",
        "SECCAM_VISIT_GAP_SECONDS",
        "SECCAM_NOTIFIER_OPS_PORT",
        "SECCAM_NOTIFIER_ZONE",
    ]
    assert "SECCAM_VISIT_GAP_SECONDS" in refused.value.lines[0]  # what to set instead


def own(**environ: str) -> NotifierSettings:
    [loaded] = settings.load(NotifierSettings, environ=environ)
    assert isinstance(loaded, NotifierSettings)
    return loaded


def test_armed_hours_are_a_schedule_in_the_zone_of_the_setting() -> None:
    schedule = own(
        SECCAM_NOTIFIER_ARMED_HOURS="20:00-06:00; PH off", SECCAM_NOTIFIER_HOLIDAYS="DE", SECCAM_NOTIFIER_ZONE=BERLIN
    ).schedule

    assert schedule
    assert [schedule.is_open(datetime(2026, 3, 10, hour, 30, tzinfo=UTC)) for hour in (18, 19)] == [False, True]
    assert own().schedule is None


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"SECCAM_NOTIFIER_SILENT_AT_HOME": "hall, Front door"}, "'Front door' is not a valid camera name"),
        ({"SECCAM_NOTIFIER_ARMED_HOURS": "8pm-10pm"}, "examples of opening_hours syntax"),
        ({"SECCAM_NOTIFIER_ARMED_HOURS": "PH off"}, "need a country"),
        ({"SECCAM_NOTIFIER_HOLIDAYS": "XX"}, "no public holidays are known"),
        ({"SECCAM_NOTIFIER_ZONE": "Berlin"}, "there is no time zone 'Berlin'"),
    ],
)
def test_wrong_cameras_hours_and_zones_are_refused(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        own(**environ)
