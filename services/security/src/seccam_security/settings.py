"""The security service's settings."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from seccam import topology
from seccam.settings import OpsSettings, listed

#: Seconds after which the queue drops a frame.
FRAME_SECONDS = topology.FRAME_TTL_MS / 1000


class SecuritySettings(OpsSettings):
    """How a worker finds faces."""

    PREFIX = "SECCAM_SECURITY_"

    detector: Literal["libfacedetection", "yunet"] = Field(
        "libfacedetection", description="The face detector; `yunet` needs a model file."
    )
    yunet_model: str = Field(
        "",
        validate_default=True,
        description="Path of YuNet's ONNX file (OpenCV Zoo: face_detection_yunet); only used by the detector `yunet`.",
    )
    min_score: float = Field(0, ge=0, le=1, description="Lowest score (0 to 1) that counts as a face; 0: the detector's default.")
    full_scan_interval_seconds: float = Field(
        3, gt=0, le=3600, description="Seconds between two scans of the whole picture, which find faces that don't move."
    )
    full_scan_width: int = Field(
        640, ge=160, le=4096, description="Length in pixels of the longer side to which the picture is scaled down for these scans."
    )
    max_age_seconds: float = Field(
        FRAME_SECONDS,
        gt=0,
        le=FRAME_SECONDS,
        description="Seconds after capture at which a frame is dropped unseen; the queue drops it after 2.",
    )
    snapshot: bool = Field(True, description="Whether events carry a picture with boxes around the faces.")
    snapshot_width: int = Field(
        1280, ge=160, le=1920, description="Length in pixels of that picture's longer side, if 96 KiB are enough for it."
    )
    covered_seconds: float = Field(
        10,
        ge=0,
        le=3600,
        description="Seconds of pictures in one tone after which a camera is reported as covered; 0: never.",
    )
    frozen_seconds: float = Field(
        30,
        ge=0,
        le=3600,
        description="Seconds of the very same picture after which a camera is reported as frozen; 0: never.",
    )
    slow_cameras: str = Field(
        "",
        description="Names of cameras, separated by commas, that are to be reported as covered or frozen although they send less "
        "than a picture in 5 s, or plain JPEG files over MQTT.",
    )
    probe_interval_seconds: float = Field(
        120,
        ge=0,
        le=3600,
        description="Seconds between two probes, small events that show that the way to the notifier works; 0: none.",
    )
    spool_folder: str = Field(
        "", description="Folder for events that the broker has not confirmed, to survive a crash of the worker; empty: memory only."
    )
    worker: str = Field("", max_length=64, description="The worker's name in events; empty: host name and process id.")

    @field_validator("yunet_model")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("detector") == "yunet" and not (value and os.access(value, os.R_OK) and Path(value).is_file()):
            raise ValueError(f"no readable file {value!r}: give the path of YuNet's model, or choose libfacedetection")
        return value

    @field_validator("slow_cameras")
    @classmethod
    def _named(cls, value: str) -> str:
        for name in listed(value):
            if not topology.is_camera(name):
                raise ValueError(f"{name} is not a valid camera name")
        return value

    @property
    def slow_camera_names(self) -> list[str]:
        """The cameras of `slow_cameras`."""
        return listed(self.slow_cameras)

    @property
    def worker_name(self) -> str:
        """The worker's name."""
        return self.worker or f"{socket.gethostname()}-{os.getpid()}"[-64:]
