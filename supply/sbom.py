"""An SBOM in CycloneDX's JSON for each image and for the complete lock: `python -m supply.sbom FOLDER`.

The same checkout gives the same files: they contain no time, and a serial number that is computed from the version and the lock.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from seccam.version import __version__
from supply import licences, lock

SOURCE = "https://github.com/seccam/seccam"


def bom(name: str) -> Bom:
    """SBOM of the image with this name, or of everything that `make run` installs (`run`)."""
    packages = lock.read(lock.path(name))
    known = licences.read()
    subject = _subject(name, known.label(packages))
    made = Bom(metadata=BomMetaData(component=subject), components=[_package(package, known) for package in packages])
    made.register_dependency(subject, made.components)
    made.metadata.timestamp = None  # type: ignore[assignment]  # the current time otherwise
    made.serial_number = uuid5(NAMESPACE_URL, f"{SOURCE}/{name}/{__version__}/{packages}")
    return made


def text(made: Bom) -> str:
    """The SBOM as JSON."""
    return JsonV1Dot6(made).output_as_string(indent=2) + "\n"


def write(folder: Path) -> None:
    """One file for each lock."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*lock.IMAGES, "run"):
        (folder / f"seccam-{name}-{__version__}.cdx.json").write_text(text(bom(name)))


def _subject(name: str, licence: str) -> Component:
    return Component(
        type=ComponentType.APPLICATION if name == "run" else ComponentType.CONTAINER,
        name="seccam" if name == "run" else f"seccam-{name}",
        version=__version__,
        bom_ref=name,
        licenses=[LicenseExpression(licence)],
    )


def _package(package: lock.Package, known: licences.Licences) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    page = f"https://pypi.org/project/{package.name}/{package.version}/"
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseExpression(known.packages[package.name])],
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(page),
                comment="the hashes of all files that the lock accepts",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.hashes],
            )
        ],
        properties=[Property(name="seccam:environment", value=package.marker)] if package.marker else [],
        components=[_library(package, name, licence) for name, licence in known.bundled.get(package.name, {}).items()],
    )


def _library(package: lock.Package, name: str, licence: str) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        bom_ref=f"{package.name}@{package.version}/{name}",
        description="contained in wheels of this package; which ones, depends on the platform",
        licenses=[LicenseExpression(licence)],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m supply.sbom", description="Write the SBOMs of the images and of the complete lock."
    )
    parser.add_argument("folder", type=Path, help="where to write them")
    write(parser.parse_args().folder)
