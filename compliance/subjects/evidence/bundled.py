"""The evidence of each run in a bundle: ``runs/<n>/`` next to ``result-<n>.txt`` of the experiment."""

from __future__ import annotations

from typing import Any

from compliance.subjects.evidence.evidence import Evidence, evidence_of
from compliance.subjects.log import Log
from compliance.subjects.tree import SubmissionTree


class BundledEvidence:
    """Finds the evidence of each log of a bundle."""

    def __init__(self, tree: SubmissionTree) -> None:
        self._tree = tree
        self._places = _places(tree) if tree.is_bundle else {}

    def of(self, name: str, log: Log) -> Evidence | None:
        """Return the evidence for a log, by the log's name in the bundle; None if the bundle has none."""
        if name not in self._places:
            return None
        experiment, kept = self._places[name]

        def settings() -> dict[str, Any] | None:
            config = self._tree.configs[experiment]
            parameters = config.get("parameters") if isinstance(config, dict) else None
            return parameters if isinstance(parameters, dict) else None

        return evidence_of(log, self._tree.root / kept, self._tree.shown(kept), settings)


def _places(tree: SubmissionTree) -> dict[str, tuple[str, str]]:
    """Map each log's name to the folder of its experiment and the folder with its run's other files.

    A log of G shares those of its copy in S, whose number is one higher.
    """
    places = {}
    for (org, application, system, _), folder in tree.parts.science.items():
        general = tree.parts.results.get((org, system, application))
        copies = general.results() if general else {}
        for number, name in folder.results().items():
            places[name] = folder.name, folder.path(f"runs/{number}")
            copy = copies.get(number - 1)
            if copy is not None and tree.digest(copy) == tree.digest(name):
                places[copy] = places[name]
    return places
