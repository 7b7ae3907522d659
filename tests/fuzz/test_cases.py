"""Bad input for every parser: what `make fuzz` once found, and some made anew each time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.__main__ import CASES, MOST_SECONDS, Worst, fuzz, report
from tests.fuzz.mutator import Mutator
from tests.fuzz.targets import Target, targets

TARGETS = {target.name: target for target in targets()}


@pytest.mark.parametrize("case", sorted(CASES.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_once_broke_a_parser_is_refused(case: Path) -> None:
    began = time.process_time()
    TARGETS[case.parent.name].run(case.read_bytes())
    assert time.process_time() - began < MOST_SECONDS


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=2000))
def test_no_bytes_break_a_parser(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
@given(seed=st.integers(0, 2**32))
def test_no_change_to_good_input_breaks_a_parser(name: str, seed: int) -> None:
    target = TARGETS[name]
    target.run(Mutator(target.seeds, random.Random(seed)).next())


def test_the_same_seed_makes_the_same_input() -> None:
    def made(seed: int) -> list[bytes]:
        mutator = Mutator([b"good input", b"more of it"], random.Random(seed))
        return [mutator.next() for _ in range(100)]

    assert made(1) == made(1) != made(2)


def test_what_breaks_a_parser_is_kept_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.CASES", tmp_path)

    def fragile(data: bytes) -> None:
        if len(data) != 4:
            raise ArithmeticError

    worst = fuzz(Target("fragile", fragile, [b"good"]), 0.2, seed=1)

    (case,) = (tmp_path / "fragile").iterdir()
    assert len(case.read_bytes()) != 4
    assert worst.kept == 1
    assert worst.inputs > 10
    assert "ArithmeticError" in capsys.readouterr().err


def test_the_report_has_a_row_for_each_parser() -> None:
    assert "| frame | 7 | 1500.0 | 2 |" in report({"frame": Worst(7, 1.5, 2048)}, 600, 1)
