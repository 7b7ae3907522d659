"""How values are rendered."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from seccam import topology
from seccam.settings import BrokerSettings, Group, LogSettings, VisitSettings, load, names
from seccam.version import __version__
from seccam_camera.settings import CameraSettings
from seccam_monitor.settings import MonitorSettings
from seccam_security.settings import SecuritySettings
from tests.chart.chart import CASES, CHART, KUBERNETES, helm, render, rendered_case, values_of


@pytest.mark.parametrize("case", CASES)
def test_helm_lint_passes(case: str) -> None:
    answer = helm("lint", "--strict", str(CHART), f"--values={values_of(case)}", "--kube-version=1.34.0")

    # helm lint has no --api-versions for cases that need extensions
    assert answer.returncode == 0 or "this cluster has no" in answer.stdout, answer.stdout


@pytest.mark.parametrize("case", CASES)
def test_the_services_accept_the_settings_of_the_chart(case: str) -> None:
    rendered = rendered_case(case)
    groups: dict[str, type[Group]] = {"camera": CameraSettings, "monitor": MonitorSettings, "security": SecuritySettings}
    for name, pod in rendered.pods():
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        if component not in groups:
            continue
        variables = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
        own = groups[component]
        used: list[type[Group]] = [BrokerSettings, LogSettings, own]
        if component != "camera":
            used.append(VisitSettings)
        known = {one for group in used for one in names(group)}
        assert {one for one in variables if one.startswith("SECCAM_")} <= known, name
        from_elsewhere = {"SECCAM_BROKER_PASSWORD", "SECCAM_CAMERA_SOURCE", "SECCAM_MONITOR_USERS_FILE"}
        from_elsewhere |= {"SECCAM_MONITOR_SESSION_KEY_FILE", "SECCAM_MONITOR_HOST", "SECCAM_BROKER_CA_FILE"}
        from_elsewhere |= {"SECCAM_MONITOR_CERTIFICATE_FILE", "SECCAM_MONITOR_CERTIFICATE_KEY_FILE"}
        plain = {one: value for one, value in variables.items() if value is not None and one not in from_elsewhere}
        load(*used, environ=plain)  # raises if one is invalid


def test_each_camera_is_a_deployment_with_never_more_than_one_pod() -> None:
    rendered = rendered_case("external-broker")

    for name in ("yard", "garage", "film"):
        deployment = rendered.one("Deployment", f"seccam-camera-{name}")
        assert deployment["metadata"]["labels"]["seccam.dev/camera"] == name
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        assert deployment["spec"]["replicas"] == 1
    assert rendered.environment("seccam-monitor")["SECCAM_MONITOR_CAMERAS"] == "yard,garage,film"


def test_the_monitor_expects_the_charts_cameras_and_the_mqtt_cameras_that_are_named() -> None:
    values = {"broker": {"mqtt": {"cameras": ["shed", "pond"]}}, "monitor": {"watched": ["shed"]}}
    monitor = render(values=values).environment("seccam-monitor")

    assert (monitor["SECCAM_MONITOR_CAMERAS"], monitor["SECCAM_MONITOR_WATCHED"]) == ("demo,shed,pond", "demo,shed")


def test_a_camera_gets_only_its_own_settings() -> None:
    assert {name for name in rendered_case().environment("seccam-camera-demo") if name.startswith("SECCAM_CAMERA_")} == {
        "SECCAM_CAMERA_NAME",
        "SECCAM_CAMERA_SOURCE",
        "SECCAM_CAMERA_OPS_HOST",
    }
    seen = rendered_case("webcam-device-plugin").environment("seccam-camera-front")
    assert seen["SECCAM_CAMERA_SECURITY_HOURS"] == "Mo-Fr 20:00-06:00; Sa,Su 00:00-24:00; PH 00:00-24:00"
    assert seen["SECCAM_CAMERA_HOLIDAYS"] == "DE"
    assert seen["SECCAM_CAMERA_WIDTH"] == "1920"


def test_a_worker_gets_the_limits_for_cameras_that_can_not_see() -> None:
    own = {"coveredSeconds": 0, "frozenSeconds": 90.5, "slowCameras": ["porch", "shed"]}
    seen = render(values={"security": own}).environment("seccam-security")

    names = ("COVERED_SECONDS", "FROZEN_SECONDS", "SLOW_CAMERAS")
    assert [seen[f"SECCAM_SECURITY_{name}"] for name in names] == ["0", "90.5", "porch,shed"]
    assert "SECCAM_SECURITY_SLOW_CAMERAS" not in rendered_case().environment("seccam-security")


def _untexts(tree: Any, path: str = "") -> Iterator[str]:
    """Yield where a name, a label or an annotation is not a string."""
    if isinstance(tree, list):
        for number, one in enumerate(tree):
            yield from _untexts(one, f"{path}/{number}")
    elif isinstance(tree, dict):
        texts = path.endswith(("/labels", "/matchLabels", "/annotations", "/selector"))
        for key, one in tree.items():
            named = key in ("name", "namespace", "secretName", "priorityClassName", "storageClassName", "ingressClassName")
            if (texts or named) and not isinstance(one, str | dict | list):
                yield f"{path}/{key}: {one!r}"
            yield from _untexts(one, f"{path}/{key}")


@pytest.mark.parametrize("name", ["on", "123", "null"])
def test_names_that_yaml_could_parse_as_another_type_stay_strings(name: str) -> None:
    broker = {
        "auth": {"existingSecret": name},
        "persistence": {"storageClass": name},
        "tls": {"enabled": True, "existingSecret": name},
    }
    values = {
        "nameOverride": name,
        "fullnameOverride": name,
        "priorityClassName": name,
        "cameras": [{"name": name, "source": "demo", "zone": "UTC"}],
        "monitor": {"login": {"existingSecret": name}, "ingress": {"className": name}},
        "notifier": {"ifttt": {"existingSecret": name, "existingSecretKey": name}},
        "broker": broker,
    }
    options = (f"--namespace={name}",)

    for case in ("ingress", "observed", "three-brokers"):
        rendered = render(case, values=values, release=name, options=options)
        assert not list(_untexts(list(rendered.objects))), case
        assert rendered.one("Job", f"{name}-check")["spec"]["template"]["spec"]["containers"][0]["name"] == name


def test_a_source_with_a_login_comes_from_a_secret() -> None:
    sources = [
        one for one in rendered_case("external-broker").container("seccam-camera-yard")["env"] if one["name"].endswith("_SOURCE")
    ]

    assert sources == [{"name": "SECCAM_CAMERA_SOURCE", "valueFrom": {"secretKeyRef": {"name": "yard-camera", "key": "source"}}}]


def test_a_webcam_by_device_plugin_has_a_resource_and_the_devices_group() -> None:
    rendered = rendered_case("webcam-device-plugin")

    assert rendered.pod("seccam-camera-front")["securityContext"]["supplementalGroups"] == [44]
    resources = rendered.container("seccam-camera-front")["resources"]
    assert resources["limits"] == {"squat.ai/video": 1, "cpu": "2", "memory": "384Mi", "ephemeral-storage": "512Mi"}
    assert resources["requests"]["cpu"] == "200m"
    assert rendered.pod("seccam-camera-front")["nodeSelector"] == {"kubernetes.io/hostname": "porch"}


def test_a_webcam_by_host_path_is_mounted_at_the_sources_path() -> None:
    rendered = rendered_case("webcam-host-path")
    spec = rendered.pod("seccam-camera-front")

    device = {"path": "/dev/v4l/by-id/usb-webcam-video-index0", "type": "CharDevice"}
    assert {"name": "webcam", "hostPath": device} in spec["volumes"]
    assert {"name": "webcam", "mountPath": "/dev/video0"} in spec["containers"][0]["volumeMounts"]
    assert spec["containers"][0]["securityContext"]["privileged"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert "privileged" not in rendered.container("seccam-camera-demo")["securityContext"]


def test_every_camera_with_a_schedule_is_checked_before_anything_is_installed() -> None:
    cameras = [
        {"name": "plain", "source": "demo", "view": {"fps": 5}},
        {"name": "timed", "source": "demo", "security": {"hours": "Mo-Fr 20:00-06:00"}},
        {"name": "hidden", "sourceSecret": {"name": "later"}},
    ]
    job = render(values={"cameras": cameras}).one("Job", "seccam-check")

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    checked = job["spec"]["template"]["spec"]["containers"]
    assert {one["name"]: one["args"] for one in checked} == {"timed": ["--check"], "hidden": ["--check"]}
    # A hook must not wait for a Secret that is created later.
    assert next(one for one in checked[1]["env"] if one["name"].endswith("SOURCE"))["valueFrom"]["secretKeyRef"]["optional"] is True
    assert not rendered_case().every("Job")


@pytest.mark.parametrize(
    "other",
    [
        {"security": {"hours": "Mo-Fr 20:00-07:00"}},
        {"view": {"hours": "Mo-Fr 20:00-06:00"}},
        {"zone": "Europe/Paris"},
        {"holidays": "FR"},
        {"sourceSecret": {"name": "other"}},
        {"extraEnv": [{"name": "SECCAM_CAMERA_QUALITY", "value": "101"}]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_cameras_with_the_same_settings_are_checked_once(other: dict[str, Any]) -> None:
    same = {"security": {"hours": "Mo-Fr 20:00-06:00"}, "zone": "Europe/Berlin"}
    cameras = [{"name": f"yard-{number}", "source": f"rtsp://camera-{number}/", **same} for number in range(30)]
    odd = {"name": "odd", **({} if "sourceSecret" in other else {"source": "demo"}), **same, **other}

    def checked(cameras: list[dict[str, Any]]) -> list[str]:
        return [one["name"] for one in render(values={"cameras": cameras}).pod("seccam-check")["containers"]]

    assert checked(cameras) == ["yard-0"]
    assert checked([*cameras[:15], odd, *cameras[15:]]) == ["yard-0", "odd"]


def test_the_login_is_generated_and_the_monitor_doesnt_see_its_password() -> None:
    rendered = rendered_case()
    login = {key: text for name, key, text in rendered.secrets() if name == "seccam-login"}

    user, _, hashed = login["users"].strip().partition(":")
    assert user == "admin"
    assert bcrypt.checkpw(login["password"].encode(), hashed.encode())
    assert len(login["password"]) >= 20
    assert len(login["session-key"]) >= 32
    volume = next(one for one in rendered.pod("seccam-monitor")["volumes"] if one["name"] == "login")
    assert {one["key"] for one in volume["secret"]["items"]} == {"users", "session-key"}


def test_each_installation_has_new_passwords() -> None:
    first, second = ({key: text for _, key, text in render().secrets()} for _ in range(2))

    assert all(first[key] != second[key] for key in first)


def test_an_existing_login_secret_is_used() -> None:
    rendered = rendered_case("external-broker")

    assert not rendered.every("Secret")
    volume = next(one for one in rendered.pod("seccam-monitor")["volumes"] if one["name"] == "login")
    assert volume["secret"]["secretName"] == "page-users"


def test_the_monitor_allows_all_its_host_names() -> None:
    for case, names_of in (("ingress", {"cameras.lan", "cameras.example.org"}), ("gateway", {"cameras.example.org"})):
        allowed = rendered_case(case).environment("seccam-monitor")["SECCAM_MONITOR_ALLOWED_HOSTS"].split(",")
        assert set(allowed) == names_of | {
            "seccam-monitor",
            "seccam-monitor.default",
            "seccam-monitor.default.svc",
            "seccam-monitor.default.svc.cluster.local",
        }


def test_the_page_is_exposed_and_the_metrics_are_not() -> None:
    rendered = rendered_case("ingress")

    page = rendered.one("Service", "seccam-monitor")["spec"]
    assert page["type"] == "NodePort"
    assert [(one["port"], one["targetPort"], one["nodePort"]) for one in page["ports"]] == [(8080, "http", 30080)]
    assert rendered.one("Service", "seccam-monitor-ops")["spec"]["clusterIP"] == "None"
    rule = rendered.one("Ingress", "seccam-monitor")["spec"]["rules"][0]
    assert rule["host"] == "cameras.example.org"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "seccam-monitor", "port": {"name": "http"}}


def test_services_can_preserve_the_clients_address() -> None:
    local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    monitor = {"service": local, "allowPlainHttp": True}
    rendered = render(values={"monitor": monitor, "broker": {"mqtt": {"service": {"enabled": True, **local}}}})

    for name in ("seccam-monitor", "seccam-mqtt"):
        assert rendered.one("Service", name)["spec"]["externalTrafficPolicy"] == "Local"
    assert "externalTrafficPolicy" not in rendered_case("ingress").one("Service", "seccam-monitor")["spec"]


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
@pytest.mark.parametrize(
    "more",
    [{"tls": {"existingSecret": "page"}}, {"trustedProxies": ["10.0.0.0/8"]}, {"allowPlainHttp": True}],
    ids=["certificate", "proxy", "told"],
)
def test_a_page_that_leaves_the_cluster_has_tls_or_a_permission(kind: str, more: dict[str, Any]) -> None:
    rendered = render(values={"monitor": {"service": {"type": kind}, **more}})

    assert ("SECCAM_MONITOR_ALLOW_PLAIN_HTTP" in rendered.environment("seccam-monitor")) == ("allowPlainHttp" in more)


def test_with_a_certificate_the_monitor_serves_https() -> None:
    ingress = {"enabled": True, "hosts": ["cam.example.org"]}
    rendered = render(values={"monitor": {"tls": {"existingSecret": "page"}, "ingress": ingress}})

    environment = rendered.environment("seccam-monitor")
    (mount,) = [one["mountPath"] for one in rendered.container("seccam-monitor")["volumeMounts"] if one["name"] == "page"]
    assert environment["SECCAM_MONITOR_CERTIFICATE_FILE"] == f"{mount}/tls.crt"
    assert environment["SECCAM_MONITOR_CERTIFICATE_KEY_FILE"] == f"{mount}/tls.key"
    (port,) = rendered.one("Service", "seccam-monitor")["spec"]["ports"]
    assert (port["name"], port["targetPort"], port["appProtocol"]) == ("https", "https", "https")
    (rule,) = rendered.one("Ingress", "seccam-monitor")["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "https"}


def test_a_released_chart_names_its_images_by_digest_unless_others_are_named() -> None:
    digests = {name: f"sha256:{number}{'0' * 63}" for number, name in enumerate(("camera", "monitor", "security", "notifier"))}

    def images(**more: Any) -> dict[str, str]:
        rendered = render(values={**more, "image": {"digests": digests, **more.get("image", {})}})
        services = ("camera-demo", "monitor", "security", "notifier")
        return {name: rendered.container(f"seccam-{name}")["image"] for name in services}

    assert images() == {
        name: f"ghcr.io/seccam/{name.removesuffix('-demo')}@{digests[name.removesuffix('-demo')]}" for name in images()
    }
    assert not [image for image in images(image={"tag": "mine"}).values() if "@" in image]
    assert images(image={"registry": "house"})["monitor"] == f"house/monitor@{digests['monitor']}"
    own = images(monitor={"image": {"repository": "house/monitor"}}, security={"image": {"tag": "mine"}})
    assert own["monitor"].startswith("house/monitor:")
    assert own["security"] == "ghcr.io/seccam/security:mine"
    assert "@" in own["camera-demo"]


def test_a_route_forwards_to_the_page() -> None:
    spec = rendered_case("gateway").one("HTTPRoute", "seccam-monitor")["spec"]

    assert spec["parentRefs"] == [{"name": "house", "namespace": "gateways", "sectionName": "https"}]
    assert spec["rules"][0]["backendRefs"] == [{"name": "seccam-monitor", "port": 80}]


def test_pods_can_be_customised() -> None:
    rendered = rendered_case("ingress")
    deployment, spec = rendered.one("Deployment", "seccam-monitor"), rendered.pod("seccam-monitor")
    container = spec["containers"][0]

    assert container["image"] == f"registry.example.org/seccam/monitor@sha256:{'0123456789abcdef' * 4}"
    assert rendered.container("seccam-camera-demo")["image"] == "registry.example.org/seccam/camera:1.2.3-rc.1"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["priorityClassName"] == "page"
    assert rendered.pod("seccam-camera-demo")["priorityClassName"] == "cameras"
    assert spec["tolerations"] == [{"key": "house", "operator": "Exists"}]
    assert "nodeAffinity" in spec["affinity"]
    assert {"name": "TZ", "value": "Europe/Berlin"} in container["env"]
    assert container["envFrom"] == [{"configMapRef": {"name": "more", "optional": True}}]
    assert {"name": "more", "mountPath": "/more"} in container["volumeMounts"]
    assert {"name": "more", "emptyDir": {}} in spec["volumes"]
    assert deployment["spec"]["template"]["metadata"]["annotations"]["note"] == "yes"
    assert deployment["spec"]["template"]["metadata"]["labels"]["tier"] == "page"
    assert all(one["metadata"]["labels"]["team"] == "house" for one in rendered.objects)
    assert rendered.one("ServiceAccount", "seccam-monitor")["metadata"]["annotations"] == {"note": "yes"}


def test_extra_env_takes_precedence_and_no_variable_occurs_twice() -> None:
    extra = {"extraEnv": [{"name": "SECCAM_LOG_LEVEL", "value": "debug"}, {"name": "HOME", "value": "/tmp/home"}]}
    rendered = render(values=dict.fromkeys(("camera", "monitor", "security", "notifier", "broker"), extra))

    for name in ("seccam-camera-demo", "seccam-monitor", "seccam-security", "seccam-notifier", "seccam-rabbitmq"):
        names = [one["name"] for one in rendered.container(name)["env"]]
        assert len(names) == len(set(names)), name
        assert rendered.environment(name)["SECCAM_LOG_LEVEL"] == "debug", name
        assert rendered.environment(name)["HOME"] == "/tmp/home", name


def test_monitors_of_two_releases_in_a_shared_namespace_have_different_names() -> None:
    elsewhere = {"namespace": "monitoring"}
    kinds = ("serviceMonitor", "podMonitor", "prometheusRule", "dashboards")

    def names(namespace: str) -> set[tuple[str, str]]:
        values = {"observability": dict.fromkeys(kinds, elsewhere)}
        rendered = render("observed", values=values, options=[f"--namespace={namespace}"])
        found = [one for one in rendered.objects if one["metadata"].get("namespace") == "monitoring"]
        return {(one["kind"], one["metadata"]["name"]) for one in found}

    assert names("shop")
    assert not names("shop") & names("home")


def test_a_release_with_dots_in_its_name_has_valid_service_names() -> None:
    rendered = render(release="cam.home")

    assert rendered.environment("cam-home-seccam-monitor")["SECCAM_BROKER_URL"] == "amqps://cam-home-seccam-rabbitmq:5671/"
    assert not [one for one in rendered.every("Service") if "." in one["metadata"]["name"]]


@pytest.mark.parametrize("group", [0, 1_000_001])  # templates treat 0 as empty, and may write the other as 1.000001e+06
def test_a_devices_group_is_configurable(group: int) -> None:
    front = {"name": "front", "source": "/dev/video0", "webcam": {"mode": "devicePlugin", "group": group}}

    assert render(values={"cameras": [front]}).pod("seccam-camera-front")["securityContext"]["supplementalGroups"] == [group]


def test_on_kind_the_camera_gets_the_group_of_the_hosts_webcam() -> None:
    root = CHART.parents[1]
    option = re.search(r'--set "(\S+)=\$\(stat -c %g \$webcam\)"', (root / "scripts/kind-up").read_text())
    assert option

    values = yaml.safe_load((root / "k8s/webcam-values.yaml").read_text())
    spec = render(values=values, options=("--set", f"{option[1]}=105")).pod("seccam-camera-webcam")
    assert spec["securityContext"]["supplementalGroups"] == [105]
    assert spec["containers"][0]["securityContext"]["privileged"] is True


def test_an_allowed_host_may_have_a_port() -> None:
    allowed = render(values={"monitor": {"allowedHosts": ["cam.example.org:8443"]}}).environment("seccam-monitor")
    assert "cam.example.org:8443" in allowed["SECCAM_MONITOR_ALLOWED_HOSTS"].split(",")


@pytest.mark.parametrize(
    ("visit", "gap", "reminder"),
    [({}, "60", "0"), ({"gapSeconds": 0.5}, "0.5", "0"), ({"gapSeconds": 86_400, "reminderSeconds": 3600}, "86400", "3600")],
)
def test_workers_notifier_and_page_share_the_definition_of_a_visit(visit: dict[str, Any], gap: str, reminder: str) -> None:
    wanted = {"SECCAM_VISIT_GAP_SECONDS": gap, "SECCAM_VISIT_REMINDER_SECONDS": reminder}
    rendered = render(values={"visit": visit})
    function = render("nuclio", values={"visit": visit}).one("NuclioFunction", "seccam-notifier")

    for name in ("seccam-monitor", "seccam-security", "seccam-notifier"):
        assert wanted.items() <= rendered.environment(name).items(), name
    assert wanted.items() <= {one["name"]: one.get("value") for one in function["spec"]["env"]}.items()


def test_two_releases_share_no_names_and_no_pods() -> None:
    first, second = (render(release=release) for release in ("front-house", "back-house"))

    named = [{(one["kind"], one["metadata"]["name"]) for one in rendered.objects} for rendered in (first, second)]
    assert not named[0] & named[1]
    wanted = first.one("Deployment", "front-house-seccam-monitor")["spec"]["selector"]["matchLabels"].items()
    assert not any(wanted <= pod["metadata"]["labels"].items() for _, pod in second.pods())


def test_a_long_release_name_still_yields_valid_names() -> None:
    camera = {"name": "a" * 32, "source": "demo"}
    rendered = render(release="a-release-with-a-name-of-fifty-three-characters-or-so", values={"cameras": [camera]})

    assert all(len(one["metadata"]["name"]) <= 63 for one in rendered.objects if one["kind"] in ("Service", "Pod", "StatefulSet"))
    assert all(len(one["metadata"]["name"]) <= 253 for one in rendered.objects)


@pytest.mark.parametrize("case", ["autoscaling-hpa", "autoscaling-keda"])
def test_autoscaled_workers_have_no_replicas_field(case: str) -> None:
    assert "replicas" not in rendered_case(case).one("Deployment", "seccam-security")["spec"]
    assert rendered_case().one("Deployment", "seccam-security")["spec"]["replicas"] == 1


def test_a_default_installation_requests_less_than_a_core() -> None:
    def millicores(text: str) -> int:
        return int(text.removesuffix("m")) if text.endswith("m") else int(float(text) * 1000)

    asked = 0
    for name, pod in rendered_case().pods():
        if not name.endswith("-test"):
            asked += sum(millicores(one["resources"]["requests"]["cpu"]) for one in pod["spec"]["containers"])
    assert 0 < asked < 1000


def test_an_external_broker_is_used_instead_of_running_one() -> None:
    rendered = rendered_case("external-broker")

    assert rendered.environment("seccam-camera-film")["SECCAM_BROKER_URL"] == "amqps://rabbit.example.org:5671/house%2Fcameras"
    assert not rendered.every("StatefulSet")
    password = next(one for one in rendered.container("seccam-camera-film")["env"] if one["name"] == "SECCAM_BROKER_PASSWORD")
    assert password["valueFrom"]["secretKeyRef"] == {"name": "broker-passwords", "key": "camera-film"}
    ca = next(one for one in rendered.pod("seccam-camera-film")["volumes"] if one["name"] == "broker-ca")
    assert ca["secret"]["secretName"] == "rabbit-ca"


@pytest.mark.parametrize("vhost", ["/", "cams", "house/cameras", "a#b", "a?b=c&d", "50% + x", "k\u00fcche"])
def test_services_connect_to_a_vhost_with_any_name(vhost: str) -> None:
    rendered = render("external-broker", values={"broker": {"external": {"vhost": vhost}}})
    url = rendered.environment("seccam-camera-film")["SECCAM_BROKER_URL"]

    (broker,) = load(BrokerSettings, environ={"SECCAM_BROKER_URL": url})
    assert broker.vhost == vhost


def test_the_ifttt_key_comes_from_a_secret() -> None:
    env = {one["name"]: one for one in rendered_case("external-broker").container("seccam-notifier")["env"]}

    assert env["IFTTT_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "ifttt", "key": "webhooks"}
    assert "IFTTT_KEY" not in {one["name"] for one in rendered_case().container("seccam-notifier")["env"]}


CHANNELS: dict[str, Any] = {
    "telegram": {
        "existingSecret": "telegram",
        "chats": [-1001234567890, "@door"],
        "url": "http://bots.lan:8081",
        "quietHours": "22:00-06:00",
    },
    "ntfy": {"existingSecret": "ntfy", "url": "https://ntfy.lan/", "quietHours": "Mo-Fr 22:00-06:00"},
    "webhook": {"existingSecret": "hook", "existingSecretKeys": {"url": "address"}},
    "apprise": {"existingSecret": "apprise"},
    "channels": ["telegram", "log"],
    "text": '"{faces}" at {camera}',
}


@pytest.mark.parametrize("case", ["default", "nuclio"])
def test_the_channels_have_their_settings_and_their_secrets(case: str) -> None:
    rendered = render(case, values={"notifier": CHANNELS, "monitor": {"publicUrl": "https://cameras.example"}})
    nuclio = case == "nuclio"
    env = (
        rendered.one("NuclioFunction", "seccam-notifier")["spec"]["env"] if nuclio else rendered.container("seccam-notifier")["env"]
    )
    given = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in env}

    assert (
        given.items()
        >= {
            "SECCAM_NOTIFIER_CHANNELS": "telegram,log",
            "SECCAM_NOTIFIER_TEXT": '"{faces}" at {camera}',
            "SECCAM_PUBLIC_URL": "https://cameras.example",
            "SECCAM_TELEGRAM_CHATS": "-1001234567890,@door",
            "SECCAM_TELEGRAM_URL": "http://bots.lan:8081",
            "SECCAM_NTFY_URL": "https://ntfy.lan/",
        }.items()
    )
    others = ("SECCAM_BROKER", "IFTTT")
    assert {name: one for name, one in given.items() if isinstance(one, dict) and not name.startswith(others)} == {
        "SECCAM_TELEGRAM_TOKEN": {"name": "telegram", "key": "token"},
        "SECCAM_NTFY_TOPIC": {"name": "ntfy", "key": "topic"},
        "SECCAM_NTFY_TOKEN": {"name": "ntfy", "key": "token", "optional": True},
        "SECCAM_WEBHOOK_URL": {"name": "hook", "key": "address"},
        "SECCAM_WEBHOOK_SECRET": {"name": "hook", "key": "secret", "optional": True},
        "SECCAM_APPRISE_URLS": {"name": "apprise", "key": "urls"},
    }


def test_the_notifier_reaches_the_ports_of_its_channels_only() -> None:
    def ports(**values: Any) -> list[int]:
        policy = render("default", values=values).one("NetworkPolicy", "seccam-notifier")
        return [one["port"] for rule in policy["spec"]["egress"] for one in rule["ports"]]

    assert ports() == [443]
    assert ports(notifier=CHANNELS, networkPolicy={"notifierPorts": [443, 9000]}) == [443, 9000, 8081]


# --- Nuclio -----------------------------------------------------------------------------------------------------------


def test_a_function_has_what_nuclio_needs_to_deploy_it() -> None:
    rendered = rendered_case("nuclio")
    function = rendered.one("NuclioFunction", "seccam-notifier")
    spec = function["spec"]

    assert function["status"] == {"state": "waitingForResourceConfiguration"}
    project = function["metadata"]["labels"]["nuclio.io/project-name"]
    assert rendered.one("NuclioProject", project)
    assert spec["handler"] == "seccam_notifier.nuclio:handler"
    assert spec["image"] == f"ghcr.io/seccam/notifier-nuclio:{__version__}"
    assert spec["imagePullPolicy"] == "IfNotPresent"
    assert spec["disableDefaultHTTPTrigger"] is True
    assert spec["loggerSinks"] == [{"level": "warning"}]
    assert (spec["replicas"], spec["deploymentStrategy"]) == (1, {"type": "Recreate"})
    trigger = spec["triggers"]["events"]
    assert trigger["kind"] == "rabbit-mq"
    assert trigger["attributes"]["queueName"] == topology.EVENTS_QUEUE
    assert not {"topics", "prefetchCount", "exchangeName"} & trigger["attributes"].keys()
    assert not any(key.startswith(("helm.sh", "app.kubernetes.io/version")) for key in function["metadata"]["labels"])
    assert not rendered.every("Job")
    assert "seccam-notifier" not in {one["metadata"]["name"] for one in rendered.every("Deployment")}


def test_a_functions_project_is_created_before_it() -> None:
    """Helm creates the items of a List in order."""
    kinds = [one["kind"] for one in rendered_case("nuclio").objects if one["apiVersion"].startswith("nuclio.io/")]

    assert kinds == ["NuclioProject", "NuclioFunction"]


def test_nuclio_gets_the_brokers_password_only_from_its_secret() -> None:
    rendered = rendered_case("nuclio")
    secret = rendered.one("Secret", "seccam-notifier-function")
    passwords = {key: text for name, key, text in rendered.secrets() if name == "seccam-broker"}
    reference = rendered.one("NuclioFunction", "seccam-notifier")["spec"]["triggers"]["events"]["url"]

    assert secret["type"] == "nuclio.io/functionconfig"
    assert secret["metadata"]["labels"]["nuclio.io/function-name"] == "seccam-notifier"
    key = "NUCLIO_B64_" + base64.b64encode(reference.encode()).decode().replace("=", "_")
    assert json.loads(base64.b64decode(secret["stringData"]["content"])) == {
        key: f"amqps://notifier:{passwords['notifier']}@seccam-rabbitmq:5671/?cacertfile=/etc/seccam/broker-ca/ca.crt"
    }


def test_the_newline_after_a_password_is_stripped_for_nuclio(tmp_path: Path) -> None:
    """As for the services and the broker. Secrets can only be read on a cluster, so a copy of the chart contains it here."""
    copy = shutil.copytree(CHART, tmp_path / "seccam")
    read = '{{ $_ := set . "seccamPasswords" (dict "notifier" (b64enc "p w+\\n")) }}'
    (copy / "templates" / "asked.yaml").write_text(f'{read}url: {{{{ include "seccam.function.url" . }}}}\n')

    asked = helm("template", "seccam", str(copy), "--show-only=templates/asked.yaml", f"--kube-version={KUBERNETES}")

    assert asked.returncode == 0, asked.stderr
    url = "amqps://notifier:p%20w%2B@seccam-rabbitmq:5671/?cacertfile=/etc/seccam/broker-ca/ca.crt"
    assert yaml.safe_load(asked.stdout) == {"url": url}


def test_the_function_and_the_standalone_notifier_have_the_same_environment() -> None:
    function = rendered_case("nuclio").one("NuclioFunction", "seccam-notifier")["spec"]["env"]
    standalone = render("nuclio", values={"notifier": {"mode": "standalone"}}).container("seccam-notifier")["env"]

    assert function == standalone


@pytest.mark.parametrize("case", ["nuclio", "default"])  # with a certificate authority, and without
def test_a_function_has_the_volumes_that_the_standalone_notifier_has(case: str) -> None:
    zones = {"name": "zones", "configMap": {"name": "zones"}}
    mounts = [{"name": "zones", "mountPath": "/zones"}, {"name": "zones", "mountPath": "/etc/zones", "readOnly": True}]
    own = {"extraVolumes": [zones], "extraVolumeMounts": mounts}

    function = render(case, values={"notifier": own | {"mode": "nuclio"}}).one("NuclioFunction", "seccam-notifier")["spec"]
    pod = render(case, values={"notifier": own | {"mode": "standalone"}}).pod("seccam-notifier")
    volumes = {one["name"]: one for one in pod["volumes"]}
    wanted = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] != "tmp"]
    assert function["volumes"] == [{"volume": volumes[one["name"]], "volumeMount": one} for one in wanted]


def test_a_function_has_the_common_and_pod_labels() -> None:
    values = {"commonLabels": {"team": "house"}, "notifier": {"podLabels": {"floor": "2"}}}

    labels = render("nuclio", values=values).one("NuclioFunction", "seccam-notifier")["metadata"]["labels"]
    assert (labels["team"], labels["floor"]) == ("house", "2")


def test_a_function_has_the_pull_secret() -> None:
    values = {"imagePullSecrets": [{"name": "registry"}]}

    assert render("nuclio", values=values).one("NuclioFunction", "seccam-notifier")["spec"]["imagePullSecrets"] == "registry"


def test_the_functions_pod_can_be_scraped() -> None:
    service = rendered_case("nuclio").one("Service", "seccam-notifier-ops")["spec"]

    assert service["selector"] == {"nuclio.io/function-name": "seccam-notifier"}
    assert service["ports"][0]["targetPort"] == 9090
