"""Any pod may be deleted at any time: it comes back, and no event is lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest

from seccam import message, topology
from seccam.frame import Frame
from tests.e2e import ledger, load, phones
from tests.e2e.cluster import run
from tests.e2e.release import Release
from tests.waiting import eventually


@pytest.mark.parametrize("component", ["camera", "monitor", "security", "notifier", "rabbitmq"])
def test_a_deleted_pod_comes_back_and_events_are_kept(release: Release, component: str) -> None:
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
    eventually(lambda: ledger.settle(release) - events, within=90, every=2, what="further events, all decided")


def test_events_wait_for_the_notifier_in_the_broker_and_survive_its_restart(release: Release) -> None:
    release.scale("notifier", 0)
    release.gone("notifier")
    calls = len(phones.calls(release.namespace))
    before = ledger.published(release)
    with load.cameras(release, 2, 2.0) as cameras:
        eventually(lambda: ledger.cameras(ledger.published(release) - before) >= set(cameras), within=60, every=1, what="events")
    waiting = ledger.published(release)

    release.namespace.kubectl("delete", "pod", f"{release.prefix}-rabbitmq-0", "--grace-period", "1")
    release.ready("rabbitmq")
    assert len(phones.calls(release.namespace)) == calls
    release.scale("notifier", 1)
    release.ready("notifier")

    ledger.settle(release, *waiting)
    assert {camera for camera, _ in phones.notifications(release.namespace)[calls:]} >= set(cameras)


def parked(release: Release, *arguments: str) -> str:
    """Run `seccam parked` with the shell function of docs/howto/notifications.md."""
    page = (Path(__file__).parents[2] / "docs/howto/notifications.md").read_text()
    function = re.search(r"^parked\(\) {\n.*?^}\n", page, re.DOTALL | re.MULTILINE)
    assert function
    here = f'kubectl() {{ command kubectl --namespace {release.namespace.name} "$@"; }}\n'
    return run(["bash", "-c", f'{here}{function[0]}parked "$@"', "bash", *arguments])


def test_an_operator_lists_and_replays_parked_events_as_documented(release: Release) -> None:
    taken = datetime.now(UTC) - timedelta(days=2)
    seen = message.Detection(
        camera="gate",
        frame=message.FrameIdentity(boot_id="b00t", seq=1, ts_ms=0),
        size=(640, 360),
        faces=1,
        boxes=[(1, 2, 3, 4)],
        scores=[0.9],
        worker="w1",
    )
    late = message.face_event(
        Frame("gate", "b00t", 1, b"", 640, 360, None), int(taken.timestamp() * 1000), message.FaceData(**seen.model_dump())
    )
    with ledger.channel(release) as channel:
        properties = pika.BasicProperties(content_type="application/json", message_id=late.id, delivery_mode=2)
        channel.basic_publish("", topology.EVENTS_QUEUE, late.encode(), properties)

    eventually(lambda: late.id in parked(release, "list"), within=60, every=1, what="the parked event")
    assert parked(release, "replay", "--id", late.id).split() == [late.id]

    eventually(lambda: ("gate", "1") in phones.notifications(release.namespace), within=60, every=1, what="its notification")
    assert late.id not in parked(release, "list")
