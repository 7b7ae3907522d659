"""The worker's metrics. All known label combinations exist from the start."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from seccam.message import CAMERA_CLEARED, CAMERA_COVERED, CAMERA_FROZEN
from seccam.metrics import AGE, WORK, CameraLabels
from seccam_security.analysis import STEPS
from seccam_security.detectors.base import Detector
from seccam_security.presence import Report

#: Why a frame is dropped without analysis.
DROPS = ("replaced", "stale", "redelivered", "corrupt", "oversize", "unknown_camera", "bug", "shutdown")
#: Outcomes of the other frames.
OUTCOMES = ("analysed", "still")
#: What is reported of a camera: type of the event -> value of the label `state`.
STATES = {CAMERA_COVERED: "covered", CAMERA_FROZEN: "frozen", CAMERA_CLEARED: "cleared"}
#: The label value of frames on a topic without a camera name.
NO_CAMERA = "other"


class SecurityMetrics:
    """Metrics of frames, faces and processing time."""

    def __init__(self, registry: CollectorRegistry, detector: Detector) -> None:
        self.received = Counter("seccam_security_frames_received", "Frames received", ["camera"], registry=registry)
        self.done = Counter(
            "seccam_security_frames_done",
            "Frames processed: analysed, or still (nothing moved)",
            ["camera", "outcome"],
            registry=registry,
        )
        self.dropped = Counter(
            "seccam_security_frames_dropped", "Frames dropped without analysis", ["camera", "reason"], registry=registry
        )
        self.faces = Counter("seccam_security_faces", "Faces found in analysed frames", ["camera"], registry=registry)
        self.reports = Counter(
            "seccam_security_reports", "Reports published about faces, by kind", ["camera", "report"], registry=registry
        )
        self.states = Counter(
            "seccam_security_camera_reports",
            "Reports published that a camera is covered or frozen, or that it sees (cleared)",
            ["camera", "state"],
            registry=registry,
        )
        self.future = Counter(
            "seccam_frames_from_future", "Frames that a camera's clock dates in the future", ["camera"], registry=registry
        )
        self.busy = Counter("seccam_security_busy_seconds", "Time spent on frames, without waiting", registry=registry)
        age = Histogram(
            "seccam_security_frame_age_seconds",
            "Age of frames when a worker begins on them (received), and when it is done",
            ["stage"],
            buckets=AGE,
            registry=registry,
        )
        self.age_taken, self.age_done = age.labels("received"), age.labels("done")
        step = Histogram(
            "seccam_security_step_seconds", "Duration of each step of an analysis", ["step"], buckets=WORK, registry=registry
        )
        self.steps = {name: step.labels(name) for name in STEPS}
        self.probe_interval = Gauge(
            "seccam_security_probe_interval_seconds",
            "Seconds between two probes; 0 = none",
            registry=registry,
        )
        info = Gauge("seccam_security_detector_info", "The detector in use; always 1", ["detector", "model"], registry=registry)
        info.labels(detector.name, detector.model).set(1)
        self.label = CameraLabels(self._new_camera)
        self._new_camera(NO_CAMERA)

    def _new_camera(self, camera: str) -> None:
        for counter in (self.received, self.faces, self.future):
            counter.labels(camera)
        for reason in DROPS:
            self.dropped.labels(camera, reason)
        for outcome in OUTCOMES:
            self.done.labels(camera, outcome)
        for report in Report:
            self.reports.labels(camera, report.value)
        for state in STATES.values():
            self.states.labels(camera, state)
