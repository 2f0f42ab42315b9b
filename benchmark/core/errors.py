"""The one family of errors that are the user's to mend."""

from __future__ import annotations


class CloudMaskError(Exception):
    """Says what was found, what was expected and what to do; shown without a traceback."""

    def __init__(self, where: object, *, found: str, expected: str, remedy: str) -> None:
        self.where, self.found, self.expected, self.remedy = str(where), found, expected, remedy
        super().__init__(f"{where}\n  found:    {found}\n  expected: {expected}\n  remedy:   {remedy}")


class ConfigError(CloudMaskError):
    """A configuration or command line that cannot be run."""


class SceneError(CloudMaskError):
    """A scene file that cannot be used, or a folder without any."""


class RunError(CloudMaskError):
    """A run that cannot start or cannot go on."""


class SubmissionError(CloudMaskError):
    """Runs that cannot be packaged."""
