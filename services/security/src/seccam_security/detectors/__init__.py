"""The face detectors, one per module."""

from __future__ import annotations

from seccam_security.detectors.base import Detector, DetectorError
from seccam_security.detectors.libfacedetection import LibFaceDetection
from seccam_security.detectors.yunet import YuNet
from seccam_security.settings import SecuritySettings

__all__ = ["Detector", "DetectorError", "LibFaceDetection", "YuNet", "chosen"]


def chosen(settings: SecuritySettings) -> Detector:
    """The detector that the settings select. Raises DetectorError."""
    if settings.detector == "yunet":
        return YuNet(settings.yunet_model, settings.min_score)
    return LibFaceDetection(settings.min_score)
