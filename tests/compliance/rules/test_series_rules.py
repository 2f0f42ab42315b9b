"""Rules on the runs of a set: for each a set that breaks it, and sets that break none."""

from __future__ import annotations

import hashlib

import pytest

from compliance import registry
from compliance.finding import Finding
from compliance.rules import own_rules
from compliance.rules.series import series_of
from compliance.subjects.log import condense
from tests.support.contradictions.consistent_changes import in_experiment
from tests.support.defects.defect import Said
from tests.support.logs.hand_logs import COMPLETED, aborted, line_of, parsed, with_result, with_value
from tests.support.logs.log_edits import retimed


def run(seed: int, text: str = COMPLETED) -> str:
    """A run of its own: another hour and seed, other weights, another first training loss."""
    text = with_value(with_value(text, "seed", seed), "train_loss", 0.5 + seed / 1024)
    text = retimed(text, lambda _, time: time + seed * 3_600_000)
    return with_result(text, "weights_sha256", hashlib.sha256(str(seed).encode()).hexdigest())


def an_hour_later(text: str) -> str:
    return retimed(text, lambda _, time: time + 3_600_000)


def found(logs: dict[str, str]) -> list[Finding]:
    return registry.run("set", [condense(parsed(text, path)) for path, text in logs.items()], own_rules())


GOOD = {f"logs/quickstart-seed-{seed}/result.txt": run(seed) for seed in (1, 2, 3)}
SECOND, THIRD = "logs/quickstart-seed-2/result.txt", "logs/quickstart-seed-3/result.txt"
FIRST = "logs/quickstart-seed-1/result.txt"


def at(key: str) -> int:
    return line_of(COMPLETED, key)


BROKEN_SETS: list[tuple[dict[str, str], str, str, Said]] = [
    (
        {**GOOD, THIRD: GOOD[SECOND]},
        THIRD,
        "set-identical-logs",
        Said(None, f"a copy of {SECOND}"),
    ),
    (
        {**GOOD, THIRD: with_value(GOOD[THIRD], "seed", 2)},
        THIRD,
        "set-unique-seeds",
        Said(at("seed"), f"seed 2, as in {SECOND}"),
    ),
    (
        {**GOOD, THIRD: an_hour_later(with_value(GOOD[SECOND], "seed", 3))},
        THIRD,
        "set-near-identical",
        Said(at("result"), f"weights_sha256 of {SECOND} under another seed"),
    ),
    (
        {
            **GOOD,
            THIRD: an_hour_later(
                with_result(with_value(GOOD[SECOND], "seed", 3), "weights_sha256", "f" * 64)
            ),
        },
        THIRD,
        "set-near-identical",
        Said(at("result"), f"losses and accuracies of {SECOND} under another seed"),
    ),
    (
        {**GOOD, SECOND: with_value(GOOD[SECOND], "submission_github_commit_version", "0" * 40)},
        SECOND,
        "set-same-setup",
        Said(
            at("submission_github_commit_version"),
            f"`submission_github_commit_version` `{'0' * 40}`",
            "`3f2a9c04d1e85b7766af0c9e12b4d8805a6e7f31`, as in 2 logs",
        ),
    ),
    (
        {**GOOD, FIRST: with_value(GOOD[FIRST], "submission_platform", "laptop-8c")},
        FIRST,
        "set-same-setup",
        Said(
            at("submission_platform"),
            "`submission_platform` `laptop-8c`",
            "`epyc-9354-2c`, as in 2 logs",
        ),
    ),
    (
        {path: aborted(text, "train_loss") for path, text in GOOD.items()},
        "logs/quickstart",
        "set-completed",
        Said(None, "none of 3 runs was completed"),
    ),
    (
        {"r/result_0.txt": run(1), "r/result_2.txt": run(2)},
        "r",
        "set-numbering",
        Said(None, "result_0.txt and result_2.txt", "result_0.txt to result_1.txt"),
    ),
    (
        {"r/result-0.txt": run(1), "r/result-1.txt": run(2)},
        "r",
        "set-numbering",
        Said(None, "result-0.txt and result-1.txt", "result-1.txt to result-2.txt"),
    ),
    (
        {**GOOD, THIRD: with_value(GOOD[THIRD], "opt_base_learning_rate", 0.002)},
        THIRD,
        "set-same-parameters",
        Said(at("opt_base_learning_rate"), "`opt_base_learning_rate` 0.002", "0.001, as in 2 logs"),
    ),
    (
        {**GOOD, FIRST: with_value(GOOD[FIRST], "train_samples", 60)},
        FIRST,
        "set-same-scenes",
        Said(at("test_samples"), "`train_samples` 60", "80, as in 2 logs"),
    ),
    (
        {**GOOD, THIRD: retimed(GOOD[THIRD], lambda _, time: time - 3_600_000)},
        "logs/quickstart",
        "set-overlapping",
        Said(None, f"1 of 3 begin before another ends, first {THIRD}"),
    ),
    (
        {path: text if path == THIRD else in_experiment(text, "1 2 3") for path, text in GOOD.items()},
        THIRD,
        "set-experiment",
        Said(None, "no `experiment`", "`five`, as others"),
    ),
    (
        {f"r/result_{n}.txt": in_experiment(run(n + 1), "1 2 3 4") for n in range(2)},
        "r",
        "set-seeds-missing",
        Said(None, "no run of 2 seeds of 4: 3 and 4"),
    ),
    (
        {path: in_experiment(text, "1 2 3 5 8") for path, text in GOOD.items()},
        "logs/quickstart",
        "set-seeds-pending",
        Said(None, "no run of 2 seeds of 5: 5 and 8"),
    ),
    ({FIRST: run(1)}, FIRST, "set-single-run", Said(None, "one run")),
]


@pytest.mark.parametrize(("logs", "path", "rule", "said"), BROKEN_SETS, ids=[case[2] for case in BROKEN_SETS])
def test_a_broken_set_gives_the_finding_of_its_rule_and_no_other(
    logs: dict[str, str], path: str, rule: str, said: Said
) -> None:
    assert found(logs) == [said.finding(rule, path)]


@pytest.mark.parametrize(
    "logs",
    [
        GOOD,
        {f"org/results/epyc/cloudmask/result_{i}.txt": run(i) for i in range(5)},
        {f"org/cloudmask/epyc/five/result-{i}.txt": run(i) for i in range(1, 6)},
        # another series next to it: its own seeds, platform and configuration
        {
            **GOOD,
            **{
                f"logs/greene-seed-{seed}/result.txt": with_value(run(seed + 10), "seed", seed)
                for seed in (1, 2)
            },
        },
        {**GOOD, THIRD: aborted(GOOD[THIRD], "train_loss")},
    ],
    ids=["runs", "numbered from 0", "numbered from 1", "two series", "one run aborted"],
)
def test_nothing_is_found_in_a_set_that_meets_every_rule(logs: dict[str, str]) -> None:
    assert found(logs) == []


def test_two_series_may_differ_in_everything_but_may_not_share_a_run() -> None:
    copy = "logs/greene-seed-1/result.txt"
    assert [(each.rule, each.path) for each in found({**GOOD, copy: GOOD[FIRST]})] == [
        ("set-identical-logs", copy),
        ("set-single-run", copy),
    ]


@pytest.mark.parametrize(
    ("path", "series"),
    [
        ("logs/quickstart-seed-1/result.txt", "logs/quickstart"),
        ("logs/quickstart-seed-x/result.txt", "logs/quickstart-seed-x"),
        ("results/result_0.txt", "results"),
        ("result.txt", "."),
    ],
)
def test_runs_of_a_configuration_or_logs_of_a_folder_are_a_series(path: str, series: str) -> None:
    assert series_of(path) == series
