"""The notifier's target `nuclio`, on an image with the files that Nuclio's has where Nuclio's has them.

Whether Nuclio's own processor runs it is another matter: docs/images.md says what was run.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import engine

pytestmark = pytest.mark.images

CHECKOUT = Path(__file__).parents[2]
LAYOUT, IMAGE = "seccam-test-nuclio-layout", "seccam-test-notifier-nuclio"

#: Like the wrapper, with what the wrapper needs.
LOAD = """
import msgpack, nuclio_sdk, seccam_notifier.nuclio
print(seccam_notifier.nuclio.init_context.__name__, seccam_notifier.nuclio.handler.__name__)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("layout")
    (folder / "py").mkdir()
    (folder / "py" / "_nuclio_wrapper.py").write_text("# Nuclio's wrapper\n")
    (folder / "processor").write_text("#!/bin/sh\necho processor $(id -u)\n")
    (folder / "processor").chmod(0o755)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY py /home/nuclio/bin/py\nCOPY processor /home/nuclio/bin/processor\n")
    layout = engine.docker("build", "--quiet", "--tag", LAYOUT, str(folder))
    assert layout.returncode == 0, layout.stderr.decode()
    options = f"NUCLIO_IMAGE={LAYOUT}", f"IMAGE_PREFIX={IMAGE}/", "IMAGE_TAG=test"
    subprocess.run(["make", "--silent", "image-nuclio", *options], cwd=CHECKOUT, check=True, timeout=110)
    yield f"{IMAGE}/notifier-nuclio:test"
    engine.docker("image", "rm", f"{IMAGE}/notifier-nuclio:test", LAYOUT)


def test_the_processor_is_what_runs_and_nobody_is_root(image: str) -> None:
    assert engine.config(image)["Cmd"] == ["processor"]
    assert engine.config(image)["User"] == "10001:10001"
    assert engine.run(image).stdout == b"processor 10001\n"


def test_the_wrapper_finds_the_handler_and_what_it_needs_itself(image: str) -> None:
    assert engine.python(image, LOAD) == b"init_context handler\n"


def test_the_wrapper_is_run_by_the_python_that_has_the_dependencies(image: str) -> None:
    assert "NUCLIO_PYTHON_EXE_PATH=/opt/seccam/bin/python" in engine.config(image)["Env"]
