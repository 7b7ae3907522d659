"""Properties of every pod, with any values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.chart import CASES, EXTENSIONS, Object, Rendered, render, rendered_case

#: Volumes that Pod Security "restricted" allows.
_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_IMAGE = re.compile(r"\S+(:[\w.-]+|@sha256:[0-9a-f]{64})")


@pytest.fixture(scope="module", params=CASES)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return rendered_case(request.param)


def privileged(name: str, spec: Any) -> bool:
    """Return whether this pod is the privileged one of webcam.mode hostPath."""
    return name == "seccam-camera-front" and any("hostPath" in volume for volume in spec["volumes"])


def containers(pod: Object) -> Iterator[tuple[str, Any]]:
    for kind in ("initContainers", "containers"):
        for container in pod["spec"].get(kind, []):
            yield kind, container


def test_every_pod_meets_restricted_except_one_with_a_webcam_by_host_path(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        spec = pod["spec"]
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] == (999 if name == "seccam-rabbitmq" else 10001), name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for _, container in containers(pod):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, name
            if privileged(name, spec):
                assert own["privileged"] is True
                continue
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert not own.get("privileged"), name
        if not privileged(name, spec):
            assert all(_VOLUMES & volume.keys() for volume in spec.get("volumes", [])), name


def test_no_pod_has_a_token_except_a_broker_that_discovers_its_peers(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        tokens = "serviceAccountToken" in repr(pod["spec"].get("volumes"))
        assert tokens == (name == "seccam-rabbitmq" and _replicas(rendered, name) > 1), name
    for account in rendered.every("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_no_pod_gets_the_addresses_of_services_as_environment_variables(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["spec"]["enableServiceLinks"] is False, name


def test_every_container_has_requests_and_limits(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        for _, container in containers(pod):
            resources = container["resources"]
            # without a request of its own, a limit is one
            assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys(), name
            assert {"cpu", "memory", "ephemeral-storage"} <= resources["limits"].keys(), name
            assert int(resources["limits"]["cpu"]) >= 1, f"{name}: a limit near what it needs would cause delays"


def test_a_broker_without_claims_may_fill_its_volume() -> None:
    rendered = render(values={"broker": {"persistence": {"enabled": False}}})

    assert "ephemeral-storage" not in rendered.container("seccam-rabbitmq")["resources"]["limits"]


def test_every_service_is_probed(rendered: Rendered) -> None:
    for one in [*rendered.every("Deployment"), *rendered.every("StatefulSet")]:
        for container in one["spec"]["template"]["spec"]["containers"]:
            assert "readinessProbe" in container, one["metadata"]["name"]
            assert "startupProbe" in container, one["metadata"]["name"]
            # Killing a slow broker doesn't help.
            assert ("livenessProbe" in container) == (one["kind"] == "Deployment"), one["metadata"]["name"]


def test_every_image_has_a_tag_or_a_digest(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        for _, container in containers(pod):
            assert _IMAGE.fullmatch(container["image"]), name
            assert not container["image"].endswith(":latest"), name


def test_every_object_is_labelled(rendered: Rendered) -> None:
    for one in rendered.objects:
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "seccam", one["metadata"]["name"]
        assert labels["app.kubernetes.io/instance"] == "seccam", one["metadata"]["name"]
        assert labels["app.kubernetes.io/component"], one["metadata"]["name"]


def test_every_selector_finds_its_pods_and_no_others(rendered: Rendered) -> None:
    pods = {name: pod["metadata"]["labels"] for name, pod in rendered.pods()}
    for one in [*rendered.every("Deployment"), *rendered.every("StatefulSet")]:
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert [name for name, labels in pods.items() if wanted <= labels.items()] == [one["metadata"]["name"]]


def test_pods_spread_over_nodes_where_that_is_possible(rendered: Rendered) -> None:
    for one in [*rendered.every("Deployment"), *rendered.every("StatefulSet")]:
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread[0]["whenUnsatisfiable"] == "ScheduleAnyway", one["metadata"]["name"]


def test_secrets_are_only_in_secret_objects(rendered: Rendered) -> None:
    elsewhere = repr([one for one in rendered.objects if one["kind"] != "Secret"])
    for name, key, text in rendered.secrets():
        assert text, f"{name}: {key} is empty"
        assert text not in elsewhere, f"{name}: {key}"


def test_no_disruption_budget_blocks_draining_a_node(rendered: Rendered) -> None:
    for one in rendered.every("PodDisruptionBudget"):
        assert one["spec"]["maxUnavailable"] == 1
        assert "minAvailable" not in one["spec"]
        # A broker that isn't ready may have the only copy of data that its peers lack.
        stateless = one["metadata"]["name"] != "seccam-rabbitmq"
        assert (one["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow") == stateless


def test_a_network_policy_that_denies_all_selects_every_pod(rendered: Rendered) -> None:
    deny = rendered.one("NetworkPolicy", "seccam")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    for name, pod in rendered.pods():
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items(), name


def test_the_cases_need_only_the_listed_extensions() -> None:
    kinds = {f"{one['apiVersion']}/{one['kind']}" for case in CASES for one in rendered_case(case).objects}
    foreign = {kind for kind in kinds if "." in kind.split("/")[0] and not kind.split("/")[0].endswith(".k8s.io")}
    foreign |= {kind for kind in kinds if kind.startswith("gateway.")}
    assert foreign - {"nuclio.io/v1beta1/NuclioProject", "keda.sh/v1alpha1/TriggerAuthentication"} <= set(EXTENSIONS)


def _replicas(rendered: Rendered, name: str) -> int:
    return int(rendered.one("StatefulSet", name)["spec"]["replicas"])
