"""This machine's time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam.zone import system_zone


@pytest.mark.parametrize(
    ("tz", "expected"),
    [("Europe/Berlin", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo"), ("CET-1CEST,M3.5.0", "America/Lima"), ("", "America/Lima")],
)
def test_the_default_zone_is_the_systems(tz: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    localtime = tmp_path / "localtime"
    (tmp_path / "zoneinfo" / "America").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "America" / "Lima").touch()
    localtime.symlink_to(tmp_path / "zoneinfo" / "America" / "Lima")
    monkeypatch.setenv("TZ", tz)

    assert system_zone(localtime).key == expected


def test_the_default_zone_is_utc_if_the_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)

    assert system_zone(tmp_path / "nothing").key == "UTC"
