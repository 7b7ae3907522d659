"""The broker that the chart runs, and external ones."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seccam import topology
from seccam.__main__ import main
from tests.chart.chart import Rendered, refusal, render
from tests.chart.test_cluster import kubectl, live

BROKER = "seccam-rabbitmq"


def broker(**values: Any) -> dict[str, Any]:
    return {"broker": values}


def configuration(rendered: Rendered) -> dict[str, str]:
    """Parse rabbitmq.conf; AssertionError if a key occurs twice."""
    text = rendered.one("ConfigMap", BROKER)["data"]["rabbitmq.conf"]
    lines = [line.partition(" = ") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len({key for key, _, _ in lines}) == len(lines)
    return {key: value for key, _, value in lines}


def cameras_in_definitions(rendered: Rendered) -> str:
    (argument,) = [one for one in rendered.pod(BROKER)["initContainers"][0]["args"] if one.startswith("--cameras=")]
    return str(argument.removeprefix("--cameras="))


def test_each_user_has_its_own_password_and_the_nodes_have_a_cookie() -> None:
    made = {key: text for name, key, text in render().secrets() if name == "seccam-broker"}

    assert made.keys() == {*topology.permissions(["demo"]), "erlang-cookie"}
    assert len(set(made.values())) == len(made)
    assert all(len(text) >= 24 and text.isalnum() for text in made.values())


@pytest.mark.parametrize(
    ("replicas", "tag", "handling"),
    [
        (3, "4.0-management", "pause_minority"),
        (3, "4.2.9", "pause_minority"),
        (3, "4.3.1", None),
        (3, "latest", None),
        (1, "4.2.9", None),
    ],
)
def test_a_node_in_a_minority_stops_where_the_version_can_be_told_so(replicas: int, tag: str, handling: str | None) -> None:
    rendered = render(values=broker(replicas=replicas, image={"tag": tag}))

    assert configuration(rendered).get("cluster_partition_handling") == handling


def test_no_secret_is_created_if_one_is_named() -> None:
    rendered = render(values=broker(auth={"existingSecret": "mine"}))

    assert not [name for name, _, _ in rendered.secrets() if name == "seccam-broker"]
    named = [one["secret"]["secretName"] for one in rendered.pod(BROKER)["volumes"] if "secret" in one]
    assert set(named) == {"mine", "seccam-rabbitmq-tls"}


def test_the_pods_command_creates_the_definitions_that_the_broker_imports(tmp_path: Path) -> None:
    rendered = render()
    first = rendered.pod(BROKER)["initContainers"][0]
    (passwords,) = [one["secret"]["items"] for one in rendered.pod(BROKER)["volumes"] if one["name"] == "passwords"]
    for item in passwords:
        (tmp_path / item["path"]).write_text(f"of {item['key']}")
    output = tmp_path / ".definitions.json"
    places = {"/etc/seccam/passwords": tmp_path, configuration(rendered)["definitions.local.path"]: output}
    command = [*first["command"], *first["args"]]
    for place, here in places.items():
        assert any(one.endswith(f"={place}") for one in command)
        command = [one.replace(f"={place}", f"={here}") for one in command]

    assert command[0] == "seccam"
    assert main(command[1:]) == 0

    assert {user["name"] for user in json.loads(output.read_text())["users"]} == set(topology.permissions(["demo"]))


@pytest.mark.parametrize("names", [["yard", "front"], ["front", "yard"]])
def test_the_order_of_the_cameras_doesnt_change_the_brokers_pod(names: list[str]) -> None:
    values = {"cameras": [{"name": name, "source": "demo"} for name in names]}

    assert cameras_in_definitions(render(values=values)) == "front,yard"


def test_without_cameras_the_broker_has_no_users_for_them() -> None:
    rendered = render(values={"cameras": []})

    assert cameras_in_definitions(rendered) == ""
    (passwords,) = [one["secret"]["items"] for one in rendered.pod(BROKER)["volumes"] if one["name"] == "passwords"]
    assert {item["key"] for item in passwords} == topology.permissions().keys()


def test_each_camera_logs_in_as_its_own_user() -> None:
    rendered = render(values={"cameras": [{"name": name, "source": "demo"} for name in ("front", "yard")]})

    for name in ("front", "yard"):
        environment = {one["name"]: one for one in rendered.container(f"seccam-camera-{name}")["env"]}
        assert environment["SECCAM_BROKER_USERNAME"]["value"] == f"camera-{name}"
        assert environment["SECCAM_BROKER_PASSWORD"]["valueFrom"]["secretKeyRef"] == {
            "name": "seccam-broker",
            "key": f"camera-{name}",
        }


@pytest.mark.parametrize(
    ("limit", "watermark"),
    [
        ("768Mi", 483183820),
        ("1Gi", 644245094),
        ("1.5Gi", 966367641),
        ("1G", 600000000),
        ("800000k", 480000000),
        (1000000000, 600000000),
    ],
)
def test_publishers_are_blocked_well_below_the_memory_limit(limit: str | int, watermark: int) -> None:
    settings = configuration(render(values=broker(resources={"limits": {"memory": limit}})))

    assert int(settings["vm_memory_high_watermark.absolute"]) == watermark
    assert "vm_memory_high_watermark.relative" not in settings


def test_quorum_queues_keep_at_most_a_third_of_the_watermark_in_memory() -> None:
    settings = configuration(render())

    assert 3 * int(settings["raft.wal_max_size_bytes"]) <= int(settings["vm_memory_high_watermark.absolute"])


def test_a_camera_has_few_messages_in_the_broker_s_memory() -> None:
    arguments = render().environment(BROKER)["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]

    assert arguments == "-rabbit credit_flow_default_credit {16,8}"


def test_without_a_memory_limit_the_watermark_is_a_share_of_the_nodes_memory() -> None:
    settings = configuration(render(values=broker(resources={"limits": None}, memoryWatermark=0.4)))

    assert settings["vm_memory_high_watermark.relative"] == "0.4"
    assert "vm_memory_high_watermark.absolute" not in settings


def test_no_login_works_without_a_password() -> None:
    settings = configuration(render())

    assert (settings["mqtt.allow_anonymous"], settings["anonymous_login_user"]) == ("false", "none")
    assert not [key for key in settings if key.startswith(("loopback_users", "default_"))]
    plugins = render().one("ConfigMap", BROKER)["data"]["enabled_plugins"]
    assert plugins == "[rabbitmq_mqtt,rabbitmq_prometheus].\n"


@pytest.mark.parametrize(
    ("mqtt", "option"),
    [({}, "--mqtt-cameras="), ({"cameras": ["shed", "pond"]}, "--mqtt-cameras=pond,shed"), ({"discovery": True}, "--discovery")],
    ids=["none", "named", "discovery"],
)
def test_devices_publish_as_the_named_mqtt_cameras_or_with_discovery_as_any(mqtt: dict[str, Any], option: str) -> None:
    rendered = render(values=broker(mqtt=mqtt))

    assert option in rendered.pod(BROKER)["initContainers"][0]["args"]
    assert rendered.environment("seccam-monitor")["SECCAM_MONITOR_CAMERAS"] == ",".join(["demo", *mqtt.get("cameras", [])])


def test_with_tls_no_port_accepts_plain_text() -> None:
    rendered = render("three-brokers")

    settings = configuration(rendered)
    assert (settings["listeners.tcp"], settings["mqtt.listeners.tcp"]) == ("none", "none")
    assert (settings["listeners.ssl.default"], settings["mqtt.listeners.ssl.default"]) == ("5671", "8883")
    for service in (BROKER, "seccam-mqtt"):
        assert {port["port"] for port in rendered.one("Service", service)["spec"]["ports"]} <= {5671, 8883, 15692}
    assert {port["containerPort"] for port in rendered.container(BROKER)["ports"]} == {5671, 8883, 15692, 4369, 25672}


def test_cert_manager_issues_a_certificate_for_all_names_of_the_broker() -> None:
    tls = {"certManager": {"issuerRef": {"name": "house"}}, "dnsNames": ["mqtt.example.org"], "ipAddresses": ["192.168.1.9"]}
    rendered = render(values=broker(tls=tls, mqtt={"service": {"enabled": True}}))

    made = rendered.one("Certificate", "seccam-rabbitmq-tls")["spec"]
    assert {"seccam-rabbitmq", "seccam-mqtt.default.svc", "mqtt.example.org"} <= set(made["dnsNames"])
    assert made["ipAddresses"] == ["192.168.1.9"]
    assert {"name": "tls", "secret": {"secretName": made["secretName"]}} in rendered.pod(BROKER)["volumes"]


def test_the_chart_makes_a_certificate_that_clients_can_verify(tmp_path: Path) -> None:
    tls = {"dnsNames": ["mqtt.example.org"], "ipAddresses": ["127.0.0.1"]}
    rendered = render(values=broker(tls=tls, mqtt={"service": {"enabled": True}}))
    for name, file, text in rendered.secrets():
        if name == "seccam-rabbitmq-tls":
            (tmp_path / file).write_text(text)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 does
    for name in ("seccam-rabbitmq", "seccam-mqtt.default.svc", "mqtt.example.org", "127.0.0.1"):
        assert _accepts(trusting, serving, name), name
    assert not _accepts(trusting, serving, "seccam-monitor")
    assert not _accepts(ssl.create_default_context(), serving, "seccam-rabbitmq")


def _accepts(trusting: ssl.SSLContext, serving: ssl.SSLContext, name: str) -> bool:
    """Whether a client verifies this server under this name."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_the_authoritys_key_is_in_no_pod() -> None:
    rendered = render()
    mounted = {
        volume["secret"]["secretName"] for _, pod in rendered.pods() for volume in pod["spec"]["volumes"] if "secret" in volume
    }
    assert "seccam-rabbitmq-tls" in mounted
    assert "seccam-rabbitmq-ca" not in mounted
    assert {key for name, key, _ in rendered.secrets() if name == "seccam-rabbitmq-ca"} == {"tls.crt", "tls.key"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            broker(tls={"certManager": {"dnsNames": ["a.example"]}}),
            "certManager.dnsNames: renamed to broker.tls.dnsNames",
        ),
        (broker(replicas=3, persistence={"enabled": False}), "broker.persistence.enabled: must be true with broker.replicas 3"),
        (
            broker(persistence={"size": "1Gi"}),
            "broker.persistence.size: 1Gi is too small for broker.diskFreeLimit 1GB",
        ),
        (broker(diskFreeLimit="10GiB"), "broker.persistence.size: 8Gi is too small for broker.diskFreeLimit 10GiB"),
    ],
)
def test_combinations_that_cant_work_are_refused(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values=values)


@pytest.mark.parametrize(
    "values",
    [{"persistence": {"size": "2Gi"}}, {"persistence": {"size": "1Gi"}, "diskFreeLimit": "200MB"}, {"diskFreeLimit": "1000000"}],
)
def test_a_small_claim_works_with_a_small_limit(values: dict[str, Any]) -> None:
    assert render(values=broker(**values)).one("StatefulSet", BROKER)


def test_a_certificate_is_refused_without_cert_manager() -> None:
    values = broker(tls={"enabled": True, "certManager": {"issuerRef": {"name": "house"}}})

    assert "this cluster has no cert-manager" in refusal(values=values, extensions=())


def test_three_nodes_discover_each_other_and_declare_the_queues_once_all_have_joined() -> None:
    rendered = render("three-brokers")

    assert configuration(rendered)["cluster_formation.target_cluster_size_hint"] == "3"
    assert "rabbitmq_peer_discovery_k8s" in rendered.one("ConfigMap", BROKER)["data"]["enabled_plugins"]
    rights = {(*rule["resources"], *rule["verbs"]) for rule in rendered.one("Role", BROKER)["rules"]}
    assert rights == {("endpoints", "get"), ("events", "create")}
    assert rendered.one("StatefulSet", BROKER)["spec"]["podManagementPolicy"] == "Parallel"
    assert rendered.one("Service", "seccam-rabbitmq-nodes")["spec"]["publishNotReadyAddresses"] is True


@contextmanager
def installed(namespace: str, rendered: Rendered) -> Iterator[None]:
    """The broker's StatefulSet on the cluster, without pods, as their ServiceAccount doesn't exist."""
    stateful = dict(rendered.one("StatefulSet", BROKER))
    pod = {"serviceAccountName": "nobody", "containers": [{"name": "rabbitmq", "image": "rabbitmq"}]}
    stateful["spec"] = {**stateful["spec"], "template": {**stateful["spec"]["template"], "spec": pod}}
    assert kubectl("create", f"--namespace={namespace}", "--filename=-", objects=[stateful]).returncode == 0
    try:
        yield
    finally:
        kubectl("delete", "statefulset", BROKER, f"--namespace={namespace}")


#: A StorageClass that doesn't exist, so that claims get no volume.
NOWHERE = {"storageClass": "nowhere"}


@pytest.mark.parametrize(
    ("there", "wanted", "why"),
    [
        ("three-brokers", "default", "a broker of 3 can't become one of 1: a single node is not a majority"),
        ("default", "three-brokers", "a broker of 1 can't become one of 3: nodes that join one with existing streams"),
    ],
)
def test_the_number_of_nodes_cant_be_changed(namespace: str, there: str, wanted: str, why: str) -> None:
    values = broker(persistence=NOWHERE)
    with installed(namespace, render(there, values=values)):
        assert render(there, values=values, options=live(namespace)).one("StatefulSet", BROKER)
        with pytest.raises(AssertionError, match=why):
            render(wanted, values=values, options=live(namespace))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            {"size": "9Gi"},
            'broker.persistence.size: it is "8Gi", and Kubernetes can\'t change it to "9Gi" on an existing StatefulSet',
        ),
        ({"storageClass": "fast"}, 'broker.persistence.storageClass: it is "nowhere"'),
        ({"accessModes": ["ReadWriteOncePod"]}, "broker.persistence.accessModes"),
        ({"annotations": {"note": "yes"}}, "broker.persistence.annotations"),
        ({"enabled": False}, "broker.persistence.enabled: it is true"),
    ],
)
def test_changed_claims_require_deleting_the_statefulset(namespace: str, other: dict[str, Any], words: str) -> None:
    with installed(namespace, render(values=broker(persistence=NOWHERE))):
        with pytest.raises(AssertionError) as refused:
            render(values=broker(persistence=NOWHERE | other), options=live(namespace))
        assert words in str(refused.value)
        command = re.search(rf"\(kubectl -n {namespace} (delete statefulset {BROKER}.*?)\)", str(refused.value))
        assert command
        assert ("--cascade=orphan" in command[1]) is ("enabled" not in other), "a broker that loses its data must not adopt pods"
        assert kubectl(*command[1].split(), f"--namespace={namespace}").returncode == 0
        assert render(values=broker(persistence=NOWHERE | other), options=live(namespace)).one("StatefulSet", BROKER)


def test_the_same_size_in_another_unit_is_no_change(namespace: str) -> None:
    values = NOWHERE | {"size": "8192Mi", "annotations": {"note": "yes"}}
    with installed(namespace, render(values=broker(persistence=values))):
        for size in ("8192Mi", "8Gi"):
            assert render(values=broker(persistence=values | {"size": size}), options=live(namespace)).one("StatefulSet", BROKER)


def test_a_broker_without_a_claim_cant_get_one(namespace: str) -> None:
    values = broker(persistence={"enabled": False})
    with installed(namespace, render(values=values)):
        assert render(values=values, options=live(namespace)).one("StatefulSet", BROKER)
        with pytest.raises(AssertionError, match=r"broker\.persistence\.enabled: it is false"):
            render(options=live(namespace))


def test_a_single_node_needs_no_api_access_and_has_the_name_of_a_node_of_three() -> None:
    alone, among = render(), render("three-brokers")

    assert not alone.every("Role")
    assert "peer_discovery" not in str(alone.one("ConfigMap", BROKER)["data"])
    assert alone.environment(BROKER)["RABBITMQ_NODENAME"] == among.environment(BROKER)["RABBITMQ_NODENAME"]


def test_only_a_change_of_its_configuration_restarts_the_broker() -> None:
    def template(**values: Any) -> Any:
        return render(values=broker(**values)).one("StatefulSet", BROKER)["spec"]["template"]

    assert template() == template()
    assert template(extraConfig="heartbeat = 30") != template()
    assert template(extraPlugins=["rabbitmq_shovel"]) != template()


def test_a_job_declares_the_topology_on_an_external_broker_unless_disabled() -> None:
    job = render("external-broker").container("seccam-topology")

    assert job["command"] == ["seccam", "broker", "apply"]
    assert {"name": "SECCAM_BROKER_USERNAME", "value": topology.OPERATOR_USER} in job["env"]
    spared = render("external-broker", values=broker(external={"applyTopology": False}))
    assert not [one for one in spared.every("Job") if one["metadata"]["name"] == "seccam-topology"]
    assert not spared.every("StatefulSet")
