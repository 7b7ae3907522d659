"""What every detector can do."""

from __future__ import annotations

from typing import Protocol

from seccam.errors import SeccamError
from seccam_security.decode import Pixels
from seccam_security.faces import Face


class DetectorError(SeccamError):
    """A detector can't be made: its model is no model."""


class Detector(Protocol):
    """Finds faces in the pixels it is given. One thread at a time."""

    #: Its name and its model's, for the metric.
    name: str
    model: str
    #: Least height in pixels of a face that it finds surely.
    smallest: int

    def find(self, pixels: Pixels) -> list[Face]:
        """The faces in an RGB picture, shape (height, width, 3), that reach the least score; boxes in its pixels."""
        ...
