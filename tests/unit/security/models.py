"""Where YuNet's model may be found: it is not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[4] / "shared"
_MODEL = _SHARED / "models" / "yunet_n_320_320.onnx"


def yunet_model() -> str:
    """Its path; the test is skipped where there is none, and fails if it should be there."""
    if not _MODEL.exists():
        if os.environ.get("CI") and _SHARED.exists():
            pytest.fail(f"{_MODEL} is missing")
        pytest.skip("YuNet's model is not here: ../shared/models")
    return str(_MODEL)
