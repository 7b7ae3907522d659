"""Which connections the chart's network policies allow and deny."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.chart.chart import CASES, Rendered, render, rendered_case
from tests.chart.flows import End, may_connect

#: The release's namespace.
HOME = "seccam"


def cases(*but: str) -> tuple[str, ...]:
    """Return all cases except these."""
    assert set(but) <= set(CASES)
    return tuple(one for one in CASES if one not in but)


#: Other pods and hosts. The pods' addresses are in none of the networks that the cases allow.
OTHERS = {
    "stranger": End("10.1.0.2", "default"),
    "neighbour": End("10.1.0.3", HOME),
    "other release": End(
        "10.1.0.4",
        HOME,
        {
            "app.kubernetes.io/name": "seccam",
            "app.kubernetes.io/instance": "other",
            "app.kubernetes.io/component": "camera",
            "seccam.dev/camera": "yard",
        },
    ),
    "prometheus": End("10.1.0.5", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    "ingress": End("10.1.0.6", "ingress-nginx"),
    # The label of KEDA's manifests; its chart adds more.
    "keda": End("10.1.0.7", "keda", {"app": "keda-operator"}),
    "dns": End("10.1.0.8", "kube-system", {"k8s-app": "kube-dns"}),
    "dns on the node": End("169.254.20.10"),
    "api server": End("172.18.0.2"),
    "lan": End("192.168.1.20"),
    "other lan": End("192.168.2.20"),
    "internet": End("203.0.113.7"),
    "internet6": End("2001:db8::7"),
    # where clouds serve a node's credentials
    "metadata": End("169.254.169.254"),
    "metadata6": End("fd00:ec2::254"),
}
RUNNING = ("seccam-camera-*", "seccam-monitor", "seccam-security", "seccam-notifier")
INSIDE = cases("external-broker")


@dataclass(frozen=True)
class Flow:
    """Connections from each source to each target, in each case. A port's name refers to the target's ports."""

    what: str
    cases: Sequence[str]
    sources: Sequence[str]
    targets: Sequence[str]
    ports: Sequence[int | str]
    protocols: Sequence[str] = ("TCP",)


ALLOWED = [
    Flow("services reach the broker", INSIDE, [*RUNNING, "seccam-test"], ["seccam-rabbitmq"], ["amqp*"]),
    Flow(
        "services and the hook reach a broker outside",
        ["external-broker"],
        [*RUNNING, "seccam-test", "seccam-topology"],
        ["internet", "lan", "stranger"],
        [5671],
    ),
    Flow("DNS is reachable", CASES, ["seccam-*"], ["dns", "dns on the node"], [53], ["UDP", "TCP"]),
    Flow("DNS pods with other ports are reachable", CASES, ["seccam-*"], ["dns"], [5353, 8053], ["UDP", "TCP"]),
    Flow("anyone reaches the page", cases("ingress"), ["stranger", "ingress", "lan", "internet6"], ["seccam-monitor"], ["http"]),
    Flow("the page's proxy reaches it", ["ingress"], ["ingress"], ["seccam-monitor"], ["http"]),
    Flow("Prometheus scrapes", CASES, ["prometheus"], RUNNING, [9090]),
    Flow("Prometheus scrapes the broker", INSIDE, ["prometheus"], ["seccam-rabbitmq"], ["prometheus"]),
    Flow("helm test reaches the monitor", CASES, ["seccam-test"], ["seccam-monitor"], ["http", "ops"]),
    Flow(
        "network cameras are reachable",
        ["external-broker"],
        ["seccam-camera-yard", "seccam-camera-garage"],
        ["lan"],
        [80, 554, 8554, 40000],
        ["TCP", "UDP"],
    ),
    Flow("IFTTT is reachable", CASES, ["seccam-notifier"], ["internet", "internet6"], [443]),
    Flow("a stand-in for IFTTT is reachable", ["external-broker"], ["seccam-notifier"], ["internet"], [8081]),
    Flow("the broker's nodes reach each other", ["three-brokers"], ["seccam-rabbitmq"], ["seccam-rabbitmq"], ["epmd", "cluster"]),
    Flow("the broker's streams are replicated", ["three-brokers"], ["seccam-rabbitmq"], ["seccam-rabbitmq"], [6000, 6500]),
    Flow("three brokers discover their peers", ["three-brokers"], ["seccam-rabbitmq"], ["api server"], [443, 6443, 8443, 16443]),
    Flow("sensors outside the cluster publish", ["three-brokers"], ["lan"], ["seccam-rabbitmq"], ["mqtts"]),
    Flow("KEDA wakes workers", ["autoscaling-keda"], ["keda"], ["seccam-rabbitmq"], ["amqps"]),
    Flow("other pods can connect as before", CASES, ["neighbour", "other release"], ["internet", "stranger"], [22, 443]),
    Flow("other pods are reachable as before", CASES, ["internet", "stranger"], ["neighbour", "other release"], [22, 443]),
]

DENIED = [
    Flow(
        "demo, device and file sources need no network",
        cases("external-broker"),
        ["seccam-camera-*"],
        ["internet", "lan"],
        [443, 554],
    ),
    Flow("a video file needs no network", ["external-broker"], ["seccam-camera-film"], ["internet", "lan"], [443, 554]),
    Flow(
        "cameras stay in their network",
        ["external-broker"],
        ["seccam-camera-*"],
        ["internet", "internet6", "other lan", "stranger"],
        [80, 443, 554],
    ),
    Flow(
        "only the notifier calls the Internet", CASES, ["seccam-monitor", "seccam-security"], ["internet", "internet6"], [80, 443]
    ),
    # except cameras, some of which are network cameras
    Flow(
        "names go to the cluster's DNS only",
        CASES,
        ["seccam-[!c]*"],
        ["internet", "lan", "stranger"],
        [53, 5353, 8053],
        ["UDP", "TCP"],
    ),
    # Nodes of RabbitMQ connect to the API server, which may have any address.
    Flow("the cloud's metadata service is unreachable", CASES, ["seccam-[!r]*"], ["metadata", "metadata6"], [80, 443]),
    Flow("the cloud's metadata service is unreachable for brokers", INSIDE, ["seccam-rabbitmq"], ["metadata", "metadata6"], [80]),
    Flow("IFTTT is only reachable by HTTPS", CASES, ["seccam-notifier"], ["internet"], [22, 80]),
    Flow("no service but helm test reaches the monitor", CASES, ["seccam-[!t]*"], ["seccam-monitor"], ["http", "ops"]),
    Flow(
        "strangers don't reach the broker",
        INSIDE,
        ["stranger", "neighbour", "other release", "prometheus", "internet", "lan"],
        ["seccam-rabbitmq"],
        ["amqp*", "epmd", "cluster", 22, 6000, 9090, 15672],
    ),
    Flow(
        "MQTT is closed without a Service",
        [*set(INSIDE) - {"three-brokers"}],
        ["stranger", "neighbour", "other release", "lan"],
        ["seccam-rabbitmq"],
        ["mqtt*"],
    ),
    Flow("seccam itself needs no MQTT", [*set(INSIDE) - {"three-brokers"}], RUNNING, ["seccam-rabbitmq"], ["mqtt*"]),
    Flow(
        "MQTT is only open to allowed networks",
        ["three-brokers"],
        ["stranger", "other lan", "internet"],
        ["seccam-rabbitmq"],
        ["mqtts"],
    ),
    Flow("metrics are only open to the cluster", CASES, ["lan", "internet"], RUNNING, [9090]),
    Flow("the broker's metrics are only open to the cluster", INSIDE, ["lan", "internet"], ["seccam-rabbitmq"], ["prometheus"]),
    Flow("metrics are only open to allowed pods", CASES, ["stranger", "neighbour", "ingress"], RUNNING, [9090]),
    Flow(
        "the broker's metrics are only open to allowed pods",
        INSIDE,
        ["stranger", "neighbour"],
        ["seccam-rabbitmq"],
        ["prometheus"],
    ),
    Flow(
        "the page is only open to allowed pods",
        ["ingress"],
        ["stranger", "neighbour", "lan", "internet"],
        ["seccam-monitor"],
        ["http"],
    ),
    Flow("other ports of services are closed", CASES, ["stranger", "prometheus", "ingress"], RUNNING, [22, 8081, 8082]),
    Flow("only the monitor has a page", CASES, ["stranger", "ingress"], ["seccam-[!m]*"], [8080]),
    Flow("services reach no other broker", INSIDE, ["seccam-[!cn]*"], ["stranger", "lan"], [1883, 5671, 5672, 8883]),
    Flow(
        "services reach no other port of the broker", INSIDE, [*RUNNING, "seccam-test"], ["seccam-rabbitmq"], ["prometheus", 15672]
    ),
    Flow("helm test reaches nothing else", CASES, ["seccam-test"], ["stranger", "internet"], [80, 443, 8080, 9090]),
    Flow(
        "a single broker connects to nothing",
        [*set(INSIDE) - {"three-brokers"}],
        ["seccam-rabbitmq"],
        ["api server", "internet"],
        [443, 6443],
    ),
    Flow(
        "three brokers connect to nothing else",
        ["three-brokers"],
        ["seccam-rabbitmq"],
        ["stranger", "internet"],
        [80, 4369, 6000, 25672],
    ),
    Flow(
        "services don't reach the ports between brokers", ["three-brokers"], RUNNING, ["seccam-rabbitmq"], ["epmd", "cluster", 6000]
    ),
    Flow(
        "a single broker has no peers", [*set(INSIDE) - {"three-brokers"}], ["seccam-rabbitmq"], ["seccam-rabbitmq"], [6000, 25672]
    ),
    Flow(
        "KEDA reaches the broker only to wake workers",
        cases("autoscaling-keda", "external-broker"),
        ["keda"],
        ["seccam-rabbitmq"],
        ["amqp*"],
    ),
    Flow("KEDA doesn't reach MQTT", ["autoscaling-keda"], ["keda"], ["seccam-rabbitmq"], ["mqtts"]),
]


def policies(rendered: Rendered) -> list[Any]:
    """Return the policies, in the release's namespace."""
    return [{**one, "metadata": {"namespace": HOME, **one["metadata"]}} for one in rendered.every("NetworkPolicy")]


def ends(rendered: Rendered) -> Mapping[str, End]:
    """Return the release's pods, by the name of their controller, and all others."""
    made = {name: (pod["metadata"]["labels"], pod["spec"]["containers"]) for name, pod in rendered.pods()}
    for one in rendered.every("NuclioFunction"):
        # Nuclio copies the function's labels to its pod.
        name = one["metadata"]["name"]
        made[name] = ({**one["metadata"]["labels"], "nuclio.io/function-name": name}, [])
    pods = {
        name: End(f"10.1.1.{number}", HOME, labels, [port for one in containers for port in one.get("ports", ())])
        for number, (name, (labels, containers)) in enumerate(made.items(), start=1)
    }
    return {**OTHERS, **pods}


def those(names: Sequence[str], known: Mapping[str, End]) -> list[str]:
    """Return the known names that match; AssertionError if a name or pattern matches none."""
    found = [[one for one in known if fnmatchcase(one, name)] for name in names]
    assert all(found), f"one of {names} is not there"
    return [one for some in found for one in some]


def numbers(ports: Sequence[int | str], target: End) -> list[int]:
    """Return the numbers of ports; AssertionError if a name matches none of the target's."""
    named = [[one["containerPort"] for one in target.ports if fnmatchcase(one["name"], str(port))] for port in ports]
    found = [[port] if isinstance(port, int) else some for port, some in zip(ports, named, strict=True)]
    assert all(found), f"one of {ports} is not there"
    return [one for some in found for one in some]


def connections(flow: Flow, rendered: Rendered) -> Iterator[tuple[str, bool]]:
    """Yield each of a flow's connections and whether it can be opened."""
    known, rules = ends(rendered), policies(rendered)
    for source in those(flow.sources, known):
        for target in those(flow.targets, known):
            for port in numbers(flow.ports, known[target]):
                for protocol in flow.protocols:
                    name = f"{source} to {target}, {port}/{protocol}"
                    yield name, may_connect(rules, known[source], known[target], port, protocol)


@pytest.mark.parametrize("flow", ALLOWED, ids=lambda flow: flow.what)
def test_needed_connections_are_allowed(flow: Flow) -> None:
    assert not [f"{case}: {name}" for case in flow.cases for name, can in connections(flow, rendered_case(case)) if not can]


@pytest.mark.parametrize("flow", DENIED, ids=lambda flow: flow.what)
def test_other_connections_are_denied(flow: Flow) -> None:
    assert not [f"{case}: {name}" for case in flow.cases for name, can in connections(flow, rendered_case(case)) if can]


def test_sensors_may_have_any_address_by_default() -> None:
    rendered = render(values={"broker": {"mqtt": {"service": {"enabled": True}}}})
    flow = Flow("sensors", (), ["lan", "internet6", "stranger"], ["seccam-rabbitmq"], ["mqtts"])

    assert all(can for _, can in connections(flow, rendered))
    assert not any(can for _, can in connections(replace(flow, ports=["amqps"]), rendered))


def test_a_camera_without_restrictions_reaches_no_more_of_its_release_than_any_pod() -> None:
    rendered = render("three-brokers", values={"cameras": [{"name": "yard", "source": "rtsp://camera/"}]})
    flow = Flow("the network", (), ["seccam-camera-yard"], ["lan", "internet6"], [554])
    inside = replace(flow, targets=["seccam-*"], ports=[22, 4369, 6000, 8082, 15672, 25672])

    assert all(can for _, can in connections(flow, rendered))
    assert not any(can for _, can in connections(replace(flow, targets=["metadata", "metadata6"], ports=[80]), rendered))
    assert all(can for _, can in connections(replace(flow, targets=["seccam-rabbitmq"], ports=["amqps"]), rendered))
    assert not [name for name, can in connections(inside, rendered) if can]


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("rtsp://192.168.1.20/stream", "192.168.1.20/32"),
        ("http://192.168.1.20:8080/video", "192.168.1.20/32"),
        ("rtsp://[2001:db8::7]:554/stream", "2001:db8::7/128"),
        ("rtsp://camera.lan/stream", "0.0.0.0/0"),
        ("rtsp://192.168.1.20.example.org/stream", "0.0.0.0/0"),
    ],
)
def test_a_camera_reaches_the_address_in_its_source_and_no_other(source: str, address: str) -> None:
    rendered = render(values={"cameras": [{"name": "yard", "source": source}]})
    (policy,) = [one for one in rendered.every("NetworkPolicy") if one["metadata"]["name"] == "seccam-camera-yard"]
    assert policy["spec"]["egress"][0]["to"][0]["ipBlock"]["cidr"] == address
    flow = Flow("another network", (), ["seccam-camera-yard"], ["internet", "other lan"], [554])
    assert all(can is (address == "0.0.0.0/0") for _, can in connections(flow, rendered))


def test_the_notifier_reaches_only_allowed_networks() -> None:
    rendered = render(values={"networkPolicy": {"notifierTo": ["192.168.1.0/24"]}})
    flow = Flow("notifications", (), ["seccam-notifier"], ["lan"], [443])

    assert all(can for _, can in connections(flow, rendered))
    assert not any(can for _, can in connections(replace(flow, targets=["internet", "internet6", "stranger"]), rendered))


def test_a_camera_with_a_link_local_address_is_reachable_if_its_network_is_named() -> None:
    values = {"cameras": [{"name": "yard", "source": "rtsp://camera/"}], "networkPolicy": {"cameraTo": ["169.254.0.0/16"]}}
    flow = Flow("the camera", (), ["seccam-camera-yard"], ["metadata"], [554])

    assert all(can for _, can in connections(flow, render(values=values)))


def test_network_policies_can_be_disabled() -> None:
    assert not policies(render(values={"networkPolicy": {"enabled": False}}))


# --- The evaluator itself ---------------------------------------------------------------------------------------------

WEB = End("10.0.0.1", "shop", {"app": "web"}, [{"name": "http", "containerPort": 8080}])
DATA = End("10.0.0.2", "shop", {"app": "data", "tier": "back"})
GUEST = End("10.0.0.3", "yard", {"app": "web"})


def rule(spec: Any, namespace: str = "shop") -> Any:
    return {"metadata": {"namespace": namespace}, "spec": {"podSelector": {}, **spec}}


def test_a_pod_without_a_policy_is_open() -> None:
    shut = rule({"podSelector": {"matchLabels": {"app": "web"}}})

    assert may_connect([], GUEST, WEB, 80)
    assert may_connect([shut], GUEST, DATA, 80)
    assert may_connect([shut], WEB, GUEST, 80)
    assert not may_connect([shut], GUEST, WEB, 80)
    assert may_connect([rule({}, "yard")], GUEST, WEB, 80)


def test_a_policy_closes_the_directions_that_it_names_or_has_rules_for() -> None:
    assert not may_connect([rule({"policyTypes": ["Egress"]})], WEB, GUEST, 80)
    assert may_connect([rule({"policyTypes": ["Egress"]})], GUEST, WEB, 80)
    assert not may_connect([rule({"egress": [{"ports": [{"port": 53}]}]})], WEB, GUEST, 80)
    assert not may_connect([rule({"egress": [{"ports": [{"port": 53}]}]})], GUEST, WEB, 80)


def test_policies_add_up_and_both_ends_must_allow_a_connection() -> None:
    one, two = (rule({"ingress": [{"ports": [{"port": port}]}]}) for port in (80, 443))
    leaving = rule({"policyTypes": ["Egress"]}, "yard")

    assert may_connect([one, two], GUEST, WEB, 443)
    assert not may_connect([one, two], GUEST, WEB, 22)
    assert not may_connect([one, two, leaving], GUEST, WEB, 443)


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        ({"podSelector": {}}, {"web", "data"}),
        ({"podSelector": {"matchLabels": {"app": "web"}}}, {"web"}),
        ({"namespaceSelector": {}}, {"web", "data", "guest"}),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "yard"}}}, {"guest"}),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}, {"web", "guest"}),
        ({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}, {"data"}),
        ({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}}, {"web"}),
        ({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}]}}, {"web"}),
        ({"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["data", "x"]}]}}, {"data"}),
        ({"ipBlock": {"cidr": "192.168.0.0/16", "except": ["192.168.2.0/24"]}}, {"near"}),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"web", "data", "guest", "near", "far"}),
        ({"ipBlock": {"cidr": "::/0"}}, set()),
    ],
)
def test_a_peer_is_selected_by_its_labels_or_its_address_block(peer: Any, allowed: set[str]) -> None:
    sources = {"web": WEB, "data": DATA, "guest": GUEST, "near": End("192.168.1.1"), "far": End("192.168.2.1")}
    only = rule({"ingress": [{"from": [peer]}]})

    assert {name for name, source in sources.items() if may_connect([only], source, WEB, 80)} == allowed


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        ({"port": 80}, {(80, "TCP")}),
        ({"port": 80, "protocol": "UDP"}, {(80, "UDP")}),
        ({"port": "http"}, {(8080, "TCP")}),
        ({"port": "http", "protocol": "UDP"}, set()),
        ({"port": "https"}, set()),
        ({"port": 80, "endPort": 8080}, {(80, "TCP"), (8080, "TCP")}),
        ({"protocol": "UDP"}, {(80, "UDP"), (8080, "UDP")}),
    ],
)
def test_a_port_is_a_number_a_range_or_a_name(port: Any, allowed: set[tuple[int, str]]) -> None:
    asked = [(number, protocol) for number in (80, 8080) for protocol in ("TCP", "UDP")]
    coming, going = rule({"ingress": [{"ports": [port]}]}), rule({"policyTypes": ["Egress"], "egress": [{"ports": [port]}]}, "yard")

    assert {one for one in asked if may_connect([coming], GUEST, WEB, *one)} == allowed
    assert {one for one in asked if may_connect([going], GUEST, WEB, *one)} == allowed
