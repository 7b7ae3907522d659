"""requirements/licences.toml names all packages and what their wheels contain, and labels say which licences an image has."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import cv2
import pytest
from packaging.utils import canonicalize_name

from supply import lock
from supply.licences import OWN, SPDX, Licences, read

ROOT = Path(__file__).parents[2]
LICENCES = read()
RUN = lock.read(lock.path("run"))
NAMES = sorted({package.name for package in RUN})
INSTALLED = sorted(set(NAMES) & {canonicalize_name(found.name) for found in importlib.metadata.distributions()})
#: libx264-d6533a8d.so.165, libopenblasp-r0-59ffcd50.3.15.so, libfacedetection.so.v0.0.3
LIBRARY = re.compile(r"(lib.+?)(-[0-9a-f]{8})*(\.[0-9.]+)?\.so(\..+)?")


def files(package: str) -> list[Path]:
    return [Path(str(file.locate())) for file in importlib.metadata.distribution(package).files or []]


def shared_libraries(package: str) -> set[str]:
    """Those beside the modules of Python."""
    return {matched[1] for file in files(package) if (matched := LIBRARY.fullmatch(file.name))}


def linked_into_ffmpeg(package: str) -> set[str]:
    """Names of the libraries that FFmpeg was configured with."""
    codecs = [file.read_bytes() for file in files(package) if file.name.startswith("libavcodec")]
    return {name.decode() for codec in codecs for name in re.findall(rb"--enable-(lib[\w-]+)", codec)}


def crates(package: str) -> list[dict[str, Any]]:
    """What is linked into a module written in Rust, from the SBOM in the wheel."""
    boms = [json.loads(file.read_bytes()) for file in files(package) if file.parent.name == "sboms"]
    return [part for bom in boms for part in bom["components"] if part.get("purl", "").startswith("pkg:cargo/")]


def test_the_list_has_the_locked_packages_and_no_others() -> None:
    assert sorted(LICENCES.packages) == NAMES
    assert set(LICENCES.bundled) <= set(NAMES)


@pytest.mark.parametrize("package", NAMES)
def test_licences_of_a_package_and_of_what_it_bundles_are_accepted(package: str) -> None:
    assert [expression for expression in LICENCES.of(package) if not LICENCES.accepts(expression)] == []


@pytest.mark.parametrize("package", INSTALLED)
def test_the_list_says_what_the_package_declares(package: str) -> None:
    metadata = importlib.metadata.metadata(package)

    if "License-Expression" in metadata:
        assert SPDX.parse(metadata["License-Expression"]) == SPDX.parse(LICENCES.packages[package])


@pytest.mark.parametrize("package", INSTALLED)
def test_libraries_in_the_installed_wheel_are_in_the_list(package: str) -> None:
    known = LICENCES.bundled.get(package, {})

    assert shared_libraries(package) - known.keys() == set()
    # FFmpeg's option libsvtav1 is the library libSvtAv1Enc
    assert [used for used in linked_into_ffmpeg(package) if not any(name.lower().startswith(used) for name in known)] == []


@pytest.mark.parametrize("package", INSTALLED)
def test_crates_in_the_installed_wheel_have_permissive_licences_or_are_in_the_list(package: str) -> None:
    known = LICENCES.bundled.get(package, {})
    licences = {crate["name"]: crate["licenses"][0]["expression"] for crate in crates(package)}

    assert {name for name, licence in licences.items() if LICENCES.obligations(licence)} <= known.keys()


def test_libraries_that_opencv_was_built_with_are_in_the_list() -> None:
    built = re.search(r"3rdparty dependencies: *(.*)", cv2.getBuildInformation())

    assert built
    assert set(built[1].split()) - LICENCES.bundled["opencv-python-headless"].keys() == set()


def test_pyavs_wheel_has_libraries_under_the_gpl() -> None:
    # docs/images.md and the camera's label say so: change them if this fails
    assert {"libx264", "libx265"} <= shared_libraries("av")


@pytest.mark.parametrize("image", lock.IMAGES)
def test_the_label_of_an_image_names_the_licences_of_what_is_in_it(image: str) -> None:
    written = re.findall(r'org\.opencontainers\.image\.licenses="(.*)"', (ROOT / f"Dockerfiles/{image}.Dockerfile").read_text())

    assert written == [LICENCES.label(lock.read(lock.path(image)))]


def test_an_unlisted_licence_is_not_accepted() -> None:
    licences = Licences(frozenset({"MIT"}), frozenset({"MPL-2.0"}), {}, {})

    assert licences.accepts("MIT")
    assert licences.accepts("GPL-2.0-only OR MPL-2.0")
    assert not licences.accepts("GPL-2.0-only AND MPL-2.0")
    assert not licences.accepts("MIT AND GPL-2.0-only WITH Classpath-exception-2.0")


def test_a_label_names_each_copyleft_licence_once_and_of_alternatives_the_freest() -> None:
    licences = Licences(
        frozenset({"MIT"}), frozenset(), {"one": "MPL-2.0 AND MIT", "two": "MPL-2.0"}, {"one": {"lib": "MIT OR GPL-2.0-only"}}
    )

    assert licences.label([lock.Package(name, "1", "", ("0",)) for name in ("one", "two")]) == f"{OWN} AND MPL-2.0"
