"""Any pod may go at any time; it comes back, and no event is forgotten."""

from __future__ import annotations

import pytest

from tests.e2e import ifttt, ledger, load
from tests.e2e.release import Release
from tests.waiting import eventually


@pytest.mark.parametrize("component", ["camera", "monitor", "security", "notifier", "rabbitmq"])
def test_a_pod_that_is_deleted_comes_back_and_events_are_kept(release: Release, component: str) -> None:
    events = ledger.settle(release)
    (pod,) = release.ready(component)
    (found,) = [one for one in release.namespace.pods(release.selector(component)) if one["metadata"]["name"] == pod]

    release.namespace.kubectl("delete", "pod", pod)

    def another() -> bool:
        uids = {one["metadata"]["uid"] for one in release.namespace.pods(release.selector(component))}
        return bool(uids) and found["metadata"]["uid"] not in uids

    eventually(another, within=60, every=0.5, what="another pod")
    for each in ("rabbitmq", "camera", "monitor", "security", "notifier"):
        release.ready(each)
    ledger.published(release, *events)
    eventually(lambda: ledger.settle(release) - events, within=90, every=2, what="further events, all decided upon")


def test_events_wait_in_the_broker_for_a_notifier_while_the_broker_is_started_anew(release: Release) -> None:
    release.scale("notifier", 0)
    release.gone("notifier")
    told = len(ifttt.calls(release.namespace))
    before = ledger.published(release)
    with load.cameras(release, 2, 2.0) as cameras:
        eventually(lambda: len(ledger.published(release) - before) >= 3, within=60, every=1, what="events")
    waiting = ledger.published(release)

    release.namespace.kubectl("delete", "pod", f"{release.prefix}-rabbitmq-0", "--grace-period", "1")
    release.ready("rabbitmq")
    assert len(ifttt.calls(release.namespace)) == told
    release.scale("notifier", 1)
    release.ready("notifier")

    ledger.settle(release, *waiting)
    assert {camera for camera, _ in ifttt.told(release.namespace)[told:]} >= set(cameras)
