"""Files that hold secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seccam.files import write_private


def test_a_written_file_is_its_owners_alone_whoever_could_read_it_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    file.chmod(0o644)

    write_private(file, "after")

    assert file.read_text() == "after"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_could_not_be_written_is_as_it_was_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")

    with pytest.raises(UnicodeEncodeError):
        write_private(file, "half of it, and \udc00")

    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, file = tmp_path / "link", tmp_path / "elsewhere" / "file"
    link.symlink_to(file)

    write_private(link, "text")

    assert link.is_symlink()
    assert file.read_text() == "text"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_private(pipe, "text")

        assert os.read(reading, 100) == b"text"
        assert pipe.is_fifo()
    finally:
        os.close(reading)
