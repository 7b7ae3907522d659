"""A device of the node in the camera pod for real. It is no webcam, and the camera says so: it could open it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Namespace, patiently_ready
from tests.e2e.conftest import TESTS_IMAGE, MakeNamespace, a_release
from tests.e2e.release import Release
from tests.waiting import eventually

RESOURCE = "tests.seccam.dev/device"
NODE = "/dev/seccam-test"
#: The group of the device, root's own rights apart.
GROUP = 44
#: Where the node's kubelet takes device plugins.
FOLDER = os.environ.get("E2E_DEVICE_PLUGINS", "/var/lib/kubelet/device-plugins")
#: Opens the device as the camera's user may, reads, and tells user, groups and rights of the process.
LOOK = f"""
import os
data = os.read(os.open({NODE!r}, os.O_RDWR), 4)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(data == bytes(4), os.getuid(), {GROUP} in os.getgroups(), int(status["CapEff"], 16))
"""


@pytest.fixture
def device(make_namespace: MakeNamespace) -> Iterator[Namespace]:
    """A device on the node, and a plugin that hands it out; both are gone afterwards."""
    namespace = make_namespace("device", "privileged")
    namespace.apply("device-plugin.yaml", image=TESTS_IMAGE, resource=RESOURCE, node=NODE, folder=FOLDER)
    patiently_ready(namespace, "app=device-plugin", 1)
    eventually(
        lambda: any(node["status"]["allocatable"].get(RESOURCE) == "1" for node in namespace.get("nodes")["items"]),
        within=60,
        every=1,
        what=f"a node that offers {RESOURCE}: {namespace.kubectl('logs', 'device-plugin')}",
    )
    yield namespace
    namespace.kubectl("delete", "pod", "device-plugin")  # in order, so that it removes the device


def with_device(namespace: Namespace, **webcam: Any) -> Release:
    camera = {"name": "webcam", "source": NODE, "webcam": {"device": NODE, "group": GROUP, **webcam}}
    return a_release(namespace, cameras=[camera], broker={"persistence": {"enabled": False}})


def install(release: Release) -> None:
    # a camera without a picture never gets ready
    release.install(wait=False)
    release.ready("monitor")
    eventually(lambda: any(camera["why"] for camera in release.page("/cameras")), within=60, every=1, what="the camera's word")


def assert_opened(release: Release, *, privileged: bool) -> None:
    """The camera has found out what the device is, and its process may do no more than it should."""

    (pod,) = release.pods("camera")
    said = release.namespace.execute(pod, "python", "-c", LOOK).split()
    assert said[:3] == ["True", "10001", "True"]
    # a process that isn't root has no capabilities, and these containers have none to give
    assert int(said[3]) == 0
    context = release.namespace.get("pod", pod)["spec"]["containers"][0]["securityContext"]
    assert context.get("privileged", False) is privileged
    (camera,) = release.page("/cameras")
    assert "is no video device" in camera["why"]


def test_a_device_plugin_hands_the_device_to_an_unprivileged_pod(device: Namespace, make_namespace: MakeNamespace) -> None:
    release = with_device(make_namespace("webcam"), mode="devicePlugin", resource=RESOURCE)
    install(release)
    assert_opened(release, privileged=False)


def test_a_host_path_hands_the_device_to_a_privileged_pod(device: Namespace) -> None:
    release = with_device(device, mode="hostPath")
    install(release)
    assert_opened(release, privileged=True)
