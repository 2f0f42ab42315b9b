"""Rules on the source of a submitted method."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, problem, rule
from compliance.subjects.tree import SubmissionTree
from compliance.wording import excerpt

#: A copy of the method's source next to the configuration, where it is no module of the submitted code.
METHOD_FILE = "method.py"


@rule(
    "tree-method",
    scope="tree",
    severity="error",
    clause="P",
    expected=f"{METHOD_FILE} with the sha256 that the logs state, where the method is the submitter's file",
    remedy="package the runs again with the file that they ran, or repeat them",
)
def tree_method(tree: SubmissionTree) -> Iterator[Problem]:
    """A method that is no part of the submitted code must be submitted next to it. The policy wants the
    algorithm documented and archived; the file has to be the one that ran."""
    for folder in tree.parts.science.values():
        path = folder.path(METHOD_FILE)
        for name, log in tree.logs[folder.name].items():
            source, digest = log.text("method_source"), log.text("method_sha256")
            if source is None or digest is None or not source.endswith(".py"):
                continue
            if not tree.is_regular(path):
                found = f"no {METHOD_FILE}, but {excerpt(source)} in {name}"
                yield problem(found, path=tree.shown(folder.name))
            elif (found := tree.digest(path)) != digest:
                yield problem(f"sha256 {found}", expected=f"{digest}, as in {name}", path=tree.shown(path))
            break  # the logs of a set agree in their method


RULES = (tree_method,)
