"""`python -m tests.faults.frail_worker`: a worker whose detector, a library in C, crashes on a magenta picture."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

from seccam_security import __main__ as program
from seccam_security import detectors
from seccam_security.decode import Pixels
from seccam_security.detectors import Detector, LibFaceDetection
from seccam_security.faces import Face
from seccam_security.settings import SecuritySettings

#: The poison, RGB.
MAGENTA = (255, 0, 255)


class FrailDetector(LibFaceDetection):
    """Finds faces, unless it crashes."""

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces; a magenta picture ends the process."""
        if np.abs(pixels.mean(axis=(0, 1)) - MAGENTA).max() < 10:  # JPEG changes colours a little
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().find(pixels)


def chosen(settings: SecuritySettings) -> Detector:
    """In place of the function of this name."""
    return FrailDetector(settings.min_score)


if __name__ == "__main__":
    detectors.chosen = chosen
    sys.exit(program.main())
