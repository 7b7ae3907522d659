"""What moved between two grey miniatures of one camera. Pure.

A pixel of a miniature is the mean of 8 × 8 pixels, which reduces sensor noise to an eighth; the threshold stays above the
measured rest. A change of the overall light (gain and offset) is removed first.
"""

from __future__ import annotations

import cv2
import numpy as np

from seccam.message import Box
from seccam_security.decode import Pixels

#: Smallest change of a cell that counts as motion, grey levels.
LEAST_CHANGE = 7
#: If no cell changed by more than this, nothing moved, even if the light changed as much in the other direction.
_SURELY_STILL = LEAST_CHANGE // 2
#: The same in standard deviations of the noise, and its upper limit, because much motion looks like noise.
SIGMAS, MOST_NOISE = 6, 24
#: Standard deviation of a normal distribution in units of its median absolute deviation.
_MAD = 1.4826
#: Fewer adjacent changed cells than this are not motion.
LEAST_CELLS = 2
#: Largest number of separate boxes; more are merged into one.
MOST_REGIONS = 32
#: A light change by more than this factor, or these grey levels, was a switch: everything counts as changed.
_SWITCHED, _SHIFTED = 1.5, 40
#: Contrast between the darker and the brighter half, grey levels, needed to separate a gain from an offset.
_CONTRAST = 24
#: Cells this close to one another belong together.
_GAP = np.ones((3, 3), np.uint8)


def moved(before: Pixels, now: Pixels) -> list[Box]:
    """Boxes, in cells, around the changes between two miniatures of the same size, largest change first."""
    if cv2.absdiff(before, now).max() <= _SURELY_STILL:  # most frames; estimating the light takes 40 times as long
        return []
    change = changed(before, now)
    if not change.any():
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(change, _GAP), connectivity=8)
    cells = np.bincount(labels[change > 0], minlength=len(stats))
    regions = [(int(cells[i]), stats[i]) for i in range(1, len(stats)) if cells[i] >= LEAST_CELLS]
    boxes = [(int(s[0]), int(s[1]), int(s[2]), int(s[3])) for _, s in sorted(regions, key=lambda r: -r[0])]
    if len(boxes) <= MOST_REGIONS:
        return boxes
    x, y = min(b[0] for b in boxes), min(b[1] for b in boxes)
    return [(x, y, max(b[0] + b[2] for b in boxes) - x, max(b[1] + b[3] for b in boxes) - y)]


def changed(before: Pixels, now: Pixels) -> Pixels:
    """1 for each cell that changed more than light and noise explain, 0 for the others."""
    gain, offset = _light(before, now)
    shift = (gain - 1) * float(before.mean()) + offset
    if not 1 / _SWITCHED < gain < _SWITCHED or abs(shift) > _SHIFTED:
        return np.ones_like(now)
    difference = cv2.absdiff(now, cv2.convertScaleAbs(before, alpha=gain, beta=offset))
    noise = _MAD * float(np.median(difference[::2, ::2]))
    return np.asarray(difference > min(max(LEAST_CHANGE, SIGMAS * noise), MOST_NOISE), dtype=np.uint8)


def _light(before: Pixels, now: Pixels) -> tuple[float, float]:
    """The change of light: gain and offset, from the medians of the darker and of the brighter cells."""
    a = before[::2, ::2].astype(np.int16)
    b = now[::2, ::2].astype(np.int16)
    middle = np.median(a)
    dark, bright = a <= middle, a > middle
    if not bright.any():
        return 1.0, float(np.median(b - a))
    low, high = float(np.median(a[dark])), float(np.median(a[bright]))
    low_now, high_now = low + float(np.median((b - a)[dark])), high + float(np.median((b - a)[bright]))
    if high - low < _CONTRAST:
        return 1.0, float(np.median(b - a))
    gain = (high_now - low_now) / (high - low)
    return gain, low_now - gain * low
