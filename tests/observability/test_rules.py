"""Tests the recording rules and alerts with promtool: each alert fires when it should, and only then."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability import rules

NAMESPACE, RELEASE = "cams", "home"
ALERTS_PAGE = Path(__file__).parents[2] / "docs/howto/alerts.md"
Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """Input series in promtool's notation, and the expected result of a rule at a time."""

    name: str  # of the alert or recording rule
    when: str
    series: Series
    at: str = "5m"
    #: Labels -> value of each resulting series; empty: the alert is silent.
    result: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[str] = rules.OWN_BROKER
    #: Interval between the samples of the input series.
    every: str = "15s"


def fires(name: str, when: str, series: Series, at: str = "5m", of: str = "", **more: Any) -> Case:
    """A case in which an alert fires, with these labels in addition to its own."""
    return Case(name, when, series, at, {of: 1}, **more)


def silent(name: str, when: str, series: Series, at: str = "5m", **more: Any) -> Case:
    """A case in which an alert is neither firing nor pending."""
    return Case(name, when, series, at, **more)


EXTERNAL: Mapping[str, Any] = {"files": rules.EXTERNAL_BROKER}

# One sample every 15 s: x20 lasts 5 minutes, x40 10 minutes, x240 an hour. 0+15x… is a timestamp that equals the current time.
FRESH, STUCK_AT_60, ONE, NONE = "0+15x40", "0+15x4 60+0x36", "1+0x40", "0+0x40"
EXPECTED = "camera:seccam_expected:info{camera='front'}"
OPEN = "seccam_camera_schedule_open{camera='front',topic='view'}"
SLOT = OPEN.replace("view", "security")
LAST = "seccam_monitor_last_frame_timestamp_seconds{camera='front'}"
RATE = "seccam_camera_target_rate_hertz{camera='front',topic='view'}"
MONITOR = "seccam_build_info{component='monitor'}"
NOTIFIER = "seccam_build_info{component='notifier'}"
WORKERS = ["seccam_build_info{component='security',pod='a'}", "seccam_build_info{component='security',pod='b'}"]
UP = "seccam_camera_up{camera='front'}"
PUBLISHED = "seccam_camera_frames_published_total{camera='front',topic='security'}"
DROPPED = "seccam_camera_frames_dropped_total{camera='front',topic='security',reason='blocked'}"
IN_TIME = "seccam_security_frame_age_seconds_bucket{stage='done',le='2.0'}"
BUSY = "seccam_security_busy_seconds_total{pod='a'}"
MISSED = "0+30x6 _ 240+30x10"  # a counter; the eighth scrape failed
DONE = "seccam_security_frames_done_total{camera='front',outcome='analysed',pod='a'}"
VIEW = "seccam_camera_frames_published_total{camera='front',topic='view'}"
VIEW_DROPPED = "seccam_camera_frames_dropped_total{camera='front',topic='view',reason='replaced'}"
AT_MONITOR = "seccam_monitor_frame_age_seconds_bucket{camera='front',stage='received',le='0.5',instance='%s'}"
UNCONFIRMED = "seccam_events_oldest_unconfirmed_timestamp_seconds{component='security',pod='a'}"
EVENTS, PARKED, RETRIES, WORK = (
    f"rabbitmq_detailed_queue_messages{{queue='{queue}'}}"
    for queue in ("seccam.events", "seccam.events.parked", "seccam.events.retry.10s", "seccam.security")
)
RETRIED = "seccam_notifier_events_received_total{attempt='retry'}"
PROBE, PROBES_EVERY = "seccam_notifier_last_probe_timestamp_seconds", "seccam_security_probe_interval_seconds{pod='a'}"
JOURNAL_READY, JOURNAL_DROPPED = "seccam_notifier_journal_ready", "seccam_notifier_journal_dropped_total"
NOTIFIED_EVENTS = "seccam_notifier_events_total{type='face',outcome='notified'}"
OK, REFUSED = (f"seccam_notifier_attempts_total{{channel='ifttt',result='{result}'}}" for result in ("2xx", "401"))
NOTIFIED = "seccam_notifier_event_age_seconds_bucket{stage='notified',le='%s'}"
CONNECTED = [f"seccam_broker_connected{{component='camera',direction='{direction}'}}" for direction in ("publish", "consume")]
BROKER = "rabbitmq_build_info{component='rabbitmq'}"
ALARM = "rabbitmq_alarms_memory_used_watermark{component='rabbitmq'}"
RECONNECTS = "seccam_broker_reconnects_total{component='security',pod='a',direction='publish',cause='auth'}"
HERE, THERE = (f"seccam_broker_connected{{component='security',pod='{pod}',direction='consume'}}" for pod in "ab")
BROKER_LOGINS = "rabbitmq_auth_attempts_failed_total{component='rabbitmq',auth_attempt_protocol='amqp091'}"
PAGE_LOGINS = "seccam_monitor_logins_total{component='monitor',outcome='refused'}"
FUTURE = "seccam_frames_from_future_total{component='security',camera='front'}"

ALERTS = [
    fires("SeccamCameraAway", "the last frame is old", {EXPECTED: ONE, OPEN: ONE, LAST: STUCK_AT_60}, of="camera='front'"),
    fires("SeccamCameraAway", "a camera never came up", {EXPECTED: ONE}, of="camera='front'"),
    fires("SeccamCameraAway", "the monitor is gone", {EXPECTED: ONE, OPEN: ONE}, of="camera='front'"),
    fires(
        "SeccamCameraAway", "12 s old at 15 frames a second", {OPEN: ONE, RATE: "15+0x40", LAST: "-12+15x40"}, of="camera='front'"
    ),
    fires(
        "SeccamCameraAway",
        "it has no frames and only its security slot is open",
        {EXPECTED: ONE, OPEN: NONE, SLOT: ONE, UP: NONE, LAST: STUCK_AT_60},
        of="camera='front'",
    ),
    fires(
        "SeccamCameraAway",
        "it is down, and both slots are open",
        {EXPECTED: ONE, OPEN: ONE, SLOT: ONE, UP: NONE, LAST: STUCK_AT_60},
        of="camera='front'",
    ),
    fires(
        "SeccamCameraAway",
        "it is down while its view slot closes",
        {EXPECTED: ONE, OPEN: "1+0x17 0+0x22", SLOT: ONE, UP: NONE, LAST: STUCK_AT_60},
        of="camera='front'",
    ),
    silent(
        "SeccamCameraAway",
        "it is up, and only its security slot is open",
        {EXPECTED: ONE, OPEN: NONE, SLOT: ONE, UP: ONE, LAST: STUCK_AT_60},
    ),
    silent("SeccamCameraAway", "both slots are closed", {EXPECTED: ONE, OPEN: NONE, SLOT: NONE, UP: NONE, LAST: STUCK_AT_60}),
    silent("SeccamCameraAway", "frames arrive, whatever its own status", {OPEN: ONE, SLOT: ONE, UP: NONE, LAST: FRESH}),
    silent("SeccamCameraAway", "frames are fresh", {EXPECTED: ONE, OPEN: ONE, LAST: FRESH}),
    silent(
        "SeccamCameraAway", "one of two monitors receives frames", {OPEN: ONE, LAST: STUCK_AT_60, LAST[:-1] + ",pod='b'}": FRESH}
    ),
    silent("SeccamCameraAway", "the slot is closed", {EXPECTED: ONE, OPEN: NONE, LAST: STUCK_AT_60}),
    silent("SeccamCameraAway", "12 s old at a frame every 10 s", {OPEN: ONE, RATE: "0.1+0x40", LAST: "-12+15x40"}),
    fires("SeccamComponentMissing", "no monitor", {NOTIFIER: ONE}, of="component='monitor'"),
    fires("SeccamComponentMissing", "no notifier", {MONITOR: ONE}, of="component='notifier'"),
    fires("SeccamComponentMissing", "no camera", {MONITOR: ONE, NOTIFIER: ONE, EXPECTED: ONE}, of="camera='front'"),
    silent("SeccamComponentMissing", "all are there", {MONITOR: ONE, NOTIFIER: ONE, EXPECTED: ONE, UP: NONE}),
    fires("SeccamNoWorkers", "frames without a worker", {PUBLISHED: "0+30x40"}),
    silent("SeccamNoWorkers", "frames with a worker", {PUBLISHED: "0+30x40", WORKERS[0]: ONE}),
    silent("SeccamNoWorkers", "no frames", {PUBLISHED: NONE}),
    fires("SeccamSecurityBlind", "a tenth is analysed", {PUBLISHED: "0+30x40", DROPPED: NONE, IN_TIME: "0+3x40"}),
    fires("SeccamSecurityBlind", "the camera can't publish", {PUBLISHED: NONE, DROPPED: "0+30x40", IN_TIME: NONE}),
    fires("SeccamSecurityBlind", "there is no worker", {PUBLISHED: "0+30x40", DROPPED: NONE}),
    silent("SeccamSecurityBlind", "all are analysed", {PUBLISHED: "0+30x40", DROPPED: NONE, IN_TIME: "0+30x40"}),
    silent("SeccamSecurityBlind", "the slot is closed", {PUBLISHED: NONE, DROPPED: NONE, IN_TIME: NONE}),
    fires(
        "SeccamWorkersSaturated",
        "1 s of work in 0.5 s",
        {PUBLISHED: "0+60x40", BUSY: "0+15x40", DONE: "0+30x40", WORKERS[0]: ONE},
        "8m",
    ),
    silent(
        "SeccamWorkersSaturated",
        "two workers share it",
        {PUBLISHED: "0+30x40", BUSY: "0+15x40", DONE: "0+30x40", WORKERS[0]: ONE, WORKERS[1]: ONE},
        "8m",
    ),
    fires(
        "SeccamViewStale",
        "half is late",
        {VIEW: "0+200x40", VIEW_DROPPED: NONE, AT_MONITOR % 1: "0+100x40"},
        of="camera='front'",
    ),
    fires(
        "SeccamViewStale",
        "half is dropped",
        {VIEW: "0+99x40", VIEW_DROPPED: "0+99x40", AT_MONITOR % 1: "0+99x40"},
        of="camera='front'",
    ),
    silent("SeccamViewStale", "all are in time", {VIEW: "0+200x40", VIEW_DROPPED: NONE, AT_MONITOR % 1: "0+200x40"}),
    silent(
        "SeccamViewStale",
        "five bad minutes after an hour",
        {VIEW: "0+200x260", VIEW_DROPPED: "0+0x260", AT_MONITOR % 1: "0+200x240 48000+0x20"},
        "64m",
    ),
    fires(
        "SeccamCameraFlapping",
        "seven times",
        {"seccam_camera_source_lost_total{camera='front',cause='stalled'}": "0+1x7 7+0x13"},
        of="camera='front'",
    ),
    silent(
        "SeccamCameraFlapping", "three times", {"seccam_camera_source_lost_total{camera='front',cause='stalled'}": "0+1x3 3+0x17"}
    ),
    fires("SeccamEventsUnconfirmed", "one waits", {UNCONFIRMED: "100+0x40"}, of="component='security'"),
    silent("SeccamEventsUnconfirmed", "none waits", {UNCONFIRMED: NONE}),
    silent("SeccamEventsUnconfirmed", "new ones keep being confirmed", {UNCONFIRMED: FRESH}),
    fires("SeccamEventLost", "one is lost", {"seccam_events_lost_total{reason='buffer_full'}": "0+0x10 1+0x30"}),
    silent("SeccamEventLost", "one was lost hours ago", {"seccam_events_lost_total{reason='shutdown'}": "1+0x40"}),
    fires("SeccamEventsStuck", "none is processed", {EVENTS: "3+0x40", NOTIFIED_EVENTS: "5+0x40"}),
    fires("SeccamEventsStuck", "the notifier is gone", {EVENTS: "3+0x40"}),
    silent("SeccamEventsStuck", "they are processed", {EVENTS: "3+0x40", NOTIFIED_EVENTS: "0+1x40"}),
    silent("SeccamEventsStuck", "none waits", {EVENTS: NONE, NOTIFIED_EVENTS: "5+0x40"}),
    fires("SeccamNotificationsFailing", "the key is wrong", {OK: NONE, REFUSED: "0+1x40"}, of="channel='ifttt'"),
    silent("SeccamNotificationsFailing", "one call succeeded", {OK: "0+0x4 1+0x36", REFUSED: "0+1x40"}),
    silent("SeccamNotificationsFailing", "two calls failed", {OK: NONE, REFUSED: "0+1x2 2+0x38"}),
    fires(
        "SeccamNotificationsFailing",
        "one of two channels fails",
        {"seccam_notifier_attempts_total{channel='ntfy',result='2xx'}": "0+1x40", REFUSED: "0+1x40"},
        of="channel='ifttt'",
    ),
    fires(
        "SeccamNotificationSlow",
        "they take 8 s",
        {NOTIFIED % "5.0": NONE, NOTIFIED % "15.0": "0+1x40", NOTIFIED % "+Inf": "0+1x40"},
    ),
    silent(
        "SeccamNotificationSlow",
        "they take 1 s",
        {NOTIFIED % "1.0": "0+1x40", NOTIFIED % "5.0": "0+1x40", NOTIFIED % "+Inf": "0+1x40"},
    ),
    silent("SeccamNotificationSlow", "none was sent", {NOTIFIED % "5.0": NONE, NOTIFIED % "15.0": NONE, NOTIFIED % "+Inf": NONE}),
    fires("SeccamAlertPathBroken", "the last probe is old", {PROBE: "0+0x60", PROBES_EVERY: "120+0x60"}, "14m"),
    silent("SeccamAlertPathBroken", "probes arrive", {PROBE: FRESH, PROBES_EVERY: "120+0x40"}, "9m"),
    silent("SeccamAlertPathBroken", "none are sent", {PROBE: "0+0x60", PROBES_EVERY: "0+0x60"}, "14m"),
    fires("SeccamEventHeld", "no queue takes one", {"seccam_notifier_holding": ONE}),
    silent("SeccamEventHeld", "all go somewhere", {"seccam_notifier_holding": NONE}),
    fires("SeccamJournalBroken", "it was not read", {JOURNAL_READY: NONE}, "8m"),
    fires("SeccamJournalBroken", "it takes no writes", {JOURNAL_READY: ONE, JOURNAL_DROPPED: "0+1x40"}, "8m"),
    silent("SeccamJournalBroken", "it works", {JOURNAL_READY: ONE, JOURNAL_DROPPED: NONE}, "8m"),
    fires("SeccamRetriesStuck", "none comes back", {RETRIES: "1+0x120", RETRIED: "5+0x120"}, "29m"),
    silent("SeccamRetriesStuck", "they come back", {RETRIES: "1+0x120", RETRIED: "0+1x120"}, "29m"),
    silent("SeccamRetriesStuck", "none waits", {RETRIES: "0+0x120", RETRIED: "5+0x120"}, "29m"),
    fires(
        "SeccamQueueMissing",
        "the events queue is gone",
        {BROKER: ONE, PARKED: NONE, RETRIES: NONE, WORK: NONE},
        of="queue='seccam.events'",
    ),
    silent("SeccamQueueMissing", "all are there", {BROKER: ONE, EVENTS: NONE, PARKED: NONE, RETRIES: NONE, WORK: NONE}),
    silent("SeccamQueueMissing", "the broker is down", {CONNECTED[0]: ONE}),
    fires("SeccamEventsParked", "one is parked", {PARKED: ONE}),
    silent("SeccamEventsParked", "none is parked", {PARKED: NONE, EVENTS: ONE}),
    fires(
        "SeccamEventsParked",
        "one was, with an external broker",
        {"seccam_notifier_parked_total{reason='refused'}": "0+0x4 1+0x36"},
        **EXTERNAL,
    ),
    silent(
        "SeccamEventsParked",
        "none was, with an external broker",
        {"seccam_notifier_parked_total{reason='refused'}": "1+0x40"},
        **EXTERNAL,
    ),
    fires("SeccamBrokerDown", "its metrics are gone", {CONNECTED[0]: ONE}),
    fires("SeccamBrokerDown", "nobody is connected", {BROKER: ONE, CONNECTED[0]: NONE, CONNECTED[1]: NONE}),
    fires("SeccamBrokerDown", "no pod is connected", {CONNECTED[0]: NONE, CONNECTED[1]: NONE}),
    fires("SeccamBrokerDown", "nobody is, with an external broker", {CONNECTED[0]: NONE, CONNECTED[1]: NONE}, **EXTERNAL),
    silent("SeccamBrokerDown", "someone is connected", {BROKER: ONE, CONNECTED[0]: ONE, CONNECTED[1]: NONE}),
    silent("SeccamBrokerDown", "someone is, with an external broker", {CONNECTED[0]: ONE, CONNECTED[1]: NONE}, **EXTERNAL),
    fires("SeccamBrokerAlarm", "memory is short", {ALARM: "0+0x19 1+0x1"}),
    fires("SeccamBrokerAlarm", "it was four minutes ago", {ALARM: "1+0x4 0+0x36"}),
    silent("SeccamBrokerAlarm", "it was long ago", {ALARM: "1+0x4 0+0x36"}, "7m"),
    silent("SeccamBrokerAlarm", "there is none", {ALARM: NONE, "rabbitmq_alarms_free_disk_space_watermark": NONE}),
    fires("SeccamReconnecting", "seven times", {RECONNECTS: "0+1x7 7+0x13"}, of="component='security',pod='a'"),
    fires("SeccamReconnecting", "one is cut off", {HERE: NONE, THERE: ONE}, of="component='security',pod='a'"),
    silent("SeccamReconnecting", "three times", {RECONNECTS: "0+1x3 3+0x17", HERE: ONE}),
    silent("SeccamReconnecting", "the broker is down", {RECONNECTS.replace("auth", "refused"): "0+1x40", HERE: NONE, THERE: NONE}),
    fires("SeccamLoginsRefused", "at the broker", {BROKER_LOGINS: "0+1x7 7+0x13"}, of="component='rabbitmq'"),
    fires("SeccamLoginsRefused", "at the page", {PAGE_LOGINS: "0+1x7 7+0x13"}, of="component='monitor'"),
    silent("SeccamLoginsRefused", "someone mistyped", {BROKER_LOGINS: NONE, PAGE_LOGINS: "0+1x3 3+0x17"}),
    fires("SeccamClockSkew", "capture times in the future", {FUTURE: "0+30x40"}, "8m", of="camera='front'"),
    silent("SeccamClockSkew", "one jump of the clock", {FUTURE: "0+0x4 3+0x36"}, "8m"),
]

LE = "seccam_security_frame_age_seconds_bucket{stage='received',le='%s'}"
CHANGE = "seccam_camera_schedule_next_change_timestamp_seconds{camera='front',topic='security'}"
RECORDS = [
    Case("camera:seccam_slot_open:bool", "asked a moment ago", {OPEN: "0+0x8 _x12", EXPECTED: ONE}, "3m", {"camera='front'": 0}),
    Case("camera:seccam_fresh_limit:seconds", "three intervals", {LAST: FRESH, RATE: "0.5+0x40"}, result={"camera='front'": 6}),
    Case("camera:seccam_fresh_limit:seconds", "the rate is unknown", {LAST: FRESH}, result={"camera='front'": 5}),
    Case("camera:seccam_available:bool", "fresh", {EXPECTED: ONE, OPEN: ONE, LAST: FRESH}, result={"camera='front'": 1}),
    Case("camera:seccam_available:bool", "off by schedule", {EXPECTED: ONE, OPEN: NONE, LAST: FRESH}),
    Case(
        "camera:seccam_view_fresh:ratio_rate5m",
        "two monitors, the better counts",
        {VIEW: "0+100x40", VIEW_DROPPED: "0+100x40", AT_MONITOR % 1: "0+50x40", AT_MONITOR % 2: "0+80x40"},
        result={"camera='front'": 0.4},
    ),
    Case(
        "release:seccam_security_fresh:ratio_rate5m",
        "half",
        {PUBLISHED: "0+20x40", DROPPED: NONE, IN_TIME: "0+10x40"},
        result={"": 0.5},
    ),
    Case(
        "release:seccam_events_delivered:ratio_increase1d",
        "one notified, one suppressed, of four",
        {
            NOTIFIED % "60.0": "0+0x4 1+0x36",
            "seccam_notifier_events_total{type='face',outcome='suppressed'}": "0+0x4 1+0x36",
            "seccam_events_published_total{type='face',outcome='confirmed'}": "0+0x4 4+0x36",
        },
        result={"": 0.5},
    ),
    Case(
        "release:seccam_events_delivered:ratio_increase1d",
        "none notified of one, beside a hundred presence events",
        {
            NOTIFIED % "60.0": NONE,
            "seccam_notifier_events_total{type='face',outcome='suppressed'}": NONE,
            "seccam_notifier_events_total{type='face_present',outcome='suppressed'}": "0+0x4 99+0x36",
            "seccam_notifier_events_total{type='face_gone',outcome='suppressed'}": "0+0x4 1+0x36",
            "seccam_events_published_total{type='face',outcome='confirmed'}": "0+0x4 1+0x36",
            "seccam_events_published_total{type='face_present',outcome='confirmed'}": "0+0x4 99+0x36",
            "seccam_events_published_total{type='face_gone',outcome='confirmed'}": "0+0x4 1+0x36",
        },
        result={"": 0},
    ),
    Case(
        "release:seccam_events_delivered:ratio_increase1d",
        "one notified of a camera that went away",
        {
            NOTIFIED % "60.0": "0+0x4 1+0x36",
            "seccam_notifier_events_total{type='camera_offline',outcome='suppressed'}": NONE,
            "seccam_events_published_total{type='camera_offline',outcome='confirmed'}": "0+0x4 1+0x36",
        },
        result={"": 1},
    ),
    Case("release:seccam_security_work:workers", "no worker runs", {PUBLISHED: "0+30x40"}, result={"": 0.1}),
    Case(
        "release:seccam_security_work:workers",
        "no frame is done yet",
        {PUBLISHED: "0+30x40", BUSY: "0+1x40", DONE: NONE},
        result={"": 0.1},
    ),
    Case("release:seccam_security_work:workers", "nothing is published", {PUBLISHED: NONE, BUSY: NONE, DONE: NONE}, result={"": 0}),
    Case(
        "release:seccam_security_work:workers",
        "0.5 s a frame",
        {PUBLISHED: "0+60x40", BUSY: "0+15x40", DONE: "0+30x40"},
        result={"": 2},
    ),
    Case("release:seccam_security_busy:workers", "one is busy", {BUSY: "0+15x40"}, result={"": 1}),
    # These are why the chart's schema limits the scrape interval.
    Case("release:seccam_security_busy:workers", "one scrape of 20 s failed", {BUSY: MISSED}, "150s", {"": 1}, every="20s"),
    Case("release:seccam_security_busy:workers", "one scrape of 30 s failed", {BUSY: MISSED}, "3m45s", every="30s"),
    Case(
        "release:seccam_security_busy:ratio_rate1m",
        "one of two is",
        {BUSY: "0+15x40", WORKERS[0]: ONE, WORKERS[1]: ONE},
        result={"": 0.5},
    ),
    Case(
        "release:seccam_security_age_seconds:p90_1m",
        "no frames",
        {LE % "1.0": NONE, LE % "2.0": NONE, LE % "+Inf": NONE},
        result={"": 0},
    ),
    Case(
        "release:seccam_security_age_seconds:p90_1m",
        "half waits for up to 2 s",
        {LE % "1.0": "0+5x40", LE % "2.0": "0+10x40", LE % "+Inf": "0+10x40"},
        result={"": 1.8},
    ),
    Case("release:seccam_security_slots:count", "open", {SLOT: ONE, CHANGE: "Inf+0x40"}, result={"": 1}),
    Case("release:seccam_security_slots:count", "closed for long", {SLOT: NONE, CHANGE: "9000+0x40"}, result={"": 0}),
    Case("release:seccam_security_slots:count", "opens in a minute", {SLOT: NONE, CHANGE: "360+0x40"}, result={"": 1}),
    Case("release:seccam_security_slots:count", "never opens", {SLOT: NONE, CHANGE: "Inf+0x40"}, result={"": 0}),
]


def _labelled(series: str) -> str:
    """Add the release's labels to a series."""
    name, _, labels = series.replace("'", '"').rstrip("}").partition("{")
    return f'{name}{{{labels}{"," if labels else ""}namespace="{NAMESPACE}",release="{RELEASE}"}}'


def _expectation(case: Case) -> dict[str, Any]:
    """Return the case's promql_expr_test: query and expected samples."""
    if case.name[0].isupper():
        state = 'alertstate="firing",' if case.result else ""
        expr = f'max without (alertname, alertstate, severity) (ALERTS{{{state}alertname="{case.name}"}})'
    else:
        expr = f'label_replace({case.name}, "__name__", "", "", "")'
    samples = [{"labels": _labelled(f"{{{labels}}}"), "value": value} for labels, value in case.result.items()]
    return {"expr": expr, "eval_time": case.at, "exp_samples": samples}


@pytest.mark.parametrize("case", ALERTS + RECORDS, ids=lambda case: f"{case.name} {'' if case.result else 'not '}when {case.when}")
def test_a_rule_has_the_expected_result(case: Case, tmp_path: Path, prometheus_programs: None) -> None:
    for name in case.files:
        (tmp_path / f"{name}.yaml").write_text(rules.filled(name, NAMESPACE, RELEASE))
    test = {
        "rule_files": [f"{name}.yaml" for name in case.files],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": case.every,
                "input_series": [{"series": _labelled(series), "values": values} for series, values in case.series.items()],
                "promql_expr_test": [_expectation(case)],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    done = subprocess.run(["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_check_passes(prometheus_programs: None) -> None:
    files = sorted(map(str, rules.FOLDER.glob("*.yaml")))
    done = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_firing_and_a_silent_case() -> None:
    alerts = {rule["alert"] for rule in rules.every() if "alert" in rule}
    assert {case.name for case in ALERTS if case.result} == alerts
    assert {case.name for case in ALERTS if not case.result} == alerts


def test_every_selector_is_limited_to_the_release() -> None:
    for rule in rules.every():
        bare = r'(?<!")\b(?:seccam_|rabbitmq_|camera:|release:)[\w:]+(?![\w:])(?!{namespace="NAMESPACE",release="RELEASE")'
        assert not re.findall(bare, rule["expr"]), rule
        selectors = re.findall(r"\{([^}]*)\}", rule["expr"])
        assert all('namespace="NAMESPACE",release="RELEASE"' in selector for selector in selectors), rule
        assert (rule["labels"]["namespace"], rule["labels"]["release"]) == ("NAMESPACE", "RELEASE")


def test_each_alert_has_a_severity_texts_and_a_runbook() -> None:
    headings = re.findall(r"^## (Seccam\w+)$", ALERTS_PAGE.read_text(), re.MULTILINE)
    alerts = {rule["alert"]: rule for rule in rules.every() if "alert" in rule}
    assert sorted(headings) == sorted(alerts)
    for name, rule in alerts.items():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["annotations"]["runbook_url"] == f"docs/howto/alerts.md#{name.lower()}"
