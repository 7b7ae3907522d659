"""What a worker knows of a camera."""

from __future__ import annotations

from dataclasses import dataclass, field

from seccam import message
from seccam.frame_age import AgeEstimator
from seccam_security.analysis import Memory
from seccam_security.presence import Presence
from seccam_security.sight import Sight


@dataclass
class Watched:
    """One camera, as this worker knows it."""

    name: str
    ages: AgeEstimator = field(default_factory=AgeEstimator)
    memory: Memory = field(default_factory=Memory)
    presence: Presence = field(default_factory=Presence)
    sight: Sight = field(default_factory=Sight)
    #: The last frame with faces, and how many they were.
    last_seen: message.FrameIdentity | None = None
    last_faces: int = 0
    #: Faces in the last detection that was published, and the frames since.
    shown: int = 0
    analysed: int = 0
    dropped: int = 0
