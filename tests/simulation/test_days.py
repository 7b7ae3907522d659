"""A few of the days that `make simulate` simulates a thousand of."""

from __future__ import annotations

import pytest

from seccam.visit import Visit
from seccam_notifier.memory import Memory
from seccam_security.settings import SecuritySettings
from tests.simulation.day import Day, simulate


def day(seed: int) -> Day:
    return simulate(seed, cameras=1)


@pytest.mark.parametrize("seed", range(8))
def test_every_visit_is_notified_and_none_too_often_whatever_goes_wrong(seed: int) -> None:
    lived = day(seed)

    assert lived.broken == []
    assert lived.shown >= 1
    assert lived.faults["worker killed"] >= 20


def test_the_same_seed_is_the_same_day() -> None:
    assert day(3) == day(3)


def test_a_rule_that_knows_no_visits_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Visit, "touches", lambda *_: False)

    assert any("instead of" in line for line in day(0).broken)


def test_a_notifier_that_forgets_to_notify_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "judge", lambda *_, **__: "suppress")

    assert any("no notification" in line for line in day(0).broken)


def test_a_worker_that_analyses_old_frames_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.programs.TOO_OLD", 0.05)

    assert SecuritySettings.model_fields["max_age_seconds"].default == 2.0
    assert any("after capture" in line for line in day(0).broken)
