"""Generates Grafana's dashboards in charts/seccam/files/dashboards from the rows in boards.py. Run by `make docs`.

With --check it writes nothing, and exits with 1 if a dashboard is out of date. The JSON uses Grafana's classic model, which
versions 10 to 13 read. Data source, namespace and release are variables of the dashboards.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    gauge,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if __name__ == "__main__":  # makes the package importable when run as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))

from observability.boards import BOARDS, Board, Limits, Panel, Query, Row

FOLDER = Path(__file__).parents[1] / "charts/seccam/files/dashboards"
SELECTOR = 'namespace="$namespace",release="$release"'
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

_METRIC = re.compile(r'(?<!["\w])((?:(?:seccam|rabbitmq|process)_|(?:camera|release):|ALERTS)[\w:]*)(\{?)')


def selected(expr: str) -> str:
    """Return the expression with the selector of the chosen release and Grafana's variables."""
    named = _METRIC.sub(lambda found: f"{found[1]}{{{SELECTOR}{',' if found[2] else '}'}", expr)
    return named.replace("{__name__", f"{{{SELECTOR},__name__").replace("[R]", "[$__rate_interval]")


def _limits(limits: Limits | None) -> dashboard.ThresholdsConfig:
    amber, red = limits or (None, None)
    steps: list[tuple[float | None, str]] = [(None, "green"), (amber, "orange"), (red, "red")]
    if red is None:
        steps = [(None, "green")]
    elif amber is None:
        steps = [(None, "green"), (red, "red")]
    elif amber == red:
        steps = [(None, "red"), (red, "green")]
    elif amber > red:
        steps = [(None, "red"), (red, "orange"), (amber, "green")]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([model.Threshold(*step) for step in steps])


def _target(query: Query, kind: str, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(selected(query.expr)).ref_id(ref).datasource(SOURCE)
    if kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    target = target.legend_format(query.name)
    if kind == "bar gauge":
        return target.instant()
    target = target.range()
    if kind == "heatmap":
        target = target.format(PromQueryFormat.HEATMAP)
    return target.exemplar(True) if query.exemplars else target


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _stat(panel: Panel) -> stat.Panel:
    names = options.BigValueTextMode.VALUE_AND_NAME if len(panel.queries) > 1 else options.BigValueTextMode.VALUE
    built = stat.Panel().reduce_options(_last()).graph_mode(options.BigValueGraphMode.NONE)
    return built.color_mode(options.BigValueColorMode.VALUE).text_mode(names)


def _gauge(_: Panel) -> gauge.Panel:
    return gauge.Panel().reduce_options(_last()).min(0).max(1)


def _bar_gauge(_: Panel) -> bargauge.Panel:
    return bargauge.Panel().reduce_options(_last()).orientation(options.VizOrientation.HORIZONTAL).min(0)


def _series(panel: Panel) -> timeseries.Panel:
    built = timeseries.Panel().fill_opacity(80 if panel.bars else 10).line_width(1)
    built = built.legend(common.VizLegendOptions().show_legend(True).display_mode(options.LegendDisplayMode.LIST))
    built = built.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    if panel.bars:
        built = built.draw_style(options.GraphDrawStyle.BARS)
    if panel.stacked:
        built = built.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
    if panel.log:
        # symlog, as a log scale has no 0
        scale = common.ScaleDistributionConfig().type(options.ScaleDistribution.SYMLOG).log(10).linear_threshold(0.001)
        built = built.scale_distribution(scale)
    else:
        built = built.min(0)
    if panel.lines:
        built = built.thresholds_style(common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.DASHED))
    return built


def _timeline(_: Panel) -> statetimeline.Panel:
    return statetimeline.Panel().show_value(options.VisibilityMode.NEVER).merge_values(True).fill_opacity(80)


def _table(panel: Panel) -> table.Panel:
    # merges the columns into one row for each combination of labels, such as a camera
    names = {f"Value #{ref}": query.name for ref, query in _references(panel)} | {"Value": panel.queries[0].name}
    built = table.Panel().show_header(True).with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    shown = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}
    return built.with_transformation(model.DataTransformerConfig(id_val="organize", options=shown))


def _heatmap(panel: Panel) -> heatmap.Panel:
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return heatmap.Panel().calculate(False).color(colours).y_axis(heatmap.YAxisConfig().unit(panel.unit)).show_tooltip()


KINDS: Mapping[str, Callable[[Panel], Any]] = {
    "stat": _stat,
    "gauge": _gauge,
    "bar gauge": _bar_gauge,
    "series": _series,
    "timeline": _timeline,
    "table": _table,
    "heatmap": _heatmap,
}


def _references(panel: Panel) -> list[tuple[str, Query]]:
    return list(zip("ABCDEFGH"[: len(panel.queries)], panel.queries, strict=True))


def _panel(panel: Panel, number: int) -> Any:
    built = KINDS[panel.kind](panel).id(number).title(panel.title).description(panel.text).datasource(SOURCE)
    built = built.span(panel.width).height(panel.height).unit(panel.unit).thresholds(_limits(panel.limits))
    for ref, query in _references(panel):
        built = built.with_target(_target(query, panel.kind, ref))
        built = _override(built, panel, ref, query)
    if panel.values:
        results = {value: model.ValueMappingResult(text=text, color=colour) for value, text, colour in panel.values}
        built = built.mappings([model.ValueMap(options=results)])
    if panel.link:
        title, url = panel.link
        built = built.links([dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url)])
    return built


def _override(built: Any, panel: Panel, ref: str, query: Query) -> Any:
    values = []
    if query.unit:
        values.append(model.DynamicConfigValue(id_val="unit", value=query.unit))
    if query.limits:
        values.append(model.DynamicConfigValue(id_val="thresholds", value=_limits(query.limits).build()))
        if panel.kind == "table":
            values.append(model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
    if not values:
        return built
    # In a table all queries are merged into one frame, so columns can only be selected by name.
    return built.override_by_name(query.name, values) if panel.kind == "table" else built.override_by_query(ref, values)


def _rows(built: dashboard.Dashboard, rows: tuple[Row, ...]) -> dashboard.Dashboard:
    numbers = count(1)
    for row in rows:
        head = dashboard.Row(row.title).id(next(numbers)).collapsed(row.closed)
        panels = [_panel(panel, next(numbers)) for panel in row.panels]
        if row.closed:
            for panel in panels:
                head = head.with_panel(panel)
        built = built.with_row(head)
        for panel in [] if row.closed else panels:
            built = built.with_panel(panel)
    return built


def _choice(name: str, query: str) -> dashboard.QueryVariable:
    chosen = dashboard.QueryVariable(name).label(name).query(query).datasource(SOURCE)
    return chosen.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _variables(board: Board) -> list[Any]:
    found = [
        dashboard.DatasourceVariable("datasource").label("data source").type("prometheus"),
        _choice("namespace", "label_values(seccam_build_info, namespace)"),
        _choice("release", 'label_values(seccam_build_info{namespace="$namespace"}, release)'),
    ]
    if board.cameras:
        cameras = f"label_values(seccam_monitor_last_frame_timestamp_seconds{{{SELECTOR}}}, camera)"
        every = model.VariableOption(selected=True, text="All", value="$__all")
        found.append(_choice("camera", cameras).multi(True).include_all(True).all_value(".*").current(every))
    return found


def made(board: Board) -> str:
    """Return the board's JSON."""
    built = dashboard.Dashboard(board.title).uid("seccam" if board.name == "seccam" else f"seccam-{board.name}")
    built = built.description(board.text).tags(["seccam"]).refresh("15s").time("now-1h", "now").readonly()
    built = built.tooltip(model.DashboardCursorSync.CROSSHAIR).variables(_variables(board))
    for title, url in board.links:
        outside = url.startswith("https:")
        link = (
            dashboard.DashboardLink(title)
            .type(model.DashboardLinkType.LINK)
            .url(url)
            .icon("external link" if outside else "dashboard")
        )
        built = built.link(link.include_vars(not outside).keep_time(not outside).target_blank(outside))
    whole = json.loads(JSONEncoder().encode(_rows(built, tuple(board.rows)).build()))
    return json.dumps({"id": None, **whole}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the changed dashboards. Return the exit status."""
    changed = []
    for board in BOARDS:
        path = FOLDER / f"{board.name}.json"
        text = made(board)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(path)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in changed:
        print(path.relative_to(FOLDER.parents[3]))
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
