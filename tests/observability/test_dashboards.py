"""The committed dashboards: valid for Grafana and its sidecar, and based on existing metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from observability import dashboards
from observability.boards import BOARDS, Board
from tests.observability import rules
from tests.observability.panels import panels

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"\b(seccam_[a-z0-9_]+?)(?:_bucket|_count|_sum)?\b(?=\{)")


@pytest.fixture(params=BOARDS, ids=lambda board: board.name)
def board(request: pytest.FixtureRequest) -> Board:
    found: Board = request.param
    return found


@pytest.fixture
def committed(board: Board) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((dashboards.FOLDER / f"{board.name}.json").read_text())
    return found


def _expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in panels(board):
        for target in panel["targets"]:
            yield target["expr"]


def test_the_committed_dashboards_are_up_to_date(board: Board) -> None:
    path = dashboards.FOLDER / f"{board.name}.json"
    assert path.read_text() == dashboards.made(board), "run `make docs`"


def test_a_sidecar_can_load_a_dashboard(committed: dict[str, Any]) -> None:
    # only the import dialog replaces __inputs
    assert "__inputs" not in committed
    assert committed["id"] is None
    assert committed["uid"] in ("seccam", "seccam-broker")
    assert len(json.dumps(committed)) < 2**20


def test_panels_have_unique_ids_and_dont_overlap(committed: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in [*panels(committed), *(one for one in committed["panels"] if one["type"] == "row")]]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in panels(committed)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_every_query_selects_the_chosen_release_and_data_source(committed: dict[str, Any]) -> None:
    for expr in _expressions(committed):
        selectors = re.findall(r"\{([^}]*)\}", expr)
        assert selectors
        assert all(dashboards.SELECTOR in selector for selector in selectors), expr
        assert not re.findall(r'(?<!")\b(?:(?:seccam|rabbitmq|process)_|(?:camera|release):|ALERTS)[\w:]*(?![\w:{])', expr), expr
    assert {panel["datasource"]["uid"] for panel in panels(committed)} == {"${datasource}"}
    assert {target["datasource"]["uid"] for panel in panels(committed) for target in panel["targets"]} == {"${datasource}"}


def test_every_panel_has_a_unique_title_and_a_description(committed: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in panels(committed)]
    assert len(set(titles)) == len(titles)
    for panel in panels(committed):
        assert panel["title"][-1] not in "?.", panel["title"]
        assert panel["description"].endswith("."), panel["title"]


def test_every_metric_in_a_query_exists() -> None:
    expressions = [expr for board in BOARDS for expr in _expressions(json.loads(dashboards.made(board)))]
    expressions += [rule["expr"] for rule in rules.every()]
    reference = (ROOT / "docs/ref/metrics.md").read_text()
    recorded = {rule["record"] for rule in rules.every() if "record" in rule} | {"camera:seccam_expected:info"}
    for expr in expressions:
        for metric in OURS.findall(re.sub(r"(?:camera|release):[\w:]+", "", expr)):
            assert f"`{metric}`" in reference, f"{metric} in {expr}"
        assert set(re.findall(r"\b(?:camera|release):[\w:]+(?=\{)", expr)) <= recorded, expr
