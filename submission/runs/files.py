"""Read the files of a run for a bundle, and its node's measurements, without trusting their contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.core.errors import SubmissionError, os_failure
from benchmark.core.files import open_regular
from compliance.subjects.evidence.facts import read_facts

REMEDY = "make the run again, or leave it out: --logs RUN RUN ..."


def contents_of(path: Path) -> bytes:
    """Return the contents of a file. Links are not followed: they would bring other files into the bundle.

    Raises SubmissionError.
    """
    try:
        with open_regular(path, follow=False) as file:
            return file.read()
    except OSError as error:
        expected = "a file that lies in the run's folder"
        raise os_failure(SubmissionError, error, path, expected=expected, remedy=REMEDY) from None


def text_of(path: Path) -> str:
    """Return the text of a file. Raises SubmissionError."""
    content = contents_of(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{content[error.start]:02x}, which is not valid UTF-8"
        raise SubmissionError(path, found=found, expected="a text in UTF-8", remedy=REMEDY) from None


def read_measured(path: Path) -> dict[str, Any]:
    """Return a run's measurements of its node (system.json). Raises SubmissionError if it is invalid."""
    facts = read_facts(contents_of(path))
    if facts.data is None:
        _, found, expected = facts.defects[0]
        expected = expected or "what the run measured of its node"
        raise SubmissionError(path, found=found, expected=expected, remedy=REMEDY)
    return facts.data
