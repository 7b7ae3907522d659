"""How old a picture really is, when the camera's clock may be wrong.

One estimator a camera, for monitor and worker alike. A camera's clock that is off by less than 2 s goes unnoticed: run NTP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: A first frame that claims an age of this range (seconds) is believed; older ones die in the queues.
_BELIEVED = (-0.1, 2.0)
#: Lag may differ from what time allows by this much (seconds) before it is taken for a step of the clock.
_TOLERANCE = 0.1


@dataclass(frozen=True)
class _Clock:
    boot_id: str
    offset: float
    lag: float
    arrived: float
    estimated: bool


@dataclass(frozen=True)
class Age:
    """Of a picture, at its arrival."""

    #: Since it was taken; never below 0.
    seconds: float
    #: The camera's clock is not to be trusted: the age is counted from a guess of its offset.
    estimated: bool
    #: The camera sends no time: the age is counted from the arrival.
    untimed: bool
    #: The camera's clock put the picture into the future.
    future: bool = False


class AgeEstimator:
    """Ages of one camera's pictures, from its own times and the receiver's clocks."""

    def __init__(self) -> None:
        self._clock: _Clock | None = None

    def age(self, boot_id: str, ts_ms: int | None, *, wall: float, monotonic: float) -> Age:
        """The age of a picture that arrives now; `wall` and `monotonic` are the receiver's clocks, seconds.

        The first picture of a boot_id fixes whether the camera's clock is believed. After that its lag can't grow
        faster than time passes, nor fall below zero: what does is a clock's step, and the offset moves so that the lag
        stays. A step that brings both clocks together again (the camera's found its time server) is believed.
        """
        if ts_ms is None:
            return Age(0.0, estimated=False, untimed=True)
        difference = wall - ts_ms / 1000
        future = difference < _BELIEVED[0]
        clock = self._clock
        if clock is None or clock.boot_id != boot_id:
            believed = _BELIEVED[0] <= difference <= _BELIEVED[1]
            offset = 0.0 if believed else difference
            clock = _Clock(boot_id, offset, max(0.0, difference - offset), monotonic, not believed)
        else:
            lag = difference - clock.offset
            gap = max(0.0, monotonic - clock.arrived)
            if lag > clock.lag + gap + _TOLERANCE or lag < -_TOLERANCE:
                offset = difference - clock.lag
                together = abs(offset) <= _TOLERANCE
                clock = replace(clock, offset=0.0 if together else offset, arrived=monotonic, estimated=not together)
            else:
                clock = replace(clock, lag=min(max(0.0, lag), clock.lag + gap), arrived=monotonic)
        self._clock = clock
        return Age(clock.lag, estimated=clock.estimated, untimed=False, future=future)

    def since(self, boot_id: str, ts_ms: int | None, *, wall: float) -> float | None:
        """Seconds since the moment that the camera's clock called `ts_ms`, by what its pictures taught of that clock.

        For what others say of a picture (a worker's boxes); never below 0. None without a time, and where no picture of
        this boot_id has come yet. Changes nothing.
        """
        if ts_ms is None or self._clock is None or self._clock.boot_id != boot_id:
            return None
        return max(0.0, wall - ts_ms / 1000 - self._clock.offset)
