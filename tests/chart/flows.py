"""Evaluates which connections NetworkPolicies (networking.k8s.io/v1) allow, as few test clusters enforce them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

#: Direction of a rule -> its field with the peers.
_PEERS = {"Ingress": "from", "Egress": "to"}


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside the cluster if it has no namespace."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Ports of its containers: `name`, `containerPort`, `protocol`.
    ports: Sequence[Mapping[str, Any]] = ()


def may_connect(policies: Sequence[Any], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Return whether the source can open a connection to this port of the target. The policies of both ends must allow it.

    Each policy needs its namespace. Connections from a node to its own pods, such as the kubelet's probes, are not covered.
    """
    for own, direction, other in ((source, "Egress", target), (target, "Ingress", source)):
        rules = _rules(policies, own, direction)
        if rules is not None and not any(
            _is_peer(rule.get(_PEERS[direction]), own.namespace, other) and _is_port(rule.get("ports"), target, port, protocol)
            for rule in rules
        ):
            return False
    return True


def _rules(policies: Sequence[Any], own: End, direction: str) -> list[Any] | None:
    """Return the rules of all policies that select this end; None if no policy does."""
    selecting = [one["spec"] for one in policies if _selects(one, direction, own)]
    return [rule for spec in selecting for rule in spec.get(direction.lower()) or ()] if selecting else None


def _selects(policy: Any, direction: str, own: End) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return direction in types and policy["metadata"]["namespace"] == own.namespace and _matches(spec["podSelector"], own.labels)


def _is_peer(peers: Sequence[Any] | None, namespace: str, other: End) -> bool:
    """Return whether the other end is one of the peers. A rule without peers allows all."""
    return not peers or any(_is(peer, namespace, other) for peer in peers)


def _is(peer: Any, namespace: str, other: End) -> bool:
    block = peer.get("ipBlock")
    if block:
        address = ip_address(other.address)
        return address in ip_network(block["cidr"]) and not any(address in ip_network(one) for one in block.get("except") or ())
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        there = _matches(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        there = other.namespace == namespace
    return there and _matches(peer.get("podSelector") or {}, other.labels)


def _is_port(rules: Sequence[Any] | None, target: End, port: int, protocol: str) -> bool:
    """Return whether the port is allowed. A rule without ports allows all; a name refers to the target's container ports."""
    return not rules or any(
        rule.get("protocol", "TCP") == protocol and _covers(rule, _number(rule.get("port"), target, protocol), port)
        for rule in rules
    )


def _covers(rule: Any, first: int | None, port: int) -> bool:
    if "port" not in rule:
        return True
    return first is not None and first <= port <= rule.get("endPort", first)


def _number(port: int | str | None, target: End, protocol: str) -> int | None:
    if not isinstance(port, str):
        return port
    named = (one for one in target.ports if one.get("name") == port and one.get("protocol", "TCP") == protocol)
    return next((one["containerPort"] for one in named), None)


def _matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """Return whether the selector selects the labels. An empty one selects all."""
    alike = (selector.get("matchLabels") or {}).items() <= labels.items()
    return alike and all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    holds = {
        "In": lambda: value in expression["values"],
        "NotIn": lambda: value not in expression["values"],
        "Exists": lambda: value is not None,
        "DoesNotExist": lambda: value is None,
    }
    return holds[expression["operator"]]()
