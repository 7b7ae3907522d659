"""A real device of the node in the camera's pod. It isn't a webcam; that the camera reports so shows that it opened the device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Namespace, wait_ready
from tests.e2e.conftest import TESTS_IMAGE, MakeNamespace, a_release
from tests.e2e.release import Release
from tests.waiting import eventually

RESOURCE = "tests.seccam.dev/device"
NODE = "/dev/seccam-test"
#: The group that may open the device.
GROUP = 44
#: Directory of the kubelet's sockets of device plugins.
FOLDER = os.environ.get("E2E_DEVICE_PLUGINS", "/var/lib/kubelet/device-plugins")
#: Reads from the device as the camera's user, and prints user, group and capabilities of the process.
PROBE = f"""
import os
data = os.read(os.open({NODE!r}, os.O_RDWR), 4)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(data == bytes(4), os.getuid(), {GROUP} in os.getgroups(), int(status["CapEff"], 16))
"""


@pytest.fixture
def device(make_namespace: MakeNamespace) -> Iterator[Namespace]:
    """A device on the node and a plugin that provides it; both are removed afterwards."""
    namespace = make_namespace("device", "privileged")
    namespace.apply("device-plugin.yaml", image=TESTS_IMAGE, resource=RESOURCE, node=NODE, folder=FOLDER)
    wait_ready(namespace, "app=device-plugin", 1)
    eventually(
        lambda: any(node["status"]["allocatable"].get(RESOURCE) == "1" for node in namespace.get("nodes")["items"]),
        within=60,
        every=1,
        what=f"a node that offers {RESOURCE}: {namespace.kubectl('logs', 'device-plugin')}",
    )
    yield namespace
    namespace.kubectl("delete", "pod", "device-plugin")  # gracefully, so that it removes the device


def with_device(namespace: Namespace, **webcam: Any) -> Release:
    camera = {"name": "webcam", "source": NODE, "webcam": {"device": NODE, "group": GROUP, **webcam}}
    return a_release(namespace, cameras=[camera], broker={"persistence": {"enabled": False}})


def install(release: Release) -> None:
    # a camera without frames never becomes ready
    release.install(wait=False)
    release.ready("monitor")
    eventually(lambda: any(camera["why"] for camera in release.page("/cameras")), within=60, every=1, what="the camera's status")


def assert_opened(release: Release, *, privileged: bool) -> None:
    """Assert that the camera has opened the device, and that its process has no other privileges."""

    (pod,) = release.pods("camera")
    said = release.namespace.execute(pod, "python", "-c", PROBE).split()
    assert said[:3] == ["True", "10001", "True"]
    # the process has no capabilities, as it doesn't run as root
    assert int(said[3]) == 0
    context = release.namespace.get("pod", pod)["spec"]["containers"][0]["securityContext"]
    assert context.get("privileged", False) is privileged
    (why,) = [camera["why"] for camera in release.page("/cameras") if camera["name"] == "webcam"]
    assert "not a video device" in why


def test_a_device_plugin_provides_the_device_to_an_unprivileged_pod(device: Namespace, make_namespace: MakeNamespace) -> None:
    release = with_device(make_namespace("webcam"), mode="devicePlugin", resource=RESOURCE)
    install(release)
    assert_opened(release, privileged=False)


def test_a_host_path_provides_the_device_to_a_privileged_pod(device: Namespace) -> None:
    release = with_device(device, mode="hostPath")
    install(release)
    assert_opened(release, privileged=True)
