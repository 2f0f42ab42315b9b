"""Rules on what makes a tree a submission: observed scenes, a submitter, published code.

A demonstration, with runs on synthetic scenes and a tree that says so, needs neither of the last two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmark.record.events import DEFAULT_ORG
from compliance.registry import Problem, problem, tree_rule
from compliance.rules.tree.contribution import contributions
from compliance.subjects.log import Log
from compliance.subjects.markdown_text import opening_table
from compliance.subjects.timeline import CONTACT
from compliance.subjects.tree import DEMONSTRATION, Folder, SubmissionTree
from compliance.wording import excerpt, listing, show


def _experiments(tree: SubmissionTree) -> Iterator[tuple[Folder, dict[str, Log], bool]]:
    """Yield the experiments with their logs, and whether any log is from synthetic scenes."""
    for folder in tree.parts.science.values():
        logs = tree.logs[folder.name]
        yield folder, logs, any(log.text("data_kind") == "synthetic" for log in logs.values())


@tree_rule(
    "tree-synthetic",
    clause="P-dataset, P-test-data, T-open-eval-data",
    expected=f"observed scenes, or a tree that calls itself a demonstration, by {DEMONSTRATION} and in its "
    "first row",
    remedy="make the runs with --config reference on the observed scenes, or package again: runs on "
    "synthetic scenes become a demonstration",
)
def tree_synthetic(tree: SubmissionTree) -> Iterator[Problem]:
    """Runs on synthetic scenes must not be submitted. The test data of the benchmark is fixed. A tree of
    such runs says that it is a demonstration; no other tree does."""
    demonstrations = set()
    for folder, _, synthetic in _experiments(tree):
        if synthetic != (DEMONSTRATION in folder.files):
            found = "synthetic scenes and no" if synthetic else "observed scenes and"
            yield problem(f"{found} {DEMONSTRATION}", path=tree.shown(folder.name))
        if synthetic:
            demonstrations.add(folder.name)
    for folder, name, text in contributions(tree):
        table = opening_table(text) if folder.name in demonstrations else None
        for line, row in table.numbered() if table else ():
            if "test accuracy" in row[0].lower() and not row[0].startswith("Demonstration"):
                expected = "a row that begins with `Demonstration`"
                yield problem(f"a row {excerpt(row[0])}", line, expected, path=tree.shown(folder.path(name)))


@tree_rule(
    "tree-submitter",
    clause="S6.1, P-contact",
    expected="the submitter's organisation, and a contact with name and e-mail address",
    remedy="make the runs again with --set submission.org=NAME --set submission.poc_name=NAME "
    "--set submission.poc_email=ADDRESS",
)
def tree_submitter(tree: SubmissionTree) -> Iterator[Problem]:
    """A submission must name who submits it. The organisation in the shipped configurations is not real,
    and the policy requires a person with an address."""
    for _, logs, synthetic in _experiments(tree):
        for name, log in logs.items() if not synthetic else ():
            if log.text("submission_org") == DEFAULT_ORG:
                yield problem(f"organisation {excerpt(DEFAULT_ORG)}", path=tree.shown(name))
            if missing := [f"`{key}`" for key in CONTACT if not log.all(key)]:
                yield problem(f"no {listing(missing, last='and no')}", path=tree.shown(name))


@tree_rule(
    "tree-published",
    severity="warning",
    clause="P-archive, P-identifiers, S3-github",
    expected="the address of a public repository, and a tag of the version that ran",
    remedy="push the commit to a public repository and tag it before the runs are packaged",
)
def tree_published(tree: SubmissionTree) -> Iterator[Problem]:
    """The code of a submission should be in a public repository, under a tag. Saying that
    there is none is not enough."""
    for folder, _, synthetic in _experiments(tree):
        config = tree.configs[folder.name]
        github = config.get("github") if isinstance(config, dict) else None
        if synthetic or not isinstance(github, dict):
            continue
        for field, pattern in (("repo", r"(https?://|ssh://|git@)\S+"), ("tag", r"\S+")):
            value = github.get(field)
            if value is not None and not re.fullmatch(pattern, str(value).strip()):
                yield problem(f"github.{field} {show(value)}", path=tree.shown(folder.path("config.yaml")))
