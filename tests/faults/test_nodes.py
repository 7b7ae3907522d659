"""A broker of three nodes, of which one dies or is cut off from the others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seccam import topology
from tests.brokers import RunningBroker
from tests.faults.cluster import Cluster, isolated
from tests.faults.row import Row, check

pytestmark = pytest.mark.slow

#: Seconds that a partition lasts.
PARTITION = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def rows(cluster: Cluster) -> Iterator[list[Row]]:
    """What a test appends ends with it; the nodes are whole and empty before."""
    for node in cluster.nodes:
        node.ensure_running()
    cluster.nodes[0].empty()
    made: list[Row] = []
    yield made
    for row in made:
        row.close()


def test_the_leading_node_is_killed(cluster: Cluster, rows: list[Row], tmp_path: Path) -> None:
    leader = cluster.leader(topology.EVENTS_QUEUE)
    first, second = cluster.others(leader)
    row = Row(first, tmp_path, load_through=second)
    rows.append(row)
    with row.fault():
        leader.kill()
        time.sleep(10)
        cluster.start_node(leader)
        row.over()

    check(row.settle("3 nodes: the leader kill -9", "back after 10 s"), doubled=1)


@pytest.mark.parametrize("isolate", ["publisher", "notifier", "leader", "two nodes from each other"])
def test_nodes_are_cut_off(cluster: Cluster, rows: list[Row], tmp_path: Path, isolate: str) -> None:
    leader = cluster.leader(topology.EVENTS_QUEUE)
    first, second = cluster.others(leader)
    row = Row(first, tmp_path, load_through=second)
    rows.append(row)
    cut: dict[str, list[tuple[RunningBroker, RunningBroker]]] = {
        "publisher": isolated(second, cluster),
        "notifier": isolated(first, cluster),
        "leader": isolated(leader, cluster),
        "two nodes from each other": [(first, leader)],
    }
    with row.fault():
        with cluster.cut(cut[isolate]):
            time.sleep(PARTITION)
        row.over()

    check(row.settle(f"3 nodes: partition, {isolate}", f"{PARTITION:.0f} s"), doubled=1)
