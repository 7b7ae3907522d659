from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry

from seccam.metrics import CAUSES, BrokerMetrics, CameraLabels, EventMetrics, new_registry


def test_cameras_beyond_the_limit_are_others() -> None:
    new: list[str] = []
    label = CameraLabels(new.append, limit=2)

    assert [label(c) for c in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]
    assert new == ["a", "b", "other"]


def test_a_camera_is_new_once_whichever_threads_ask() -> None:
    new: list[str] = []
    label = CameraLabels(new.append, limit=50)
    threads = [threading.Thread(target=lambda: [label(f"c{n}") for n in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(new) == sorted({*new})
    assert len(new) == 51


def test_every_known_combination_is_there_at_zero() -> None:
    registry = CollectorRegistry()
    BrokerMetrics(registry, ("publish", "consume"))
    EventMetrics(registry)

    for direction in ("publish", "consume"):
        for cause in CAUSES:
            assert registry.get_sample_value("seccam_broker_reconnects_total", {"direction": direction, "cause": cause}) == 0
    for reason in EventMetrics.LOSSES:
        assert registry.get_sample_value("seccam_events_lost_total", {"reason": reason}) == 0


def test_a_registry_tells_the_build_and_makes_no_second_series_for_a_counter() -> None:
    registry = new_registry("abc")
    EventMetrics(registry)
    names = {sample.name for metric in registry.collect() for sample in metric.samples}

    assert "seccam_build_info" in names
    assert not [n for n in names if n.endswith("_created")]
