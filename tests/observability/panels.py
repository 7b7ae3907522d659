"""Runs the queries of the dashboards and rules on a Prometheus, and checks their results."""

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
class Query:
    """A query of a panel or a rule."""

    where: str
    expr: str
    #: An alert should have no result; that the query is valid is enough.
    alert: bool = False


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a dashboard's panels, including those in collapsed rows."""
    for panel in board["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def of_dashboards(namespace: str, release: str) -> list[Query]:
    """Return the queries of all panels, with Grafana's variables replaced for a range of 15 minutes."""
    found = []
    values = {"$__rate_interval": "1m", "$__range": "15m", "$namespace": namespace, "$release": release, "$camera": ".*"}
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in panels(json.loads(path.read_text())):
            for target in panel["targets"]:
                expr = re.sub(r"\$\w+", lambda name: values[name[0]], target["expr"])
                found.append(Query(f"{path.stem}: {panel['title']} {target['refId']}", expr))
    return found


def of_rules(namespace: str, release: str, names: tuple[str, ...] = rules.OWN_BROKER) -> list[Query]:
    """Return the expressions of all rules."""
    found = []
    for rule in rules.every(names):
        expr = rule["expr"].replace("NAMESPACE", namespace).replace("RELEASE", release)
        found.append(Query(f"rule {rule.get('record') or rule['alert']}", expr, alert="alert" in rule))
    return found


def run(prometheus: str, expr: str) -> list[dict[str, Any]]:
    """Run a query on the Prometheus at this address, and return its series. AssertionError with the error of Prometheus."""
    answer = httpx.post(f"{prometheus}/api/v1/query", data={"query": expr}, timeout=30).json()
    assert answer["status"] == "success", answer
    assert not answer.get("warnings"), answer
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def faults(prometheus: str, queries: Sequence[Query]) -> list[str]:
    """Return what is wrong with the results: an error, no data, or only NaN."""
    found = []
    for query in queries:
        try:
            result = run(prometheus, query.expr)
        except AssertionError as error:
            found.append(f"{query.where}: {error}")
            continue
        if not query.alert and all(math.isnan(float(one["value"][1])) for one in result):
            found.append(f"{query.where}: no data: {result}: {query.expr}")
    return found


def await_results(prometheus: str, queries: Sequence[Query], *, within: float) -> None:
    """Wait until all results are right; AssertionError with the remaining faults after `within` seconds."""
    found: list[str] = []

    def all_right() -> bool:
        found[:] = faults(prometheus, queries)
        return not found

    try:
        eventually(all_right, within=within, every=2)
    except AssertionError:
        raise AssertionError("\n".join(found)) from None
