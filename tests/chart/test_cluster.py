"""How an API server responds to the chart's objects. Needs a cluster (KUBECONFIG)."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bcrypt
import pytest
import yaml

from seccam import topology
from tests.chart.chart import CASES, CHART, Object, Rendered, helm, render, rendered_case, values_of

PASSWORDS = {user: f"{user}-0123456789" for user in (*topology.permissions(["demo"]), "erlang-cookie")}


def kubectl(*arguments: str, objects: Sequence[Object] = ()) -> subprocess.CompletedProcess[str]:
    text = yaml.safe_dump_all(objects) if objects else None
    return subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def served(namespace: str) -> set[str]:
    """Kinds that the cluster serves, as group/kind."""
    lines = kubectl("api-resources", "--no-headers", "--output=wide").stdout.splitlines()
    cells = [line.split() for line in lines]
    return {f"{version.rpartition('/')[0]}/{kind}" for row in cells for version, kind in _kinds(row)}


def _kinds(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield version and kind, the columns around `namespaced`. A column of short names may precede them."""
    for before, flag, after in zip(row, row[1:], row[2:], strict=False):
        if flag in ("true", "false"):
            yield before, after


def known(rendered: Rendered, served: set[str]) -> list[Object]:
    """Return the objects whose kinds the cluster serves."""
    return [one for one in rendered.objects if f"{one['apiVersion'].rpartition('/')[0]}/{one['kind']}" in served]


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_accepts_every_object(case: str, namespace: str, served: set[str]) -> None:
    rendered = rendered_case(case)
    objects = [one for one in known(rendered, served) if one["metadata"].get("namespace", namespace) == namespace]
    objects = [one for one in objects if one["kind"] != "Pod"]  # needs an existing ServiceAccount; see below
    assert {"Deployment", "Service", "NetworkPolicy"} <= {one["kind"] for one in objects}

    answer = kubectl("create", "--dry-run=server", f"--namespace={namespace}", "--filename=-", objects=objects)

    assert answer.returncode == 0, answer.stderr
    # about the privileged container, and about nothing else
    assert ("would violate PodSecurity" in answer.stderr) == (case == "webcam-host-path"), answer.stderr
    assert answer.stderr.count("Warning") == (case == "webcam-host-path"), answer.stderr


@pytest.mark.parametrize("case", CASES)
def test_a_restricted_namespace_accepts_every_pod_except_a_privileged_one(case: str, namespace: str) -> None:
    pods = [_bare(name, pod) for name, pod in rendered_case(case).pods()]

    answer = kubectl("create", "--dry-run=server", f"--namespace={namespace}", "--filename=-", objects=pods)

    if case == "webcam-host-path":
        assert answer.stdout.count("created") == len(pods) - 1, answer.stderr
        assert 'pods "seccam-camera-front" is forbidden: violates PodSecurity "restricted' in answer.stderr
    else:
        assert answer.returncode == 0, answer.stderr


def _bare(name: str, pod: Object) -> Object:
    """Return the pod without references to objects that must exist: account, priority class, claim."""
    spec = {key: value for key, value in pod["spec"].items() if key not in ("serviceAccountName", "priorityClassName")}
    mounted = {one["name"] for container in spec["containers"] for one in container.get("volumeMounts", [])}
    claimed = mounted - {volume["name"] for volume in spec.get("volumes", [])}
    spec["volumes"] = [*spec.get("volumes", []), *({"name": one, "emptyDir": {}} for one in sorted(claimed))]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": pod["metadata"]["labels"]}, "spec": spec}


CERTIFICATES = ("seccam-rabbitmq-ca", "seccam-rabbitmq-tls")


def owner(namespace: str) -> dict[str, dict[str, str]]:
    """Metadata of an object that belongs to the release."""
    return {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "seccam", "meta.helm.sh/release-namespace": namespace},
    }


@pytest.fixture
def secrets(namespace: str) -> Iterator[dict[str, dict[str, str]]]:
    """Secrets that an earlier revision created."""
    with kept_secrets(namespace) as kept:
        yield kept


@contextmanager
def kept_secrets(namespace: str) -> Iterator[dict[str, dict[str, str]]]:
    hashed = bcrypt.hashpw(b"kept-password", bcrypt.gensalt(4)).decode()
    kept = {
        "seccam-login": {"users": f"admin:{hashed}\n", "password": "kept-password", "session-key": "k" * 64},
        "seccam-broker": PASSWORDS,
    }
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **owner(namespace)}, "stringData": data}
        for name, data in kept.items()
    ]
    assert kubectl("create", f"--namespace={namespace}", "--filename=-", objects=made).returncode == 0
    try:
        yield kept
    finally:
        kubectl("delete", "secret", f"--namespace={namespace}", *kept)


def live(namespace: str) -> tuple[str, ...]:
    return (f"--namespace={namespace}", "--dry-run=server", "--is-upgrade")


def test_an_upgrade_keeps_generated_passwords_and_restarts_no_pod(namespace: str, secrets: dict[str, dict[str, str]]) -> None:
    first, second = (render(options=live(namespace)) for _ in range(2))

    for name, data in secrets.items():
        assert {key: text for found, key, text in first.secrets() if found == name} == data
    assert dict(first.pods()) == dict(second.pods())


@pytest.fixture
def certificates(namespace: str) -> Iterator[Callable[[float], dict[str, dict[str, str]]]]:
    """Creates the Secrets of an installation whose authority is valid for so many days; returns their data."""

    def create(days: float) -> dict[str, dict[str, str]]:
        rendered = render(options=(f"--namespace={namespace}",))
        made = [rendered.one("Secret", name) for name in CERTIFICATES]
        made[0]["metadata"]["annotations"]["seccam.dev/expires"] = str(round(time.time() + days * 24 * 3600))
        for one in made:
            one["metadata"]["annotations"] |= owner(namespace)["annotations"]
        assert kubectl("create", f"--namespace={namespace}", "--filename=-", objects=made).returncode == 0
        return {one["metadata"]["name"]: one["data"] for one in made}

    try:
        yield create
    finally:
        kubectl("delete", "secret", f"--namespace={namespace}", *CERTIFICATES)


def upgraded(namespace: str, **broker: Any) -> dict[str, dict[str, str]]:
    """The data of the Secrets after an upgrade."""
    rendered = render(values={"broker": broker}, options=live(namespace))
    return {name: rendered.one("Secret", name)["data"] for name in CERTIFICATES}


def test_an_upgrade_keeps_the_brokers_certificate(
    namespace: str, certificates: Callable[[float], dict[str, dict[str, str]]]
) -> None:
    before = certificates(3650)

    assert upgraded(namespace) == before
    renamed = upgraded(namespace, tls={"dnsNames": ["mqtt.example.org"]})
    assert renamed["seccam-rabbitmq-ca"] == before["seccam-rabbitmq-ca"]
    assert renamed["seccam-rabbitmq-tls"]["ca.crt"] == before["seccam-rabbitmq-tls"]["ca.crt"]
    assert renamed["seccam-rabbitmq-tls"]["tls.crt"] != before["seccam-rabbitmq-tls"]["tls.crt"]


def test_an_upgrade_renews_a_certificate_that_expires_within_a_year(
    namespace: str, certificates: Callable[[float], dict[str, dict[str, str]]]
) -> None:
    before = certificates(300)

    after = upgraded(namespace)
    assert after["seccam-rabbitmq-ca"]["tls.crt"] != before["seccam-rabbitmq-ca"]["tls.crt"]
    assert after["seccam-rabbitmq-tls"]["ca.crt"] == after["seccam-rabbitmq-ca"]["tls.crt"]


def test_an_upgrade_disables_the_users_of_former_cameras_and_versions(namespace: str, secrets: dict[str, dict[str, str]]) -> None:
    rendered = render(values={"cameras": [{"name": "front", "source": "demo"}]}, options=live(namespace))

    (passwords,) = [one["secret"]["items"] for one in rendered.pod("seccam-rabbitmq")["volumes"] if one["name"] == "passwords"]
    # the broker's definitions have them, without a password, as `front` is the only camera
    assert {item["key"] for item in passwords} == {*topology.permissions(["front"]), "camera-demo"}


@pytest.mark.usefixtures("secrets")
def test_a_secret_without_the_password_of_a_camera_is_refused(namespace: str) -> None:
    values = {"broker": {"auth": {"existingSecret": "seccam-broker"}}, "cameras": [{"name": "front", "source": "demo"}]}

    with pytest.raises(AssertionError, match="Secret seccam-broker has no key camera-front"):
        render(values=values, options=live(namespace))


def test_a_new_user_name_keeps_the_password(namespace: str, secrets: dict[str, dict[str, str]]) -> None:
    rendered = render(values={"monitor": {"login": {"username": "anna"}}}, options=live(namespace))

    login = {key: text for name, key, text in rendered.secrets() if name == "seccam-login"}
    user, _, hashed = login["users"].strip().partition(":")
    assert user == "anna"
    assert bcrypt.checkpw(b"kept-password", hashed.encode())
    assert login["session-key"] == secrets["seccam-login"]["session-key"]


def notes(case: str, namespace: str, *options: str) -> str:
    """Return the notes of an installation with these values."""
    dry = ("--dry-run=server", f"--namespace={namespace}", f"--values={values_of(case)}", *options)
    answer = helm("install", "seccam", str(CHART), *dry)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.partition("\nNOTES:\n")[2]


def test_the_notes_show_the_next_three_commands_and_no_password(namespace: str, secrets: dict[str, dict[str, str]]) -> None:
    shown = notes("default", namespace)

    assert "get secret seccam-login -o jsonpath='{.data.password}' | base64 -d" in shown
    assert f"kubectl -n {namespace} port-forward service/seccam-monitor 8080:80" in shown
    assert "http://localhost:8080" in shown
    assert not any(text in shown for data in secrets.values() for text in data.values())
    assert "WARNING" not in shown


def test_the_notes_say_that_an_exposed_page_needs_allowed_hosts(namespace: str) -> None:
    beyond = ("--set=monitor.service.type=LoadBalancer", "--set=monitor.tls.existingSecret=page")

    assert "monitor.allowedHosts" in notes("default", namespace, *beyond)
    assert "monitor.allowedHosts" not in notes("default", namespace, *beyond, "--set=monitor.allowedHosts={192.168.1.9}")
    assert "monitor.allowedHosts" not in notes("default", namespace)


def test_the_notes_warn_about_an_ingress_whose_proxy_is_not_trusted(namespace: str) -> None:
    ingress = ("--set=monitor.ingress.enabled=true", "--set=monitor.ingress.hosts={cam.example.org}")
    assert "WARNING: monitor.trustedProxies is empty" in notes("default", namespace, *ingress)
    assert "monitor.trustedProxies" not in notes("default", namespace, *ingress, "--set=monitor.trustedProxies={10.244.0.0/16}")
    assert "monitor.trustedProxies" not in notes("default", namespace)


def test_the_notes_warn_about_a_privileged_camera(namespace: str) -> None:
    assert "WARNING: camera front runs in a privileged container" in notes("webcam-host-path", namespace)


@pytest.fixture
def nuclio(baseline_namespace: str) -> Iterator[str]:
    """Nuclio's kinds, without Nuclio. Like its own definitions, they accept any field and keep a given status.

    Yields a namespace that Nuclio's pods can run in.
    """
    if kubectl("get", "crd", "nucliofunctions.nuclio.io").returncode == 0:
        yield baseline_namespace
        return
    definitions = [_definition("NuclioFunction"), _definition("NuclioProject")]
    assert kubectl("create", "--filename=-", objects=definitions).returncode == 0
    names = [one["metadata"]["name"] for one in definitions]
    try:
        waited = kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in names))
        assert waited.returncode == 0, waited.stderr
        yield baseline_namespace
    finally:
        kubectl("delete", "crd", *names)


def _definition(kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": "nuclio.io",
        "scope": "Namespaced",
        "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
    }
    metadata = {"name": f"{plural}.nuclio.io"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}


def test_nuclio_gets_the_password_of_an_existing_secret(nuclio: str) -> None:
    values = {"broker": {"auth": {"existingSecret": "seccam-broker"}}}
    with kept_secrets(nuclio) as secrets:
        rendered = render("nuclio", values=values, options=live(nuclio))

    content = rendered.one("Secret", "seccam-notifier-function")["stringData"]["content"]
    (url,) = json.loads(base64.b64decode(content)).values()
    assert url.startswith(f"amqps://notifier:{secrets['seccam-broker']['notifier']}@")


@pytest.mark.parametrize(
    ("state", "rendered"),
    [
        ("ready", "ready"),  # owned by Nuclio: changing it would be a conflict in Helm 4
        ("scaledToZero", "scaledToZero"),
        ("error", "waitingForResourceConfiguration"),  # Nuclio doesn't leave it by itself
        ("unhealthy", "waitingForResourceConfiguration"),  # nor this, unless a pod becomes ready
    ],
)
def test_an_upgrade_leaves_the_functions_state_to_nuclio(nuclio: str, state: str, rendered: str) -> None:
    function = dict(rendered_case("nuclio").one("NuclioFunction", "seccam-notifier")) | {"status": {"state": state}}
    assert kubectl("create", f"--namespace={nuclio}", "--filename=-", objects=[function]).returncode == 0
    try:
        upgraded = render("nuclio", options=live(nuclio)).one("NuclioFunction", "seccam-notifier")
    finally:
        kubectl("delete", "nucliofunction", "seccam-notifier", f"--namespace={nuclio}")

    assert upgraded["status"] == {"state": rendered}


UNCHECKED = {"notifier": {"nuclio": {"checkPodSecurity": False}}}


@pytest.mark.usefixtures("nuclio")
def test_nuclio_mode_is_refused_in_a_restricted_namespace(namespace: str) -> None:
    with pytest.raises(AssertionError, match=f"notifier.mode nuclio: namespace {namespace} enforces Pod Security restricted"):
        render("nuclio", options=live(namespace))

    assert render("nuclio", values=UNCHECKED, options=live(namespace)).one("NuclioFunction", "seccam-notifier")
    assert "set notifier.mode=standalone" not in notes("default", namespace)


def test_the_notes_say_if_pod_security_was_not_checked(nuclio: str) -> None:
    words = f"the Pod Security level of namespace {nuclio} was not checked"

    assert words in notes("nuclio", nuclio, "--set=notifier.nuclio.checkPodSecurity=false")
    assert words not in notes("nuclio", nuclio)


@pytest.fixture
def limited(nuclio: str) -> Iterator[str]:
    """A user with all the permissions that rendering needs, except to read the namespace."""
    rules = [{"apiGroups": [group], "resources": ["*"], "verbs": ["*"]} for group in ("apps", "nuclio.io")]
    rules.append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]})
    kind, group = "Role", "rbac.authorization.k8s.io"
    subject = {"kind": "User", "apiGroup": group, "name": "limited"}
    objects: list[dict[str, Any]] = [
        {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "limited"}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": "limited"},
            "roleRef": {"apiGroup": group, "kind": kind, "name": "limited"},
            "subjects": [subject],
        },
    ]
    assert kubectl("create", f"--namespace={nuclio}", "--filename=-", objects=objects).returncode == 0
    yield "limited"
    kubectl("delete", f"--namespace={nuclio}", "--filename=-", objects=objects)


def test_the_pod_security_check_can_be_disabled_if_helm_may_not_read_namespaces(nuclio: str, limited: str) -> None:
    options = (*live(nuclio), f"--kube-as-user={limited}")
    with pytest.raises(AssertionError, match=f'namespaces "{nuclio}" is forbidden'):
        render("nuclio", options=options)

    assert render("nuclio", values=UNCHECKED, options=options).one("NuclioFunction", "seccam-notifier")
