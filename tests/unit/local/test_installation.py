"""Which RabbitMQ `make run` uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from seccam_local.installation import Installation, found


def installed(scripts: Path) -> Path:
    scripts.mkdir(parents=True)
    (scripts / "rabbitmq-server").touch()
    return scripts


def test_the_newest_of_package_and_archives_is_taken(tmp_path: Path) -> None:
    package = installed(tmp_path / "package" / "bin")
    (tmp_path / "package" / "lib" / "rabbitmq_server-3.10.8").mkdir(parents=True)
    old = installed(tmp_path / "rabbitmq_server-3.13.7" / "sbin")
    new = installed(tmp_path / "rabbitmq_server-4.2.9" / "sbin")
    (tmp_path / "rabbitmq_server-4.3.0").mkdir()  # without its scripts

    candidates = list(found(tmp_path / "package", sorted(tmp_path.glob("rabbitmq_server-*"))))

    assert candidates == [Installation((3, 10), package), Installation((3, 13), old), Installation((4, 2), new)]
    assert max(candidates).scripts == new


def test_nothing_is_found_where_nothing_is_installed(tmp_path: Path) -> None:
    assert list(found(tmp_path, [tmp_path / "none", tmp_path])) == []


@pytest.mark.parametrize(("version", "supported"), [((3, 10), False), ((4, 0), False), ((4, 1), True), ((5, 0), True)])
def test_versions_without_fixes_are_known(version: tuple[int, int], supported: bool) -> None:
    assert Installation(version, Path()).is_supported is supported
