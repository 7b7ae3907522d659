"""A device plugin that provides one device node to pods that request its resource.

It does what a webcam's plugin does, with a device that every machine can have. It runs in a privileged pod, creates the
device node at startup and removes it at the end. The kubelet's API is k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

_API = "v1beta1"
_ENDPOINT = "seccam-tests.sock"
#: Seconds between checks of the kubelet's socket, which is recreated when the kubelet restarts.
_LOOK = 1.0


def field(number: int, value: str | bytes) -> bytes:
    """Encode a string or message field of a protobuf message, the only types needed here."""
    data = value.encode() if isinstance(value, str) else value
    assert len(data) < 128, "longer lengths need more than one byte"
    return bytes((number << 3 | 2, len(data))) + data


def registration(resource: str) -> bytes:
    """Encode a RegisterRequest: version, endpoint, resource_name."""
    return field(1, _API) + field(2, _ENDPOINT) + field(3, resource)


def devices() -> bytes:
    """Encode a ListAndWatchResponse with one healthy device."""
    return field(1, field(1, "0") + field(2, "Healthy"))


def allocation(request: bytes, node: str) -> bytes:
    """Encode an AllocateResponse that mounts the device node, read-write, in each container of the request."""
    spec = field(3, field(1, node) + field(2, node) + field(3, "rw"))
    return b"".join(field(1, spec) for _ in range(containers(request)))


def containers(request: bytes) -> int:
    """Count the container_requests of an AllocateRequest, which has no other fields."""
    count = at = 0
    while at < len(request):
        at += 2 + request[at + 1]
        count += 1
    return count


class Plugin(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """The gRPC service that the kubelet calls."""

    def __init__(self, node: str) -> None:
        self._node, self._stopped = node, threading.Event()

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a method. Messages are not decoded."""
        method = handler_call_details.method.rsplit("/", 1)[-1]
        if method == "ListAndWatch":
            return grpc.unary_stream_rpc_method_handler(lambda request, context: self._list_and_watch())
        answers = {
            "GetDevicePluginOptions": lambda request, context: b"",
            "Allocate": lambda request, context: allocation(request, self._node),
        }
        return grpc.unary_unary_rpc_method_handler(answers[method]) if method in answers else None

    def stop(self) -> None:
        """End all streams."""
        self._stopped.set()

    def _list_and_watch(self) -> Iterator[bytes]:
        yield devices()
        self._stopped.wait()


def register(folder: Path, resource: str) -> None:
    """Register with the kubelet; grpc.RpcError if it can't be reached."""
    with grpc.insecure_channel(f"unix://{folder}/kubelet.sock") as channel:
        channel.unary_unary(f"/{_API}.Registration/Register")(registration(resource), timeout=10)


def make_node(path: Path, group: int) -> None:
    """Create a device that reads as zeros and belongs to this group, as /dev/video0 belongs to `video`."""
    path.unlink(missing_ok=True)
    os.mknod(path, stat.S_IFCHR, os.makedev(1, 5))
    os.chown(path, 0, group)
    path.chmod(0o660)


def serve(folder: Path, resource: str, node: Path, ended: threading.Event) -> None:
    """Serve the kubelet, and register again whenever it restarts."""
    while not ended.is_set():
        plugin = Plugin(str(node))
        server = grpc.server(ThreadPoolExecutor(4), handlers=[plugin])
        (folder / _ENDPOINT).unlink(missing_ok=True)
        server.add_insecure_port(f"unix://{folder}/{_ENDPOINT}")
        server.start()
        kubelet = (folder / "kubelet.sock").stat().st_ino
        register(folder, resource)
        print(f"registered {resource}: {node}", flush=True)
        while not ended.wait(_LOOK) and _inode(folder / "kubelet.sock") == kubelet:
            pass
        plugin.stop()
        server.stop(1).wait()


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser("device_plugin")
    parser.add_argument("--resource", required=True, help="as in a pod's limits: example.com/device")
    parser.add_argument("--node", type=Path, required=True, help="path of the device node to create")
    parser.add_argument("--group", type=int, default=44, help="group of the device node")
    parser.add_argument(
        "--folder", type=Path, default=Path("/var/lib/kubelet/device-plugins"), help="directory of the kubelet's socket"
    )
    options = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    make_node(options.node, options.group)
    try:
        serve(options.folder, options.resource, options.node, ended)
    finally:
        options.node.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
