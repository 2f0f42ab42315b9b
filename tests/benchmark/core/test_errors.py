"""What an error message says, and which files a run can do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, RunError, memory_as_error
from benchmark.core.escaping import quoted


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "MemoryError"),
        (MemoryError("std::bad_alloc"), "std::bad_alloc"),
        (ResourceExhaustedError("OOM when\nallocating" + " x" * 5000), "OOM when allocating x"),
        (ImportError("libtensorflow_cc.so.2: failed to map segment from shared object"), "libtensorflow"),
    ],
)
def test_a_lack_of_memory_is_a_sentence(error: Exception, said: str) -> None:
    with pytest.raises(RunError) as caught, memory_as_error("take less"):
        raise error
    assert caught.value.found.startswith(f"not enough ({said}")
    assert len(caught.value.found) < 250
    assert (caught.value.where, caught.value.remedy) == ("memory", "take less")


def test_another_error_stays_what_it_is() -> None:
    for error in (ImportError("No module named x"), ValueError("3")):
        with pytest.raises(type(error)) as caught, memory_as_error():
            raise error
        assert caught.value is error


def test_no_part_of_a_message_moves_the_cursor() -> None:
    error = CloudMaskError("a\x1b[2Jb", found="c\rd", expected="e\u202ef", remedy="g\nh\udcff")
    assert str(error) == ("a\\x1b[2Jb\n  found:    c\\rd\n  expected: e\\u202ef\n  remedy:   g\nh\\udcff")


def test_a_long_value_is_quoted_in_part() -> None:
    assert quoted("x" * 9) == "'xxxxxxxxx'"
    assert quoted("x" * 1000) == f"'{'x' * 199}…"


def test_what_is_said_moves_no_cursor_and_a_warning_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    display.say("a\x1b[31mb\nc")
    for text in ("d\x07", "d\x07", "e"):
        display.warn(text)
    assert capsys.readouterr().out == "a\\x1b[31mb\nc\nwarning: d\\x07\nwarning: e\n"


def test_a_file_that_a_run_can_do_without_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    display = Display()
    for _ in range(2):
        with display.spared():
            tmp_path.write_text("x")
    assert capsys.readouterr().out == f"warning: {tmp_path}: Is a directory; the run does without it\n"
    with pytest.raises(ValueError, match="3"), display.spared():
        raise ValueError(3)
