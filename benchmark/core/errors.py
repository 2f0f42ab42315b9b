"""The one family of errors that are the user's to repair."""

from __future__ import annotations

from typing import TypeVar

from benchmark.core.files import reason_of
from benchmark.core.printable import printable_lines


class CloudMaskError(Exception):
    """Says what was found, what was expected and what to do; shown without a traceback.

    As text it is safe for a terminal, whatever the files said that it tells of.
    """

    def __init__(self, where: object, *, found: str, expected: str, remedy: str) -> None:
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        text = f"{where}\n  found:    {found}\n  expected: {expected}\n  remedy:   {remedy}"
        super().__init__(printable_lines(text))


class ConfigError(CloudMaskError):
    """A configuration or command line that cannot be run."""


class SceneError(CloudMaskError):
    """A scene file that cannot be used, or a folder without any."""


class RunError(CloudMaskError):
    """A run that cannot start or cannot continue."""


class MethodError(CloudMaskError):
    """A method that cannot be imported, or that does not return what a method has to."""


class SubmissionError(CloudMaskError):
    """Runs that cannot be packaged."""


_Kind = TypeVar("_Kind", bound=CloudMaskError)


def os_failure(kind: type[_Kind], error: OSError, where: object, *, expected: str, remedy: str) -> _Kind:
    """A failure of the system as an error of ``kind``, at the file it names or else at ``where``."""
    return kind(error.filename or where, found=reason_of(error), expected=expected, remedy=remedy)
