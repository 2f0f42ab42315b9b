"""The one family of errors that the user can fix."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from benchmark.core.escaping import printable_lines
from benchmark.core.files import reason_of


class CloudMaskError(Exception):
    """Says what was found, what was expected and what to do; shown without a traceback.

    Its text is safe for a terminal, whatever the quoted files contained.
    """

    def __init__(self, where: object, *, found: str, expected: str, remedy: str) -> None:
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        text = f"{where}\n  found:    {found}\n  expected: {expected}\n  remedy:   {remedy}"
        super().__init__(printable_lines(text))

    def __reduce__(self) -> tuple[Callable[[object], Exception], tuple[str]]:
        """Pickle an error by its fields rather than by its text, to pass it between processes."""
        named = partial(type(self), found=self.found, expected=self.expected, remedy=self.remedy)
        return named, (self.where,)


class ConfigError(CloudMaskError):
    """A configuration or command line that cannot be run."""


class SceneError(CloudMaskError):
    """A scene file that cannot be used, or a folder without any."""


class RunError(CloudMaskError):
    """A run that cannot start or cannot continue."""


class MethodError(CloudMaskError):
    """A method that cannot be imported, or whose return value is wrong."""


class SubmissionError(CloudMaskError):
    """Runs that cannot be packaged."""


#: What the loader says when there is no memory for a library.
_UNMAPPED = ("failed to map segment", "cannot allocate memory")


@contextlib.contextmanager
def memory_as_error(remedy: str = "give it more memory (ulimit -v, --mem of the job)") -> Iterator[None]:
    """Raise a RunError if the block runs out of memory."""
    try:
        yield
    except Exception as error:
        text = str(error)
        is_lack = isinstance(error, MemoryError) or (
            isinstance(error, ImportError) and any(words in text.lower() for words in _UNMAPPED)
        )
        # TensorFlow's own exception type, compared by name to avoid the import
        if not is_lack and type(error).__name__ != "ResourceExhaustedError":
            raise
        found = f"not enough ({' '.join(text.split())[:200] or type(error).__name__})"
        raise RunError("memory", found=found, expected="room for what is computed", remedy=remedy) from None


_Kind = TypeVar("_Kind", bound=CloudMaskError)


def os_failure(kind: type[_Kind], error: OSError, where: object, *, expected: str, remedy: str) -> _Kind:
    """Turn a failure of the system into an error of ``kind``, at the file it names or else at ``where``."""
    return kind(error.filename or where, found=reason_of(error), expected=expected, remedy=remedy)
