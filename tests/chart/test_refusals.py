"""Values that the chart refuses, and its messages."""

from __future__ import annotations

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from seccam import topology
from seccam.schedule import Schedule
from seccam.settings import Group, VisitSettings
from seccam_camera.settings import CameraSettings
from seccam_monitor.auth import passwords
from seccam_monitor.settings import MonitorSettings
from seccam_notifier.settings import NotifierSettings
from seccam_security.settings import SecuritySettings
from tests.chart.chart import CHART, refusal, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
MOUNT = {"name": "a", "mountPath": "/a"}
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def camera(**fields: Any) -> dict[str, Any]:
    return {"cameras": [{"name": "front", "source": "demo"} | fields]}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"monitr": {}}, "additional properties 'monitr' not allowed"),
        ({"monitor": {"replica": 2}}, "at '/monitor': additional properties 'replica' not allowed"),
        (camera(zoom=2), "at '/cameras/0': additional properties 'zoom' not allowed"),
        (camera(name="Front_Door"), "at '/cameras/0/name': 'Front_Door' does not match"),
        (camera(name="a" * 33), "at '/cameras/0/name'"),
        (camera(name="front-"), "at '/cameras/0/name'"),
        (camera(source="ftp://camera"), "at '/cameras/0/source': 'ftp://camera' does not match"),
        (camera(source="webcam"), "at '/cameras/0/source'"),
        ({"cameras": [{"name": "front"}]}, "missing property 'sourceSecret'"),
        (camera(view={"hours": "8pm-10pm"}), "at '/cameras/0/view/hours': '8pm-10pm' does not match"),
        (camera(view={"hours": "Mon 20:00-22:00"}), "at '/cameras/0/view/hours'"),
        (camera(view={"hours": "sunset-sunrise"}), "at '/cameras/0/view/hours'"),
        (camera(view={"hours": "Mo-Fr 20:00-06:00; SH off"}), "at '/cameras/0/view/hours'"),
        (camera(security={"fps": 61}), "at '/cameras/0/security/fps'"),
        (camera(width=0), "at '/cameras/0/width'"),
        (camera(holidays="Germany"), "at '/cameras/0/holidays'"),
        (camera(webcam={"mode": "usb"}), "value must be one of 'devicePlugin', 'hostPath', 'none'"),
        ({"commonLabels": {"app.kubernetes.io/name": "cameras"}}, "invalid propertyName 'app.kubernetes.io/name'"),
        (camera(podLabels={"seccam.dev/camera": "back"}), "invalid propertyName 'seccam.dev/camera'"),
        ({"cameras": None}, "missing property 'cameras'"),
        ({"broker": {"replicas": 2}}, "at '/broker/replicas': value must be one of 1, 3"),
        ({"broker": {"external": {"enabled": True}}}, "at '/broker/external/host': minLength"),
        ({"notifier": {"mode": "lambda"}}, "value must be one of 'standalone', 'nuclio'"),
        ({"notifier": {"ifttt": {"event": "a b"}}}, "at '/notifier/ifttt/event'"),
        ({"notifier": {"channels": ["sms"]}}, "at '/notifier/channels/0': value must be one of 'telegram', 'ntfy'"),
        ({"notifier": {"telegram": {"existingSecret": "bot"}}}, "at '/notifier/telegram/chats': minItems"),
        ({"notifier": {"telegram": {"chats": ["me"]}}}, "at '/notifier/telegram/chats/0'"),
        ({"notifier": {"ntfy": {"url": "ntfy.sh"}}}, "at '/notifier/ntfy/url'"),
        ({"monitor": {"publicUrl": "cameras.example"}}, "at '/monitor/publicUrl'"),
        ({"monitor": {"ingress": {"enabled": True}}}, "at '/monitor/ingress/hosts': minItems"),
        ({"monitor": {"route": {"enabled": True, "hostnames": ["a.b"]}}}, "at '/monitor/route/parentRefs': minItems"),
        ({"security": {"keda": {"enabled": True}}}, "at '/security/keda/prometheus': minLength"),
        ({"visit": {"gapSeconds": 86_401}}, "at '/visit/gapSeconds': maximum"),
        ({"visit": {"gapSeconds": 0}}, "at '/visit/gapSeconds': exclusiveMinimum"),
        ({"visit": {"gap": 60}}, "at '/visit': additional properties 'gap' not allowed"),
        ({"security": {"keda": {"minReplicas": 0}}}, "at '/security/keda/minReplicas': minimum"),
        ({"security": {"keda": {"authModes": "digest"}}}, "at '/security/keda/authModes': 'digest' does not match"),
        ({"security": {"detector": "yunet"}}, "at '/security/yunetModel': minLength"),
        ({"log": {"level": "loud"}}, "at '/log/level': value must be one of"),
        ({"image": {"tag": "a b"}}, "at '/image/tag'"),
        ({"monitor": {"resources": {"limits": {"memory": "lots"}}}}, "at '/monitor/resources/limits/memory'"),
        ({"networkPolicy": {"cameraTo": ["192.168.1.20"]}}, "at '/networkPolicy/cameraTo/0': '192.168.1.20' does not match"),
        ({"networkPolicy": {"notifierTo": ["::1"]}}, "at '/networkPolicy/notifierTo/0'"),
        (
            {"broker": {"mqtt": {"service": {"loadBalancerSourceRanges": ["192.168.1.20"]}}}},
            "at '/broker/mqtt/service/loadBalancerSourceRanges/0'",
        ),
        ({"observability": {"serviceMonitor": {"interval": "21s"}}}, "at '/observability/serviceMonitor/interval'"),
        ({"observability": {"podMonitor": {"interval": "1m"}}}, "at '/observability/podMonitor/interval'"),
    ],
)
def test_the_schema_refuses_invalid_values(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values=values)


KEDA = {"enabled": True, "prometheus": "http://prometheus:9090"}


def test_hpa_and_keda_cant_be_combined() -> None:
    assert "at '/security/keda/enabled': value must be false" in refusal(
        values={"security": {"hpa": {"enabled": True}, "keda": KEDA}}
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cameras": [{"name": "a", "source": "demo"}] * 2}, "cameras: two cameras are named a; give each a unique name"),
        (camera(sourceSecret={"name": "front"}), "cameras: front has both source and sourceSecret; set only one of them"),
        (camera(source="/dev/video0"), "cameras: the source of front is a device of a node; set webcam.mode"),
        (camera(webcam={"mode": "devicePlugin"}), "cameras: front has a webcam, but its source is not a device"),
        (
            {"security": {"hpa": {"enabled": True, "minReplicas": 9}}},
            "security.hpa: minReplicas 9 is greater than maxReplicas 8",
        ),
        (
            {"security": {"keda": KEDA | {"maxReplicas": 1, "minReplicas": 2}}},
            "security.keda: minReplicas 2 is greater than maxReplicas 1",
        ),
        ({"broker": {"mqtt": {"cameras": ["demo"]}}}, "broker.mqtt.cameras: demo is in cameras, too"),
        ({"notifier": {"channels": ["log", "ntfy"]}}, "notifier.channels: ntfy needs notifier.ntfy.existingSecret"),
        ({"monitor": {"service": {"type": "NodePort"}}}, "passwords and pictures would leave the cluster without TLS"),
        ({"security": {"keda": KEDA | {"authenticationRef": "prometheus"}}}, "set both authenticationRef and authModes"),
        ({"security": {"keda": KEDA | {"authModes": "bearer"}}}, "set both authenticationRef and authModes"),
        (
            {"cameras": [], "security": {"keda": KEDA | {"scaleToZero": True}}},
            "security.keda.scaleToZero: workers scale with the time slots of cameras, and this release has no cameras",
        ),
    ],
)
def test_what_the_schema_cant_express_is_refused_with_a_message(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values=values)


@pytest.mark.parametrize(
    ("value", "replacement"),
    [
        ("monitor.visitSeconds", "replaced by visit.gapSeconds"),
        ("notifier.cooldownSeconds", "replaced by visit.gapSeconds"),
        ("security.cooldownSeconds", "replaced by visit.gapSeconds"),
        ("security.wholeSeconds", "renamed to security.fullScan.intervalSeconds"),
        ("security.wholeWidth", "renamed to security.fullScan.width"),
    ],
)
def test_a_value_of_an_earlier_version_is_refused_with_its_replacement(value: str, replacement: str) -> None:
    component, key = value.split(".")
    assert f"{value}: {replacement}" in refusal(values={component: {key: 0}})


def test_values_reused_from_a_chart_without_visits_are_refused_with_the_option_to_use_instead() -> None:
    assert "--reset-then-reuse-values" in refusal(values={"visit": None})


@pytest.mark.parametrize(
    "source",
    ["rtsp://user:secret@camera/stream", "http://user:se/cret@camera/", "http://camera/?user=a&Password=secret"],
)
def test_a_source_with_a_login_is_refused_and_not_shown(source: str) -> None:
    said = refusal(values=camera(source=source))

    assert "put the URL into a Secret and set sourceSecret" in said
    assert "secret@" not in said
    assert "=secret" not in said


def test_a_proxy_may_be_a_single_address() -> None:
    assert render(values={"monitor": {"trustedProxies": ["10.0.0.1", "10.1.0.0/16"]}}).objects


def test_nuclio_mode_is_refused_without_nuclio() -> None:
    assert "this cluster has no Nuclio" in refusal("nuclio", extensions=())


def test_nuclio_mode_is_refused_if_the_password_cant_be_read() -> None:
    said = refusal("nuclio", values={"broker": {"auth": {"existingSecret": "passwords"}}})

    assert "the key notifier of Secret passwords in namespace default could not be read" in said


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"notifier": {"topologySpreadConstraints": [{"maxSkew": 1}]}},
            "notifier.topologySpreadConstraints: Nuclio functions don't support them",
        ),
        ({"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}, "imagePullSecrets: a Nuclio function supports only one"),
        ({"notifier": {"extraVolumes": [{"name": "zones", "emptyDir": {}}]}}, "notifier.extraVolumes: zones is not mounted"),
        (
            {"notifier": {"extraVolumes": [{"name": "a", "hostPath": {"path": "/a"}}], "extraVolumeMounts": [MOUNT]}},
            "notifier.extraVolumes: a is a hostPath, which Nuclio ignores",
        ),
        ({"notifier": {"extraVolumeMounts": [MOUNT]}}, "notifier.extraVolumeMounts: a is not in notifier.extraVolumes"),
    ],
)
def test_what_nuclio_doesnt_support_is_refused_only_in_nuclio_mode(values: dict[str, Any], words: str) -> None:
    assert words in refusal("nuclio", values=values)
    assert render(values=values)


def test_an_external_broker_is_refused_without_passwords() -> None:
    said = refusal("external-broker", values={"broker": {"auth": {"existingSecret": ""}}})

    assert "broker.auth.existingSecret" in said


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@pytest.mark.parametrize(
    ("where", "settings", "prefix"),
    [
        (("visit",), VisitSettings, ""),
        (("monitor",), MonitorSettings, ""),
        (("monitor", "login"), MonitorSettings, ""),
        (("security",), SecuritySettings, ""),
        (("security", "fullScan"), SecuritySettings, "full_scan_"),
        (("notifier",), NotifierSettings, ""),
        ((), CameraSettings, ""),
    ],
)
def test_the_schema_has_the_numeric_limits_of_the_services(where: tuple[str, ...], settings: type[Group], prefix: str) -> None:
    taken = settings.model_json_schema()["properties"]
    asked = SCHEMA if where else SCHEMA["$defs"]["camera"]
    for key in where:
        asked = asked["properties"][key]

    compared = 0
    for key, one in asked["properties"].items():
        setting = taken.get(prefix + re.sub("([A-Z])", r"_\1", key).lower(), {})
        for bound in _BOUNDS:
            if bound in setting:
                assert one.get(bound) == setting[bound], f"{key}: {bound}"
                compared += 1
    assert compared


@pytest.mark.parametrize("name", ["", "#anna", "an:na", "an na", "a" * 65])
def test_the_generated_users_name_must_be_valid_for_the_monitor(name: str) -> None:
    assert passwords.name_fault(name) or " " in name  # the monitor itself allows spaces within a name

    assert "at '/monitor/login/username'" in refusal(values={"monitor": {"login": {"username": name}}})


def test_a_cameras_name_must_be_valid_in_topics() -> None:
    pattern = re.compile(SCHEMA["$defs"]["cameraName"]["pattern"])

    for name in ("a", "front", "front-2", "0", "a" * 32, "a" * 33, "-a", "a-", "A", "a.b", "", "a_b", "ä", "a b"):
        assert bool(pattern.search(name)) == topology.is_camera(name), name


@pytest.mark.parametrize(
    "hours",
    [
        "24/7",
        "Mo-Fr 20:00-06:00; Sa,Su 00:00-24:00; PH 00:00-24:00",
        "Mo-Fr 08:00-12:00,13:00-17:00; PH off",
        "Nov-Feb 16:00-08:00; Mar-Oct 20:00-06:00",
        'Mo-Fr 16:00-20:00 "around sunset, SH too"',
        'Apr-Sep Mo[1] 10:00-12:00 open "first Mondays"',
        "week 1-53/2 Fr 09:00-12:00 || off",
        "2026 Dec 24-26 closed",
        "easter -2 days off",
    ],
)
def test_the_schema_accepts_valid_schedules(hours: str) -> None:
    Schedule(hours, ZoneInfo("Europe/Berlin"), "DE")  # raises if it is invalid

    assert re.search(SCHEMA["$defs"]["topic"]["properties"]["hours"]["pattern"], hours)


def closed(schema: Any, path: str = "") -> list[str]:
    """Return the paths of objects with properties that also allow others."""
    if isinstance(schema, list):
        return [found for number, one in enumerate(schema) for found in closed(one, f"{path}/{number}")]
    if not isinstance(schema, dict):
        return []
    own = (
        [path]
        if schema.get("type") == "object" and "properties" in schema and schema.get("additionalProperties") is not False
        else []
    )
    return own + [found for key, one in schema.items() for found in closed(one, f"{path}/{key}")]


def test_the_schema_refuses_unknown_keys_at_every_level() -> None:
    assert closed(SCHEMA) == ["/$defs/named/items"]  # objects of Kubernetes


def test_the_schema_has_the_same_keys_as_the_values() -> None:
    def keys(schema: Any) -> Any:
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
        properties = schema.get("properties", {}).items()
        return {key: keys(one) for key, one in properties if one.get("$ref") != "#/$defs/replaced"}

    def compare(values: Any, known: Any, path: str) -> None:
        if known and isinstance(values, dict) and path not in ("/broker/tls/certManager/issuerRef",):
            assert values.keys() == known.keys(), path
            for key, value in values.items():
                compare(value, known[key], f"{path}/{key}")

    known = keys(SCHEMA)
    del known["global"]  # added by Helm when the chart is a dependency
    resources = {"requests", "limits", "claims"}

    def without_resources(tree: Any) -> Any:
        return {key: {} if set(one) == resources else without_resources(one) for key, one in tree.items()}

    compare(VALUES, without_resources(known), "")


def test_the_defaults_are_valid() -> None:
    assert render().objects
