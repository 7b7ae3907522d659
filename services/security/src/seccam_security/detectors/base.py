"""The interface of detectors."""

from __future__ import annotations

from typing import Protocol

from seccam.errors import SeccamError
from seccam_security.decode import Pixels
from seccam_security.faces import Face


class DetectorError(SeccamError):
    """A detector can't be loaded: its model file is not a model."""


class Detector(Protocol):
    """Finds faces in pixels. Not thread-safe."""

    #: The detector's name and its model's name, for the metric.
    name: str
    model: str
    #: Height in pixels of the smallest face that it finds reliably.
    smallest: int

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces in an RGB picture, shape (height, width, 3), that reach the lowest score; boxes in its pixels."""
        ...
