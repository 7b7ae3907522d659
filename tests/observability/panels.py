"""Asks a Prometheus what the dashboards and the rules ask, and judges the answers. Knows nothing of how it scrapes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.observability import rules
from tests.waiting import eventually

DASHBOARDS = Path(__file__).parents[2] / "charts/seccam/files/dashboards"


@dataclass(frozen=True)
class Question:
    """One query of a panel or a rule."""

    where: str
    expr: str
    #: An alert should have no answer; that it can be asked is enough.
    alert: bool = False


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A dashboard's panels, those in closed rows too."""
    for panel in board["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def of_dashboards(namespace: str, release: str) -> list[Question]:
    """Each panel's queries, with the variables filled in as Grafana does it for a quarter of an hour."""
    found = []
    values = {"$__rate_interval": "1m", "$__range": "15m", "$namespace": namespace, "$release": release, "$camera": ".*"}
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in panels(json.loads(path.read_text())):
            for target in panel["targets"]:
                expr = re.sub(r"\$\w+", lambda name: values[name[0]], target["expr"])
                found.append(Question(f"{path.stem}: {panel['title']} {target['refId']}", expr))
    return found


def of_rules(namespace: str, release: str, names: tuple[str, ...] = rules.OWN_BROKER) -> list[Question]:
    """Each rule's expression."""
    found = []
    for rule in rules.every(names):
        expr = rule["expr"].replace("NAMESPACE", namespace).replace("RELEASE", release)
        found.append(Question(f"rule {rule.get('record') or rule['alert']}", expr, alert="alert" in rule))
    return found


def ask(prometheus: str, expr: str) -> list[dict[str, Any]]:
    """The answer now, one entry a series; `prometheus` is its address. Raises AssertionError with Prometheus' own words."""
    answer = httpx.post(f"{prometheus}/api/v1/query", data={"query": expr}, timeout=30).json()
    assert answer["status"] == "success", answer
    assert not answer.get("warnings"), answer
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def faults(prometheus: str, questions: Sequence[Question]) -> list[str]:
    """What is wrong with the answers: an error, no data, or nothing but NaN."""
    found = []
    for question in questions:
        try:
            answer = ask(prometheus, question.expr)
        except AssertionError as error:
            found.append(f"{question.where}: {error}")
            continue
        if not question.alert and all(math.isnan(float(one["value"][1])) for one in answer):
            found.append(f"{question.where}: no data: {answer}: {question.expr}")
    return found


def await_answers(prometheus: str, questions: Sequence[Question], *, within: float) -> None:
    """Returns once nothing is wrong with the answers; AssertionError with what still is after `within` seconds."""
    found: list[str] = []

    def answered() -> bool:
        found[:] = faults(prometheus, questions)
        return not found

    try:
        eventually(answered, within=within, every=2)
    except AssertionError:
        raise AssertionError("\n".join(found)) from None
