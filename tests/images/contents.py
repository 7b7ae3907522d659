"""What is in an image, told from inside: the source of `LOOK` runs there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.images import engine

LOOK = """
import importlib.metadata, importlib.util, json, os, pathlib, platform, shutil, sys

site = pathlib.Path(next(p for p in sys.path if p.startswith("/opt/seccam/")))
base = ("/proc/", "/sys/", "/usr/share/python-wheels/")  # the base image's
paths = [os.path.join(folder, file) for folder, _, files in os.walk("/") for file in files]
print(json.dumps({
    "python": platform.python_version(),
    "compilers": [tool for tool in ("cc", "gcc", "g++", "clang", "cmake", "make") if shutil.which(tool)],
    "wheels": [p for p in paths if p.endswith(".whl") and not p.startswith(base)],
    "cached": [p for p in paths if "/.cache/" in p],
    "installers": [p for p in paths if p.endswith(("-packages/pip/__init__.py", "-packages/setuptools/__init__.py"))],
    "distributions": [d.metadata["Name"].lower().replace("_", "-") for d in importlib.metadata.distributions(path=[str(site)])],
    "uncompiled": [str(p) for p in site.rglob("*.py") if not pathlib.Path(importlib.util.cache_from_source(str(p))).exists()],
}))
"""


@dataclass(frozen=True)
class Contents:
    """What was found."""

    python: str
    compilers: list[str]
    wheels: list[str]
    cached: list[str]
    installers: list[str]
    distributions: list[str]
    uncompiled: list[str]


def look(image: str) -> Contents:
    """Into the image, with root's eyes, which see every folder."""
    told: dict[str, Any] = json.loads(engine.python(image, LOOK, options=("--user", "0:0")))
    return Contents(**told)
