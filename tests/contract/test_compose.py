"""compose.yaml, its scripts and the chart agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from seccam import topology
from seccam.version import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
SETUP = (ROOT / "compose/setup").read_text()


def default(text: str) -> str:
    """The text where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("service", ["setup", "camera", "monitor", "security", "notifier"])
def test_the_image_is_the_one_that_make_builds(service: str) -> None:
    component = "monitor" if service == "setup" else service

    assert default(SERVICES[service]["image"]) == f"ghcr.io/seccam/{component}:{__version__}"


def test_the_broker_is_the_charts() -> None:
    image = yaml.safe_load((ROOT / "charts/seccam/values.yaml").read_text())["broker"]["image"]

    assert default(SERVICES["rabbitmq"]["image"]) == f"{image['repository']}:{image['tag']}"


def test_only_the_page_is_published_and_only_on_loopback() -> None:
    published = {name: default(port) for name, service in SERVICES.items() for port in service.get("ports", [])}

    assert published == {"monitor": "127.0.0.1:8080:8080"}


@pytest.mark.parametrize("service", ["camera", "monitor", "security", "notifier"])
def test_setup_gives_a_service_its_password(service: str) -> None:
    user = SERVICES[service]["environment"]["SECCAM_BROKER_USERNAME"]

    assert user in topology.PERMISSIONS
    assert re.search(rf"^chown {SERVICES[service]['user'].partition(':')[0]} passwords/{user}\b", SETUP, re.MULTILINE)
