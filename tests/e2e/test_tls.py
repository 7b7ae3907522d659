"""A broker that accepts only TLS, with an existing certificate."""

from __future__ import annotations

import subprocess
from pathlib import Path

from seccam import topology
from tests import certificates
from tests.e2e import phones
from tests.e2e.conftest import MakeNamespace, a_release
from tests.waiting import eventually


def test_events_and_mqtt_work_over_tls_and_no_port_accepts_plain_text(make_namespace: MakeNamespace, tmp_path: Path) -> None:
    namespace = make_namespace("tls")
    certificates.make(tmp_path, "DNS:seccam-rabbitmq,IP:127.0.0.1")
    files = {"tls.crt": "broker.pem", "tls.key": "broker.key", "ca.crt": "ca.pem"}
    from_files = [f"--from-file={key}={tmp_path / name}" for key, name in files.items()]
    namespace.kubectl("create", "secret", "generic", "broker-certificate", "--type=kubernetes.io/tls", *from_files)
    release = a_release(namespace, broker={"tls": {"enabled": True, "existingSecret": "broker-certificate"}})
    release.install()

    login = ["-u", topology.VIEWER_USER, "-P", release.broker_password(topology.VIEWER_USER)]
    with namespace.forward(f"service/{release.prefix}-rabbitmq", 8883) as port:
        where = ["-h", "127.0.0.1", "-p", str(port), "--cafile", str(tmp_path / "ca.pem"), *login]
        subscribe = ["mosquitto_sub", *where, "-C", "1", "-W", "60", "-N", "-t", "seccam/view/demo"]
        picture = subprocess.run(subscribe, capture_output=True, timeout=90, check=True).stdout
    assert picture[:2] == b"\xff\xd8"
    eventually(lambda: ("demo", "1") in phones.notifications(namespace), within=120, every=1, what="a notification")
    open_ports = {port["port"] for port in namespace.get("service", f"{release.prefix}-rabbitmq")["spec"]["ports"]}
    assert not open_ports & {5672, 1883}
