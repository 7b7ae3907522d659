"""Whether a frame follows the ones before it, by its sequence number. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: A number may be higher than the one before by this much, and by this much more for each second in between. The fastest webcam
#: counts 240 frames a second, and while the broker is away nobody receives them.
_JUMP, _JUMP_PER_SECOND = 1000, 1000
#: Frames in a row, and seconds between the first and the last, after which numbers that don't follow are believed anyway.
_ENOUGH, _LASTED = 3, 1.0


@dataclass(frozen=True)
class _Run:
    """Frames of one boot_id, each with a higher number than the one before."""

    boot_id: str
    seq: int
    #: Arrival of the first and of the last frame, monotonic seconds.
    began: float
    arrived: float
    frames: int = 1

    def followed_by(self, seq: int, now: float) -> _Run:
        return replace(self, seq=seq, arrived=now, frames=self.frames + 1)


class Order:
    """The order of one camera's frames.

    A frame that is older than the newest one is refused, and so is one whose number is higher than any camera could have
    counted meanwhile: if it were believed, every frame after it would be too old. If the next frames continue from a refused
    one, they are the camera's after all, so no single frame can stop the picture for long, however it is numbered.
    """

    def __init__(self) -> None:
        self._newest: _Run | None = None
        self._refused: _Run | None = None

    def follows(self, boot_id: str, seq: int, now: float) -> bool:
        """Whether the frame that arrives at `now` (monotonic seconds) becomes the newest."""
        newest = self._newest
        if newest is None or newest.boot_id != boot_id:
            return self._accept(_Run(boot_id, seq, now, now))
        if newest.seq < seq <= newest.seq + _JUMP + _JUMP_PER_SECOND * (now - newest.arrived):
            return self._accept(newest.followed_by(seq, now))
        before = self._refused
        run = before.followed_by(seq, now) if before and seq > before.seq else _Run(boot_id, seq, now, now)
        self._refused = run
        return run.frames >= _ENOUGH and run.arrived - run.began >= _LASTED and self._accept(run)

    def _accept(self, run: _Run) -> bool:
        self._newest, self._refused = run, None
        return True
