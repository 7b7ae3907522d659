"""A broker of three nodes."""

from __future__ import annotations

from tests.e2e import ledger, load
from tests.e2e.conftest import MakeNamespace, a_release
from tests.waiting import eventually


def test_events_are_confirmed_and_kept_while_one_of_three_nodes_is_down(make_namespace: MakeNamespace) -> None:
    release = a_release(make_namespace("three"), broker={"replicas": 3})
    release.install()
    nodes = release.ready("rabbitmq", 3)
    events = eventually(lambda: ledger.settle(release), within=120, every=2, what="events")

    # Without a grace period, as in a power cut. The node comes back later, and must not be needed until then.
    release.namespace.kubectl("delete", "pod", nodes[0], "--grace-period", "0", "--force")
    with load.cameras(release, 2, 1.0) as cameras:
        eventually(
            lambda: ledger.cameras(ledger.published(release) - events) >= set(cameras),
            within=60,
            every=1,
            what="events of the new cameras",
        )

    ledger.settle(release, *events)
    assert release.total("security", "seccam_events_lost_total") == 0
    release.ready("rabbitmq", 3, within=180)
    ledger.settle(release, *events)
