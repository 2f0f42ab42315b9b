"""Rules on the source of a submitted method."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import SubmissionTree
from compliance.wording import excerpt


@tree_rule(
    "tree-method",
    clause="P-archive, G-replication",
    expected="the file that the logs name, with the sha256 that they state, next to config.yaml",
    remedy="package the runs again with the file that they ran, or repeat them",
)
def tree_method(tree: SubmissionTree) -> Iterator[Problem]:
    """A method that is no part of the submitted code must be submitted next to it. The policy requires
    the algorithm to be documented and archived; the file has to be the one that ran."""
    for folder in tree.parts.science.values():
        for name, log in tree.logs[folder.name].items():
            source, digest = log.text("method_source"), log.text("method_sha256")
            if source is None or digest is None or not source.endswith(".py"):
                continue
            path = folder.path(source)
            if not tree.is_regular(path):
                yield problem(f"no {excerpt(source)}, which {name} names", path=tree.shown(folder.name))
            elif (found := tree.digest(path)) != digest:
                yield problem(f"sha256 {found}", expected=f"{digest}, as in {name}", path=tree.shown(path))
            break  # the logs of a set agree in their method
