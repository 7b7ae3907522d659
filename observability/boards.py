"""What the dashboards show: a row each question, a panel each answer. Metrics stand here without the release's selector.

`R` is Grafana's `$__rate_interval`. Limits are (amber, red): the larger the worse if amber < red, else the smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Limits = tuple[float | None, float]
Kind = Literal["stat", "gauge", "bar gauge", "series", "timeline", "table", "heatmap"]


@dataclass(frozen=True)
class Query:
    """One question to Prometheus."""

    expr: str
    #: What its answers are called; in a table, the column.
    name: str
    unit: str = ""
    limits: Limits | None = None
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """One answer; `title` is the question, `text` what to know about it."""

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
    #: A web address behind the panel, and what it is called.
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
    """A dashboard; `name` is its file's and the end of its uid."""

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
    "Is it working?",
    (
        Panel(
            "Cameras live?",
            "stat",
            (
                Query("sum(camera:seccam_available:bool) or vector(0)", "live"),
                Query("count(camera:seccam_available:bool) or vector(0)", "in a slot"),
                Query("count(camera:seccam_available:bool == 0) or vector(0)", "away", limits=(None, 1)),
            ),
            "Cameras with a fresh picture at the monitor, of those whose time slot is open.",
            width=5,
            height=5,
        ),
        Panel(
            "Fresh?",
            "stat",
            (
                Query(
                    _quantile(0.99, 'seccam_monitor_frame_age_seconds_bucket{stage="received",camera=~"$camera"}'),
                    "99 of 100 within",
                ),
            ),
            "Age of pictures when they arrive at the monitor; the goal is 0.5 s.",
            unit="s",
            limits=(0.2, 0.5),
            width=3,
            height=5,
        ),
        Panel(
            "Looked at?",
            "gauge",
            (Query("release:seccam_security_fresh:ratio_rate5m", "within 2 s"),),
            "Of the frames for security, those that a worker judged within 2 s.",
            unit="percentunit",
            limits=(0.99, 0.9),
            width=3,
            height=5,
        ),
        Panel(
            "Enough workers?",
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
            "Workers that the offered work needs at 70 % of their time, and those that run.",
            width=5,
            height=5,
        ),
        Panel(
            "Was I told?",
            "stat",
            (Query("release:seccam_events_delivered:ratio_increase1d", "within a minute"),),
            "Of the last day's events, those told within a minute or held back on record. Empty while there were none.",
            unit="percentunit",
            limits=(0.999, 0.99),
            width=3,
            height=5,
        ),
        Panel(
            "Alerts?",
            "stat",
            (Query('count(ALERTS{alertstate="firing",alertname=~"Seccam.*"}) or vector(0)', "firing"),),
            "Alerts of this release that fire now.",
            limits=(None, 1),
            width=2,
            height=5,
            link=("Alerts", "/alerting/list?search=Seccam"),
        ),
        Panel(
            "Parked?",
            "stat",
            (Query('max(rabbitmq_detailed_queue_messages{queue="seccam.events.parked"})', "events"),),
            "Events that could not be told, and wait for someone.",
            limits=(None, 1),
            width=3,
            height=5,
            link=("Through the broker", f"/d/seccam-broker?{VARIABLES}"),
        ),
    ),
)

CAMERAS = Row(
    "Cameras",
    (
        Panel(
            "When was a camera away?",
            "timeline",
            (Query('camera:seccam_available:bool{camera=~"$camera"}', "{{camera}}"),),
            "Nothing is drawn while a camera's slot is closed.",
            values=AWAY_OR_LIVE,
            width=12,
        ),
        Panel(
            "How is each now?",
            "table",
            (
                Query(
                    'min by (camera) (timestamp(seccam_monitor_last_frame_timestamp_seconds{camera=~"$camera"})'
                    ' - seccam_monitor_last_frame_timestamp_seconds{camera=~"$camera"})',
                    "Last picture",
                    unit="s",
                    limits=(2, 5),
                ),
                Query(
                    'sum by (camera) (rate(seccam_camera_frames_published_total{topic="view",camera=~"$camera"}[R]))'
                    ' / on (camera) max by (camera) (seccam_camera_target_rate_hertz{topic="view",camera=~"$camera"})',
                    "Of its rate",
                    unit="percentunit",
                    limits=(0.95, 0.8),
                ),
                Query(
                    'avg by (camera) (avg_over_time(camera:seccam_available:bool{camera=~"$camera"}[7d]))',
                    "Live in 7 days",
                    unit="percentunit",
                    limits=(0.995, 0.98),
                ),
            ),
            "Age of the last picture, pictures published of those wanted, and the share of its slots in which it was live.",
            width=12,
        ),
    ),
)

FRESHNESS = Row(
    "Why is it late, why is it lost?",
    (
        Panel(
            "Which hop ages it?",
            "series",
            tuple(
                Query(_quantile(quantile, metric, by), f"{name}, {part} of 100")
                for quantile, part in ((0.5, 50), (0.99, 99))
                for metric, by, name in (
                    ('seccam_camera_frame_age_seconds_bucket{topic="view",camera=~"$camera"}', "le", "published"),
                    ('seccam_monitor_frame_age_seconds_bucket{camera=~"$camera"}', "le, stage", "monitor {{stage}}"),
                    ("seccam_security_frame_age_seconds_bucket", "le, stage", "security {{stage}}"),
                )
            ),
            "Age of pictures since they were taken. Beyond 2 s no worker looks at them.",
            unit="s",
            limits=(None, 2),
            log=True,
            lines=True,
        ),
        Panel(
            "How is it spread?",
            "heatmap",
            (
                Query(
                    'sum by (le) (increase(seccam_monitor_frame_age_seconds_bucket{stage="received",camera=~"$camera"}[R]))',
                    "{{le}}",
                ),
            ),
            "Age of pictures at the monitor.",
            unit="s",
        ),
        Panel(
            "What is lost, why?",
            "series",
            (
                Query('sum by (reason) (rate(seccam_camera_frames_dropped_total{camera=~"$camera"}[R]))', "camera: {{reason}}"),
                Query('sum by (reason) (rate(seccam_monitor_frames_dropped_total{camera=~"$camera"}[R]))', "monitor: {{reason}}"),
                Query('sum by (reason) (rate(seccam_security_frames_dropped_total{camera=~"$camera"}[R]))', "security: {{reason}}"),
                Query(
                    'clamp_min(sum(rate(seccam_camera_frames_published_total{topic="security",camera=~"$camera"}[R]))'
                    ' - sum(rate(seccam_security_frames_received_total{camera=~"$camera"}[R])), 0)',
                    "broker: older than 2 s or too many",
                ),
            ),
            "Frames that someone dropped. In the broker: those published for security that reached no worker.",
            unit=FRAMES,
            stacked=True,
            bars=True,
        ),
    ),
)

SECURITY = Row(
    "Security, and what came of it",
    (
        Panel(
            "How busy?",
            "series",
            (
                Query("release:seccam_security_work:workers", "work offered"),
                Query("release:seccam_security_busy:workers", "work done"),
                Query("release:seccam_security_busy:ratio_rate1m", "of a worker's time"),
            ),
            "In workers' worth of work. Above the line a worker has too little time left.",
            unit="short",
            limits=(None, 0.7),
            lines=True,
        ),
        Panel(
            "What becomes of frames?",
            "series",
            (Query('sum by (outcome) (rate(seccam_security_frames_done_total{camera=~"$camera"}[R]))', "{{outcome}}"),),
            "Analysed, or still: nothing moved.",
            unit=FRAMES,
            stacked=True,
        ),
        Panel(
            "What costs time?",
            "series",
            (Query(_quantile(0.95, "seccam_security_step_seconds_bucket", "le, step"), "{{step}}"),),
            "The slowest of twenty, by step.",
            unit="s",
        ),
        Panel(
            "Who came?",
            "series",
            (
                Query(
                    'sum by (camera) (increase(seccam_security_visits_total{outcome="announced",camera=~"$camera"}[R]))',
                    "{{camera}}",
                ),
            ),
            "Visits that workers announced; several may announce the same one.",
            unit="suffix: visits",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Was I told?",
            "bar gauge",
            (
                Query('sum(increase(seccam_events_published_total{outcome="confirmed"}[$__range]))', "taken by the broker"),
                Query("sum by (outcome) (increase(seccam_notifier_events_total[$__range]))", "{{outcome}}"),
                Query("sum(increase(seccam_notifier_parked_total[$__range]))", "given up for now", limits=(None, 0.5)),
            ),
            "Events in the time shown: notified, held back (duplicate, cooldown), to be tried again, parked.",
            unit=EVENTS,
        ),
        Panel(
            "How soon?",
            "series",
            (
                Query(
                    _quantile(0.95, "seccam_notifier_event_age_seconds_bucket", "le, stage", "increase", "1h"),
                    "{{stage}}",
                    exemplars=True,
                ),
            ),
            "From the picture to the notifier, and to the channel's yes: the slowest of twenty within the hour.",
            unit="s",
            limits=(1, 5),
            lines=True,
        ),
    ),
)

MACHINE = Row(
    "Viewers, machine, versions",
    (
        Panel(
            "Who watches?",
            "series",
            (Query("sum by (transport) (seccam_monitor_viewers)", "{{transport}}"),),
            "Open pages and streams.",
        ),
        Panel(
            "How many bytes?",
            "series",
            (
                Query(
                    'sum by (camera, topic) (rate(seccam_camera_published_bytes_total{camera=~"$camera"}[R]))',
                    "{{camera}} {{topic}}",
                ),
            ),
            "JPEGs that cameras publish.",
            unit="Bps",
            stacked=True,
        ),
        Panel(
            "Processor?",
            "series",
            (Query("rate(process_cpu_seconds_total[R])", "{{component}} {{pod}}"),),
            "Cores in use.",
            unit="suffix: cores",
        ),
        Panel(
            "Memory?",
            "series",
            (Query("process_resident_memory_bytes", "{{component}} {{pod}}"),),
            "Resident memory.",
            unit="bytes",
        ),
        Panel(
            "Warnings and errors?",
            "series",
            (Query("sum by (component, level) (rate(seccam_log_lines_total[R]))", "{{component}} {{level}}"),),
            "Lines in the logs.",
            unit="suffix: lines/s",
            bars=True,
            stacked=True,
        ),
        Panel(
            "Which version?",
            "table",
            (Query("count by (component, version, revision) (seccam_build_info)", "Processes"),),
            "What runs.",
        ),
    ),
    closed=True,
)

BROKER_NOW = Row(
    "Is the broker well?",
    (
        Panel(
            "Nodes?", "stat", (Query("count(rabbitmq_build_info)", "nodes"),), "Nodes that run.", limits=(1, 1), width=4, height=5
        ),
        Panel(
            "Alarms?",
            "stat",
            (Query('max({__name__=~"rabbitmq_alarms_(memory_used|free_disk_space)_watermark"})', "alarms"),),
            "While there is one, nobody may publish.",
            limits=(None, 1),
            values=(("0", "none", "green"), ("1", "blocked", "red")),
            width=4,
            height=5,
        ),
        Panel(
            "Room in memory?",
            "bar gauge",
            (
                Query(
                    "min by (pod) (1 - rabbitmq_process_resident_memory_bytes / rabbitmq_resident_memory_limit_bytes)",
                    "memory {{pod}}",
                ),
            ),
            "Until publishers are blocked.",
            unit="percentunit",
            limits=(0.3, 0.1),
            height=5,
        ),
        Panel(
            "Room on the disk?",
            "bar gauge",
            (
                Query(
                    "min by (pod) (rabbitmq_disk_space_available_bytes - rabbitmq_disk_space_available_limit_bytes)", "disk {{pod}}"
                ),
            ),
            "Until publishers are blocked.",
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
            "In, out, gone?",
            "series",
            (
                Query("sum by (topic) (rate(seccam_camera_frames_published_total[R]))", "published: {{topic}}"),
                Query("sum(rate(seccam_monitor_frames_received_total[R]))", "at monitors"),
                Query("sum(rate(seccam_security_frames_received_total[R]))", "at workers"),
                Query(
                    _dropped_by_broker("maxlen"),
                    "replaced in {{queue_type}}",
                ),
                Query(
                    _dropped_by_broker("expired"),
                    "too old in {{queue_type}}",
                ),
            ),
            "Queues of frames are short: a newer one replaces the oldest, and what is 2 s old goes.",
            unit=FRAMES,
            width=12,
        ),
        Panel(
            "Is the work queue full?",
            "series",
            (Query('max(rabbitmq_detailed_queue_messages_ready{queue="seccam.security"})', "waiting"),),
            "Frames that wait for a worker. At its bound the oldest go.",
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
            "Where do they wait?",
            "series",
            (
                Query(
                    'max by (queue) (rabbitmq_detailed_queue_messages{queue=~"seccam\\\\.events.*",queue!="seccam.events.log"})',
                    "{{queue}}",
                ),
            ),
            "Ready and taken but not acknowledged.",
            unit=EVENTS,
            limits=(1, 100),
            log=True,
            width=12,
        ),
        Panel(
            "Does the notifier listen?",
            "stat",
            (Query('max(rabbitmq_detailed_queue_consumers{queue="seccam.events"})', "consumers"),),
            "Of several, one takes events and the others stand by.",
            limits=(1, 1),
            width=4,
        ),
        Panel(
            "Who consumes?",
            "table",
            (Query('max by (queue) (rabbitmq_detailed_queue_consumers{queue=~"seccam\\\\..*"})', "Consumers"),),
            "Retry queues and the parked queue have none.",
        ),
        Panel(
            "Confirmed?",
            "series",
            (Query("sum by (outcome) (rate(seccam_events_published_total[R]))", "{{outcome}}"),),
            "Attempts to publish an event: refused by the broker, returned as no queue took it, or failed.",
            unit="suffix: events/s",
            width=6,
        ),
        Panel(
            "How long does a confirm take?",
            "series",
            (Query(_quantile(0.95, "seccam_event_confirm_seconds_bucket"), "19 of 20 within"),),
            "Until then an event lies in the worker's memory.",
            unit="s",
            limits=(0.1, 1),
            lines=True,
            width=6,
        ),
        Panel(
            "Called?",
            "series",
            (Query("sum by (channel, result) (increase(seccam_notifier_attempts_total[R]))", "{{channel}} {{result}}"),),
            "Calls of the channel, by what came of them.",
            unit="suffix: calls",
            bars=True,
            stacked=True,
            width=6,
        ),
        Panel(
            "Tried again?",
            "series",
            (Query("sum by (delay, cause) (increase(seccam_notifier_requeued_total[R]))", "in {{delay}}: {{cause}}"),),
            "Events that wait in a retry queue.",
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
            "Who is connected?",
            "timeline",
            (Query("min by (component, pod) (seccam_broker_connected)", "{{component}} {{pod}}"),),
            "Both connections of a process, where it has two.",
            values=DOWN_OR_UP,
        ),
        Panel(
            "Who comes back, why?",
            "series",
            (Query("sum by (component, cause) (increase(seccam_broker_reconnects_total[R]))", "{{component}}: {{cause}}"),),
            "Connections lost or refused.",
            unit="suffix: times",
            bars=True,
            stacked=True,
        ),
        Panel(
            "How slow is Raft?",
            "series",
            (Query("max(rabbitmq_raft_max_commit_latency_seconds or rabbitmq_raft_entry_commit_latency_seconds)", "commit"),),
            "What a quorum queue needs to keep an event.",
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
        text="Is it working, is it fresh, is it enough workers, did I get told?",
        rows=(NOW, CAMERAS, FRESHNESS, SECURITY, MACHINE),
        cameras=True,
        links=(("Through the broker", "/d/seccam-broker"),),
    ),
    Board(
        name="broker",
        title="seccam, through the broker",
        text="What flows through RabbitMQ, what waits there, and who is connected.",
        rows=(BROKER_NOW, BROKER_FRAMES, BROKER_EVENTS, BROKER_CONNECTIONS),
        cameras=False,
        links=(("seccam", "/d/seccam"), ("RabbitMQ-Overview", "https://grafana.com/grafana/dashboards/10991")),
    ),
)
