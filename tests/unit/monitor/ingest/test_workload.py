"""Whether the page says that the workers don't keep up."""

from __future__ import annotations

import pytest

from seccam_monitor.ingest.workload import WINDOW, Workload


def test_workers_that_drop_nothing_keep_up() -> None:
    workload = Workload()
    assert workload.share(0.0) is None
    for n in range(100):
        workload.add(1, 0, n / 10)
    assert workload.share(10.0) is None


def test_the_share_of_analysed_frames_is_said_while_many_are_dropped() -> None:
    workload = Workload()
    for n in range(20):
        workload.add(1, 3, n)
    assert workload.share(20.0) == pytest.approx(0.25)
    assert workload.share(20.0 + 2 * WINDOW) is None


def test_a_few_dropped_frames_are_no_overload() -> None:
    workload = Workload()
    workload.add(1, 4, 0.0)
    assert workload.share(1.0) is None
    for n in range(20):
        workload.add(19, 1, n)  # a camera with an uneven rate
    assert workload.share(20.0) is None
