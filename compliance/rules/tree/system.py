"""Rules on the submitter and the system: the system description must agree with runs and logs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.system import STATUS_WORDS, contradictions, whole_number
from compliance.subjects.tree import SubmissionTree
from compliance.wording import excerpt


@tree_rule(
    "run-system",
    clause="house",
    expected="runs/<n>/system.json with what the run measured of its node",
    remedy="package runs of `python -m benchmark.run`, which measures its node",
)
def run_system(tree: SubmissionTree) -> Iterator[Problem]:
    """Every log of an experiment must come with what the run measured of its node."""
    for folder in tree.parts.science.values():
        for number, name in folder.results().items():
            if not isinstance(tree.json(folder.path(f"runs/{number}/system.json")), dict):
                yield problem(f"no readable runs/{number}/system.json", path=tree.shown(name))


@tree_rule(
    "system-agrees",
    clause="G-system-json",
    expected="a description of the system that ran",
    remedy="describe the system that the runs measured, or run on the system that is described",
)
def system_agrees(tree: SubmissionTree) -> Iterator[Problem]:
    """A system description must not contradict what the runs measured and logged."""
    found = tree.parts
    for (org, _, system, _), folder in found.science.items():
        name = found.systems.get((org, system), "")
        claimed = tree.json(name)
        if not isinstance(claimed, dict):
            continue
        path = tree.shown(name)
        for number in folder.results():
            measured = tree.json(folder.path(f"runs/{number}/system.json"))
            for each in contradictions(claimed, measured if isinstance(measured, dict) else {}):
                yield problem(
                    f"{each.field}: {each.claimed}", expected=f"{each.measured} as in run {number}", path=path
                )
        for log_name, log in tree.logs[folder.name].items():
            nodes, used = log.integer("number_of_nodes"), log.integer("accelerators_per_node")
            said_nodes = whole_number(claimed.get("number_of_nodes"))
            said = whole_number(claimed.get("accelerators_per_node"))
            if nodes is not None and said_nodes is not None and nodes != said_nodes:
                yield problem(f"{said_nodes} nodes", expected=f"{nodes} as in {log_name}", path=path)
            if used is not None and said is not None and used > said:
                yield problem(f"{said} accelerators", expected=f"at least {used} as in {log_name}", path=path)


@tree_rule(
    "tree-identity",
    clause="S-organization, G-system-json",
    expected="the organisation and status of the logs",
    remedy="name the folder and the submitter after the organisation that the logs state; for a bundle of "
    "ours, package again: the organisation is that of the runs (--set submission.org=NAME)",
)
def tree_identity(tree: SubmissionTree) -> Iterator[Problem]:
    """The organisation's folder and the system's submitter and status must be those of the logs."""
    found = tree.parts
    for org, _, system, folder in found.runs:
        name = found.systems.get((org, system), "")
        claimed = tree.json(name)
        claimed = claimed if isinstance(claimed, dict) else {}
        for log_name, log in tree.logs[folder.name].items():
            logged, word = log.text("submission_org"), STATUS_WORDS.get(log.text("submission_status") or "")
            if logged is not None and folded(logged) != folded(org):
                yield problem(f"folder {org}", expected=f"{logged} as in {log_name}", path=tree.shown(org))
            for field, value in (("submitter", logged), ("status", word)):
                if value is not None and isinstance(claimed.get(field), str) and claimed[field] != value:
                    yield problem(
                        f"{field} {excerpt(claimed[field])}",
                        expected=f"{value} as in {log_name}",
                        path=tree.shown(name),
                    )


@tree_rule(
    "tree-clean-runs",
    clause="S3-version, S6.3-commit, G-replication",
    expected="runs from a clean checkout: dirty false",
    remedy="commit the changes, make the runs again and package those",
)
def tree_clean_runs(tree: SubmissionTree) -> Iterator[Problem]:
    """The runs of a submission must be of a commit: nobody can repeat what was changed outside it."""
    for folder in tree.parts.science.values():
        for name, log in tree.logs[folder.name].items():
            commit = log.one("submission_github_commit_version")
            if commit is not None and commit.metadata["dirty"] is not False:
                found = "uncommitted changes" if commit.metadata["dirty"] else "unknown changes"
                yield problem(f"a run with {found}", commit.line, path=tree.shown(name))


def folded(name: str) -> str:
    """Return a name without case, accents, blanks and punctuation, for comparing folder names."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain.casefold() if letter.isalnum())
