"""YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) in OpenCV's FaceDetectorYN."""

from __future__ import annotations

from pathlib import Path

import cv2

from seccam_security.decode import Pixels
from seccam_security.detectors.base import DetectorError
from seccam_security.faces import Face

#: Test pictures without faces score at most 0.76 at any size and quality (a cat in close-up); faces of 20 pixels, enlarged
#: by 1.5, at least 0.89.
MIN_SCORE = 0.8
#: Two boxes that share more than this part of their union are the same face.
_OVERLAP = 0.3


class YuNet:
    """The detector for users who have its model file."""

    name = "yunet"
    smallest = 20

    def __init__(self, model: str, min_score: float = 0.0) -> None:
        """`model` is the path of the ONNX file; faces below `min_score` are ignored; 0 means MIN_SCORE. Raises DetectorError."""
        self.model = Path(model).name
        self._size = (320, 320)
        try:
            self._network = cv2.FaceDetectorYN.create(model, "", self._size, min_score or MIN_SCORE, _OVERLAP)
        except cv2.error as e:
            raise DetectorError(f"{model} is not YuNet's model: {e.err}") from None

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces; see Detector."""
        size = (pixels.shape[1], pixels.shape[0])
        if size != self._size:
            self._network.setInputSize(size)
            self._size = size
        _, found = self._network.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        rows = [] if found is None else found.tolist()
        return [Face((round(r[0]), round(r[1]), round(r[2]), round(r[3])), min(1.0, max(0.0, r[14]))) for r in rows]
