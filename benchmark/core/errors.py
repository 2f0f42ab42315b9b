"""The one family of errors that are the user's to repair."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from benchmark.core.escaping import printable_lines
from benchmark.core.files import reason_of


class CloudMaskError(Exception):
    """Says what was found, what was expected and what to do; shown without a traceback.

    As text it is safe for a terminal, whatever the files said that it tells of.
    """

    def __init__(self, where: object, *, found: str, expected: str, remedy: str) -> None:
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        text = f"{where}\n  found:    {found}\n  expected: {expected}\n  remedy:   {remedy}"
        super().__init__(printable_lines(text))

    def __reduce__(self) -> tuple[Callable[[object], Exception], tuple[str]]:
        """How an error comes from another process: by its names, not by its text."""
        named = partial(type(self), found=self.found, expected=self.expected, remedy=self.remedy)
        return named, (self.where,)


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


#: What the loader says where a library finds no room.
_UNMAPPED = ("failed to map segment", "cannot allocate memory")


@contextlib.contextmanager
def memory_as_error(remedy: str = "give it more memory (ulimit -v, --mem of the job)") -> Iterator[None]:
    """Raise a RunError where there is not enough memory for the block."""
    try:
        yield
    except Exception as error:
        text = str(error)
        is_lack = isinstance(error, MemoryError) or (
            isinstance(error, ImportError) and any(words in text.lower() for words in _UNMAPPED)
        )
        # TensorFlow's own kind, which is not imported for this
        if not is_lack and type(error).__name__ != "ResourceExhaustedError":
            raise
        found = f"not enough ({' '.join(text.split())[:200] or type(error).__name__})"
        raise RunError("memory", found=found, expected="room for what is computed", remedy=remedy) from None


_Kind = TypeVar("_Kind", bound=CloudMaskError)


def os_failure(kind: type[_Kind], error: OSError, where: object, *, expected: str, remedy: str) -> _Kind:
    """A failure of the system as an error of ``kind``, at the file it names or else at ``where``."""
    return kind(error.filename or where, found=reason_of(error), expected=expected, remedy=remedy)
