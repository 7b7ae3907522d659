"""How old a frame is when the camera's clock may be wrong.

The monitor and the workers keep one estimator for each camera. A clock that is off by less than 2 s goes unnoticed, so run NTP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: A first frame is believed if its age is in this range (seconds); the queues drop older ones.
_BELIEVED = (-0.1, 2.0)
#: Lag may exceed what elapsed time allows by this much (seconds) before it counts as a clock step.
_TOLERANCE = 0.1
#: Seconds that the evidence must last before the offset changes: normally, and where the offset makes every frame too old; and
#: the number of frames that it takes.
_PATIENCE, _SOONER, _ENOUGH = 120.0, 10.0, 10
#: Frames in a row that must agree on a step of a clock before it is believed.
_AGREEING = 3


@dataclass(frozen=True)
class _Doubt:
    """Consecutive frames that contradict the offset: when they began, the smallest lag among them, and how many there are."""

    since: float
    least: float
    pictures: int = 0

    def with_one_more(self, lag: float) -> _Doubt:
        return _Doubt(self.since, min(self.least, lag), self.pictures + 1)


@dataclass(frozen=True)
class _Clock:
    boot_id: str
    offset: float
    lag: float
    arrived: float
    doubt: _Doubt | None = None
    #: Frames that agree on the offset since the step.
    agreeing: int = 1

    @property
    def estimated(self) -> bool:
        return self.offset != 0

    def most(self, now: float) -> float:
        """The largest lag that a frame can have now: lag can't grow faster than time passes."""
        return self.lag + max(0.0, now - self.arrived)

    def fits(self, difference: float, now: float) -> bool:
        """Whether a frame that arrives now can be explained by lag alone."""
        return -_TOLERANCE <= difference - self.offset <= self.most(now) + _TOLERANCE

    def followed(self, difference: float, now: float) -> _Clock:
        """The same clock after a frame that fits."""
        lag = min(max(0.0, difference - self.offset), self.most(now))
        return replace(self, lag=lag, arrived=now, agreeing=self.agreeing + 1)

    def stepped(self, difference: float, now: float) -> _Clock:
        """The clock if this frame, which doesn't fit, is explained by a step: the lag stays the same."""
        return replace(self, offset=_together(difference - self.lag), arrived=now, agreeing=1)


@dataclass(frozen=True)
class Age:
    """The age of a frame on arrival."""

    #: Seconds since capture; never below 0.
    seconds: float
    #: The camera's clock is wrong: the age is computed with an estimate of its offset.
    estimated: bool
    #: The sender gives no time: the age counts from arrival.
    untimed: bool
    #: The camera's clock dates the frame in the future.
    future: bool = False


class AgeEstimator:
    """Ages of one camera's frames, from their capture times and the receiver's clocks."""

    def __init__(self) -> None:
        self._clock: _Clock | None = None
        #: What the last frames say instead; it replaces the clock once enough of them agree.
        self._other: _Clock | None = None
        #: The last age, and when it was told, monotonic seconds.
        self._told, self._told_at = 0.0, 0.0

    def age(self, boot_id: str, ts_ms: int | None, *, wall: float, monotonic: float) -> Age:
        """The age of a frame that arrives now; `wall` and `monotonic` are the receiver's clocks, seconds.

        The first frame of a boot_id decides whether the camera's clock is believed. After that, lag can't grow faster than
        time passes, nor fall below zero: such a change is a step of a clock, and the offset changes so that the lag stays
        the same. A step that makes both clocks agree again (the camera has found its time server) is believed. A slow drift
        looks like lag at first: see `_settled`.
        """
        if ts_ms is None:
            return Age(0.0, estimated=False, untimed=True)
        difference = wall - ts_ms / 1000
        clock = self._clock
        if clock is None or clock.boot_id != boot_id:
            offset = 0.0 if _believed(difference) else difference
            clock = _Clock(boot_id, offset, max(0.0, difference - offset), monotonic)
            self._clock, self._other, self._told = clock, None, clock.lag
        else:
            clock = self._learn(clock, difference, monotonic)
            # back from a step that didn't hold: an age never grows faster than time passes
            self._told = min(clock.lag, self._told + max(0.0, monotonic - self._told_at))
        self._told_at = monotonic
        return Age(self._told, estimated=clock.estimated, untimed=False, future=difference < _BELIEVED[0])

    def _learn(self, known: _Clock, difference: float, now: float) -> _Clock:
        """The clock by which this frame is judged; it is kept unless it is a step that too few frames agree on."""
        fitting = [clock for clock in (known, self._other) if clock and clock.fits(difference, now)]
        # of two explanations the one with less lag, as a made-up time in the future makes the next frames look late
        best = min(fitting, key=lambda clock: abs(difference - clock.offset), default=None)
        judged = _settled(best.followed(difference, now) if best else (self._other or known).stepped(difference, now), difference)
        if best is known or judged.agreeing >= _AGREEING:
            self._clock, self._other = judged, None
        else:
            self._other = judged
        return judged

    def since(self, boot_id: str, ts_ms: int | None, *, wall: float) -> float | None:
        """Seconds since the moment that the camera's clock called `ts_ms`, by what its pictures taught of that clock.

        For what others say of a picture (a worker's boxes); never below 0. None without a time, and where no picture of
        this boot_id has come yet. Changes nothing.
        """
        if ts_ms is None or self._clock is None or self._clock.boot_id != boot_id:
            return None
        return max(0.0, wall - ts_ms / 1000 - self._clock.offset)


def _believed(difference: float) -> bool:
    return _BELIEVED[0] <= difference <= _BELIEVED[1]


def _together(offset: float) -> float:
    """The offset, or none where it is so small that the clocks agree."""
    return 0.0 if abs(offset) <= _TOLERANCE else offset


def _settled(clock: _Clock, difference: float) -> _Clock:
    """The clock, with its offset corrected if the frames have contradicted it for long enough.

    Frames that are all older than the queue TTL mean clock drift, and the smallest lag is the drift. Frames that would be on
    time without the offset mean that the clocks agree again. A shorter delay counts as queueing.
    """
    late, in_order = clock.lag > _BELIEVED[1], clock.offset < 0 and _believed(difference)
    if not late and not in_order:
        return replace(clock, doubt=None)
    doubt = (clock.doubt or _Doubt(clock.arrived, clock.lag)).with_one_more(clock.lag)
    lasted = clock.arrived - doubt.since if doubt.pictures >= _ENOUGH else 0.0
    if in_order and lasted >= (_SOONER if doubt.least > _BELIEVED[1] else _PATIENCE):
        return replace(clock, offset=0.0, lag=max(0.0, difference), doubt=None)
    if late and lasted >= _PATIENCE:
        return replace(clock, offset=_together(clock.offset + doubt.least), lag=clock.lag - doubt.least, doubt=None)
    return replace(clock, doubt=doubt)
