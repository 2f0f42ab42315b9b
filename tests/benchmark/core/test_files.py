"""Files are written aside and renamed; what is not a file is not replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.core.files import write_aside, write_text


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "before")
    with pytest.raises(TypeError), write_aside(path) as part:
        part.write_text(3)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_text() == "before"
    write_text(path, "after")
    assert path.read_text() == "after"
