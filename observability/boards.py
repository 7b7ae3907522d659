"""What the dashboards show: rows of panels. Metrics are written here without the release's selector.

`R` is Grafana's `$__rate_interval`. Limits are (amber, red): larger values are worse if amber < red, smaller ones otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Limits = tuple[float | None, float]
Kind = Literal["stat", "gauge", "bar gauge", "series", "timeline", "table", "heatmap"]


@dataclass(frozen=True)
class Query:
    """One query to Prometheus."""

    expr: str
    #: Legend of its series; in a table, the column's name.
    name: str
    unit: str = ""
    limits: Limits | None = None
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel; `title` names what it shows, `text` is its description."""

    title: str
    kind: Kind
    queries: Sequence[Query]
    text: str
    unit: str = "short"
    limits: Limits | None = None
    width: int = 8
    height: int = 8
    stacked: bool = False
    bars: bool = False
    log: bool = False
    #: Draws the limits as lines.
    lines: bool = False
    #: Title and address of the panel's link.
    link: tuple[str, str] | None = None
    #: Value -> text and colour.
    values: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard; `name` is its file's name and the end of its uid."""

    name: str
    title: str
    text: str
    rows: Sequence[Row]
    cameras: bool
    links: Sequence[tuple[str, str]]


FRAMES, EVENTS, WORKERS = "suffix: frames/s", "suffix: events", "suffix: workers"
AWAY_OR_LIVE = (("0", "away", "red"), ("1", "live", "green"))
DOWN_OR_UP = (("0", "no", "red"), ("1", "yes", "green"))
VARIABLES = "${__url_time_range}&${datasource:queryparam}&${namespace:queryparam}&${release:queryparam}"


def _quantile(quantile: float, metric: str, by: str = "le", function: str = "rate", over: str = "R") -> str:
    return f"histogram_quantile({quantile}, sum by ({by}) ({function}({metric}[{over}])))"


def _dropped_by_broker(cause: str) -> str:
    return f'sum by (queue_type) (rate(rabbitmq_global_messages_dead_lettered_{cause}_total{{dead_letter_strategy="disabled"}}[R]))'


NOW = Row(
    "Overview",
    (
        Panel(
            "Cameras",
            "stat",
            (
                Query("sum(camera:seccam_available:bool) or vector(0)", "live"),
                Query("count(camera:seccam_available:bool) or vector(0)", "scheduled"),
                Query("count(camera:seccam_available:bool == 0) or vector(0)", "away", limits=(None, 1)),
            ),
            "Live: cameras with a fresh frame at the monitor, out of those whose time slot is open.",
            width=5,
            height=5,
        ),
        Panel(
            "Frame age",
            "stat",
            (
                Query(
                    _quantile(0.99, 'seccam_monitor_frame_age_seconds_bucket{stage="received",camera=~"$camera"}'),
                    "99th percentile",
                ),
            ),
            "Age of view frames when they reach the monitor, 99th percentile. The objective is 0.5 s.",
            unit="s",
            limits=(0.2, 0.5),
            width=3,
            height=5,
        ),
        Panel(
            "Analysed in time",
            "gauge",
            (Query("release:seccam_security_fresh:ratio_rate5m", "within 2 s"),),
            "Share of security frames that a worker finished within 2 s of capture.",
            unit="percentunit",
            limits=(0.99, 0.9),
            width=3,
            height=5,
        ),
        Panel(
            "Workers",
            "stat",
            (
                Query("ceil(release:seccam_security_work:workers / 0.7)", "needed"),
                Query('count(seccam_build_info{component="security"}) or vector(0)', "running"),
                Query(
                    "clamp_min(ceil(release:seccam_security_work:workers / 0.7)"
                    ' - on () (count(seccam_build_info{component="security"}) or vector(0)), 0)',
                    "missing",
                    limits=(None, 1),
                ),
            ),
            "Workers needed for the offered work at 70 % load each, and workers running.",
            width=5,
            height=5,
        ),
        Panel(
            "Events notified",
            "stat",
            (Query("release:seccam_events_delivered:ratio_increase1d", "within a minute"),),
            "Share of the last day's events that led to a notification within a minute or belonged to a visit already notified. "
            "Empty without events.",
            unit="percentunit",
            limits=(0.999, 0.99),
            width=3,
            height=5,
        ),
        Panel(
            "Firing alerts",
            "stat",
            (Query('count(ALERTS{alertstate="firing",alertname=~"Seccam.*"}) or vector(0)', "firing"),),
            "Alerts of this release that are firing now.",
            limits=(None, 1),
            width=2,
            height=5,
            link=("Alerts", "/alerting/list?search=Seccam"),
        ),
        Panel(
            "Parked events",
            "stat",
            (Query('max(rabbitmq_detailed_queue_messages{queue="seccam.events.parked"})', "events"),),
            "Events that could not be delivered and wait for an operator.",
            limits=(None, 1),
            width=3,
            height=5,
            link=("seccam broker", f"/d/seccam-broker?{VARIABLES}"),
        ),
    ),
)

CAMERAS = Row(
    "Cameras",
    (
        Panel(
            "Camera availability",
            "timeline",
            (Query('camera:seccam_available:bool{camera=~"$camera"}', "{{camera}}"),),
            "Whether each camera was live. Nothing is drawn while its time slot is closed.",
            values=AWAY_OR_LIVE,
            width=12,
        ),
        Panel(
            "Camera status",
            "table",
            (
                Query(
                    'min by (camera) (timestamp(seccam_monitor_last_frame_timestamp_seconds{camera=~"$camera"})'
                    ' - seccam_monitor_last_frame_timestamp_seconds{camera=~"$camera"})',
                    "Frame age",
                    unit="s",
                    limits=(2, 5),
                ),
                Query(
                    'sum by (camera) (rate(seccam_camera_frames_published_total{topic="view",camera=~"$camera"}[R]))'
                    ' / on (camera) max by (camera) (seccam_camera_target_rate_hertz{topic="view",camera=~"$camera"})',
                    "Rate achieved",
                    unit="percentunit",
                    limits=(0.95, 0.8),
                ),
                Query(
                    'avg by (camera) (avg_over_time(camera:seccam_available:bool{camera=~"$camera"}[7d]))',
                    "Availability, 7 days",
                    unit="percentunit",
                    limits=(0.995, 0.98),
                ),
            ),
            "Age of the last frame, share of the configured frame rate, and share of its time slots in which the camera was live.",
            width=12,
        ),
    ),
)

FRESHNESS = Row(
    "Latency and loss",
    (
        Panel(
            "Frame age by stage",
            "series",
            tuple(
                Query(_quantile(quantile, metric, by), f"{name}, p{part}")
                for quantile, part in ((0.5, 50), (0.99, 99))
                for metric, by, name in (
                    ('seccam_camera_frame_age_seconds_bucket{topic="view",camera=~"$camera"}', "le", "published"),
                    ('seccam_monitor_frame_age_seconds_bucket{camera=~"$camera"}', "le, stage", "monitor {{stage}}"),
                    ("seccam_security_frame_age_seconds_bucket", "le, stage", "security {{stage}}"),
                )
            ),
            "Age of frames since capture: at which stage do they get old? Workers drop frames older than 2 s.",
            unit="s",
            limits=(None, 2),
            log=True,
            lines=True,
        ),
        Panel(
            "Frame age distribution",
            "heatmap",
            (
                Query(
                    'sum by (le) (increase(seccam_monitor_frame_age_seconds_bucket{stage="received",camera=~"$camera"}[R]))',
                    "{{le}}",
                ),
            ),
            "Age of view frames when they reach the monitor.",
            unit="s",
        ),
        Panel(
            "Dropped frames by reason",
            "series",
            (
                Query('sum by (reason) (rate(seccam_camera_frames_dropped_total{camera=~"$camera"}[R]))', "camera: {{reason}}"),
                Query('sum by (reason) (rate(seccam_monitor_frames_dropped_total{camera=~"$camera"}[R]))', "monitor: {{reason}}"),
                Query('sum by (reason) (rate(seccam_security_frames_dropped_total{camera=~"$camera"}[R]))', "security: {{reason}}"),
                Query(
                    'clamp_min(sum(rate(seccam_camera_frames_published_total{topic="security",camera=~"$camera"}[R]))'
                    ' - sum(rate(seccam_security_frames_received_total{camera=~"$camera"}[R])), 0)',
                    "broker: expired or queue full",
                ),
            ),
            "Frames dropped by cameras, monitors and workers. Broker: security frames that were published and reached no worker.",
            unit=FRAMES,
            stacked=True,
            bars=True,
        ),
    ),
)

SECURITY = Row(
    "Detection and notification",
    (
        Panel(
            "Worker load",
            "series",
            (
                Query("release:seccam_security_work:workers", "work offered"),
                Query("release:seccam_security_busy:workers", "work done"),
                Query("release:seccam_security_busy:ratio_rate1m", "busy time per worker"),
            ),
            "Work in units of one fully busy worker, and the share of time that a worker is busy. Above the line, add workers.",
            unit="short",
            limits=(None, 0.7),
            lines=True,
        ),
        Panel(
            "Processed frames by outcome",
            "series",
            (Query('sum by (outcome) (rate(seccam_security_frames_done_total{camera=~"$camera"}[R]))', "{{outcome}}"),),
            "Analysed: searched for faces. Still: skipped, as nothing moved.",
            unit=FRAMES,
            stacked=True,
        ),
        Panel(
            "Processing time by step",
            "series",
            (Query(_quantile(0.95, "seccam_security_step_seconds_bucket", "le, step"), "{{step}}"),),
            "Time per frame spent in each step, 95th percentile.",
            unit="s",
        ),
        Panel(
            "Visits",
            "series",
            (
                Query(
                    'sum by (camera) (increase(seccam_security_reports_total{report="visit",camera=~"$camera"}[R]))',
                    "{{camera}}",
                ),
            ),
            "Visits that workers reported. Several workers may report the same visit.",
            unit="suffix: visits",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Events by outcome",
            "bar gauge",
            (
                Query(
                    'sum(increase(seccam_events_published_total{type=~"face|camera_.+",outcome="confirmed"}[$__range]))',
                    "confirmed by the broker",
                ),
                Query(
                    "sum by (channel, outcome) "
                    '(increase(seccam_notifier_events_total{type=~"face|camera_.+",outcome!="parked"}[$__range]))',
                    "{{channel}}: {{outcome}}",
                ),
                Query("sum(increase(seccam_notifier_parked_total[$__range]))", "parked", limits=(None, 0.5)),
            ),
            "Events in the time range shown, without presence events, by what became of them on each channel. "
            "Suppressed: the visit was already notified. Requeued: to be retried.",
            unit=EVENTS,
        ),
        Panel(
            "Notification delay",
            "series",
            (
                Query(
                    _quantile(0.95, "seccam_notifier_event_age_seconds_bucket", "le, stage", "increase", "1h"),
                    "{{stage}}",
                    exemplars=True,
                ),
            ),
            "Time from capture until the notifier received the event, and until the channel accepted the notification: "
            "95th percentile over an hour.",
            unit="s",
            limits=(1, 5),
            lines=True,
        ),
    ),
)

MACHINE = Row(
    "Viewers, resources, versions",
    (
        Panel(
            "Viewers",
            "series",
            (Query("sum by (transport) (seccam_monitor_viewers)", "{{transport}}"),),
            "Open pages and streams, by transport.",
        ),
        Panel(
            "Camera bandwidth",
            "series",
            (
                Query(
                    'sum by (camera, topic) (rate(seccam_camera_published_bytes_total{camera=~"$camera"}[R]))',
                    "{{camera}} {{topic}}",
                ),
            ),
            "Size of the JPEGs that cameras publish.",
            unit="Bps",
            stacked=True,
        ),
        Panel(
            "CPU usage",
            "series",
            (Query("rate(process_cpu_seconds_total[R])", "{{component}} {{pod}}"),),
            "CPU cores used by each process.",
            unit="suffix: cores",
        ),
        Panel(
            "Memory usage",
            "series",
            (Query("process_resident_memory_bytes", "{{component}} {{pod}}"),),
            "Resident memory of each process.",
            unit="bytes",
        ),
        Panel(
            "Warnings and errors logged",
            "series",
            (Query("sum by (component, level) (rate(seccam_log_lines_total[R]))", "{{component}} {{level}}"),),
            "Log lines by component and level.",
            unit="suffix: lines/s",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Versions",
            "table",
            (Query("count by (component, version, revision) (seccam_build_info)", "Processes"),),
            "Running processes by component, version and revision.",
        ),
    ),
    closed=True,
)

BROKER_NOW = Row(
    "Broker health",
    (
        Panel(
            "Nodes",
            "stat",
            (Query("count(rabbitmq_build_info)", "nodes"),),
            "RabbitMQ nodes running.",
            limits=(1, 1),
            width=4,
            height=5,
        ),
        Panel(
            "Resource alarms",
            "stat",
            (Query('max({__name__=~"rabbitmq_alarms_(memory_used|free_disk_space)_watermark"})', "alarms"),),
            "RabbitMQ blocks all publishers while a memory or disk alarm is active.",
            limits=(None, 1),
            values=(("0", "none", "green"), ("1", "blocked", "red")),
            width=4,
            height=5,
        ),
        Panel(
            "Memory left",
            "bar gauge",
            (
                Query(
                    "min by (pod) (1 - rabbitmq_process_resident_memory_bytes / rabbitmq_resident_memory_limit_bytes)",
                    "memory {{pod}}",
                ),
            ),
            "Share of the memory limit left before publishers are blocked.",
            unit="percentunit",
            limits=(0.3, 0.1),
            height=5,
        ),
        Panel(
            "Disk space left",
            "bar gauge",
            (
                Query(
                    "min by (pod) (rabbitmq_disk_space_available_bytes - rabbitmq_disk_space_available_limit_bytes)", "disk {{pod}}"
                ),
            ),
            "Disk space left before publishers are blocked.",
            unit="bytes",
            limits=(5 * 2.0**30, 2.0**30),
            height=5,
        ),
    ),
)

BROKER_FRAMES = Row(
    "Frames",
    (
        Panel(
            "Frame flow",
            "series",
            (
                Query("sum by (topic) (rate(seccam_camera_frames_published_total[R]))", "published: {{topic}}"),
                Query("sum(rate(seccam_monitor_frames_received_total[R]))", "received by monitors"),
                Query("sum(rate(seccam_security_frames_received_total[R]))", "received by workers"),
                Query(
                    _dropped_by_broker("maxlen"),
                    "dropped, queue full: {{queue_type}}",
                ),
                Query(
                    _dropped_by_broker("expired"),
                    "expired: {{queue_type}}",
                ),
            ),
            "Frames published, received and dropped. Frame queues are short: a new frame pushes out the oldest, "
            "and frames expire after 2 s.",
            unit=FRAMES,
            width=12,
        ),
        Panel(
            "Work queue length",
            "series",
            (Query('max(rabbitmq_detailed_queue_messages_ready{queue="seccam.security"})', "waiting"),),
            "Frames waiting for a worker. A full queue drops the oldest.",
            unit="suffix: frames",
            limits=(24, 32),
            lines=True,
            width=12,
        ),
    ),
)

BROKER_EVENTS = Row(
    "Events",
    (
        Panel(
            "Events by queue",
            "series",
            (
                Query(
                    'max by (queue) (rabbitmq_detailed_queue_messages{queue=~"seccam\\\\.events.*",queue!="seccam.events.log"})',
                    "{{queue}}",
                ),
            ),
            "Events in each queue, including those delivered but not yet acknowledged.",
            unit=EVENTS,
            limits=(1, 100),
            log=True,
            width=12,
        ),
        Panel(
            "Notifier consumers",
            "stat",
            (Query('max(rabbitmq_detailed_queue_consumers{queue="seccam.events"})', "consumers"),),
            "Consumers of seccam.events. Only one of them is active; the others stand by.",
            limits=(1, 1),
            width=4,
        ),
        Panel(
            "Consumers by queue",
            "table",
            (Query('max by (queue) (rabbitmq_detailed_queue_consumers{queue=~"seccam\\\\..*"})', "Consumers"),),
            "The retry queues and the parked queue have no consumers.",
        ),
        Panel(
            "Events published by outcome",
            "series",
            (Query("sum by (outcome) (rate(seccam_events_published_total[R]))", "{{outcome}}"),),
            "Attempts to publish an event: confirmed, refused by the broker, returned because no queue accepted it, or failed.",
            unit="suffix: events/s",
            width=6,
        ),
        Panel(
            "Confirmation time",
            "series",
            (Query(_quantile(0.95, "seccam_event_confirm_seconds_bucket"), "95th percentile"),),
            "Time until the broker confirms an event, 95th percentile. Until then the event is only in the worker's memory.",
            unit="s",
            limits=(0.1, 1),
            lines=True,
            width=6,
        ),
        Panel(
            "Channel calls by result",
            "series",
            (Query("sum by (channel, result) (increase(seccam_notifier_attempts_total[R]))", "{{channel}} {{result}}"),),
            "Calls to the notification channel, such as IFTTT.",
            unit="suffix: calls",
            bars=True,
            stacked=True,
            width=6,
        ),
        Panel(
            "Requeued events",
            "series",
            (
                Query(
                    "sum by (channel, delay, cause) (increase(seccam_notifier_requeued_total[R]))",
                    "{{channel}} in {{delay}}: {{cause}}",
                ),
            ),
            "Events sent to a retry queue, by channel, delay and cause.",
            unit=EVENTS,
            bars=True,
            stacked=True,
            width=6,
        ),
    ),
)

BROKER_CONNECTIONS = Row(
    "Connections",
    (
        Panel(
            "Broker connections",
            "timeline",
            (Query("min by (component, pod) (seccam_broker_connected)", "{{component}} {{pod}}"),),
            "Whether each process is connected. A process with two connections needs both.",
            values=DOWN_OR_UP,
        ),
        Panel(
            "Reconnects by cause",
            "series",
            (Query("sum by (component, cause) (increase(seccam_broker_reconnects_total[R]))", "{{component}}: {{cause}}"),),
            "Connections that were lost or refused.",
            unit="suffix: reconnects",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Raft commit latency",
            "series",
            (Query("max(rabbitmq_raft_max_commit_latency_seconds or rabbitmq_raft_entry_commit_latency_seconds)", "commit"),),
            "Time that a quorum queue takes to store an event.",
            unit="s",
            limits=(0.05, 0.5),
            lines=True,
        ),
    ),
)

BOARDS = (
    Board(
        name="seccam",
        title="seccam",
        text="Are the cameras live and their frames fresh, are there enough workers, and do notifications arrive?",
        rows=(NOW, CAMERAS, FRESHNESS, SECURITY, MACHINE),
        cameras=True,
        links=(("seccam broker", "/d/seccam-broker"),),
    ),
    Board(
        name="broker",
        title="seccam broker",
        text="Frames and events in RabbitMQ: what flows, what waits, and which components are connected.",
        rows=(BROKER_NOW, BROKER_FRAMES, BROKER_EVENTS, BROKER_CONNECTIONS),
        cameras=False,
        links=(("seccam", "/d/seccam"), ("RabbitMQ-Overview", "https://grafana.com/grafana/dashboards/10991")),
    ),
)
