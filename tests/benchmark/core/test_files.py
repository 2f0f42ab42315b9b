"""Files are written aside and renamed; what is not a file is not replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.core.files import write_aside, write_text


def test_a_device_is_written_to_and_stays_a_device() -> None:
    ours, theirs = os.openpty()
    device = Path(os.ttyname(theirs))
    write_text(device, "text")
    assert os.read(ours, 10) == b"text"
    assert device.is_char_device()
    os.close(ours)
    os.close(theirs)


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "before")
    with pytest.raises(TypeError), write_aside(path) as part:
        part.write_text(3)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_text() == "before"
    write_text(path, "after")
    assert path.read_text() == "after"
