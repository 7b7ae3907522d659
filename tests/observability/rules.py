"""The chart's rule files, with their placeholders replaced as by Helm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "charts/seccam/files/rules"
OWN_BROKER = ("objectives", "scaling", "alerts", "broker")
EXTERNAL_BROKER = ("objectives", "scaling", "alerts", "broker-external")


def filled(name: str, namespace: str, release: str) -> str:
    """Return the text of a rule file for a release."""
    return (FOLDER / f"{name}.yaml").read_text().replace("NAMESPACE", namespace).replace("RELEASE", release)


def expected(cameras: Iterable[str], namespace: str, release: str) -> str:
    """Return the rules that the chart generates for its cameras."""
    labels = ({"camera": camera, "namespace": namespace, "release": release} for camera in cameras)
    rules = [{"record": "camera:seccam_expected:info", "expr": "vector(1)", "labels": one} for one in labels]
    return yaml.safe_dump({"groups": [{"name": "seccam-expected", "interval": "15s", "rules": rules}]})


def every(names: Iterable[str] = ("objectives", "scaling", "alerts", "broker", "broker-external")) -> list[Mapping[str, Any]]:
    """Return all rules as written, with placeholders."""
    files = (yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in names)
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]
