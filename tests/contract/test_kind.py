"""What `make kind-up` is made of fits together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CONFIG = (ROOT / "k8s/kind-config.yaml").read_text()


def node(config: str) -> dict[str, Any]:
    (found,) = yaml.safe_load(config)["nodes"]
    assert isinstance(found, dict)
    return found


def values(name: str) -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "k8s" / name).read_text())
    assert isinstance(found, dict)
    return found


def test_the_pages_port_is_on_loopback_and_leads_to_the_monitor() -> None:
    (mapping,) = node(CONFIG)["extraPortMappings"]
    assert mapping == {
        "containerPort": values("kind-values.yaml")["monitor"]["service"]["nodePort"],
        "hostPort": 8080,
        "listenAddress": "127.0.0.1",
    }


def test_the_node_has_the_webcam_that_the_camera_is_given() -> None:
    (mount,) = node(CONFIG)["extraMounts"]
    (camera,) = values("webcam-values.yaml")["cameras"]
    assert mount["containerPath"] == camera["source"] == camera["webcam"]["device"]


def test_without_a_webcam_nothing_but_its_mount_is_left_off() -> None:
    cut = re.search(r"sed '/(.*)/,\$d' k8s/kind-config.yaml", (ROOT / "scripts/kind-up").read_text())
    assert cut
    with_webcam = node(CONFIG)
    del with_webcam["extraMounts"]
    assert node(CONFIG[: CONFIG.index(cut[1])]) == with_webcam
