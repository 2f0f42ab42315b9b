"""The contribution's tables in Markdown: values computed from the runs, next to published values."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchmark.core.escaping import markdown_table
from submission.documents.published import PAPER_RUNS, REFERENCE_ACCURACY
from submission.runs.runs import RunSet
from submission.runs.statistics import RunSummary, spread

SKILLS = ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall")
UNDEFINED = "–"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; only pipes in cells are escaped, since cells may contain markup."""
    return markdown_table(
        headings, (map(str, row) for row in rows), escape=lambda cell: cell.replace("|", r"\|")
    )


def share(value: object) -> str:
    """Format an accuracy or another share with four decimals, or a dash if it is undefined."""
    return f"{value:.4f}" if isinstance(value, int | float) else UNDEFINED


def mean_share(values: Iterable[object]) -> str:
    """Format the mean over the runs, or a dash if a run has no value."""
    numbers = list(values)
    known = [value for value in numbers if isinstance(value, int | float)]
    return share(statistics.fmean(known)) if known and len(known) == len(numbers) else UNDEFINED


def rounded(value: float | None, decimals: int) -> str:
    """Format a number with ``decimals`` decimals, or a dash for None."""
    return UNDEFINED if value is None else f"{value:.{decimals}f}"


#: Name of the measurement in a demonstration.
DEMONSTRATED = "Demonstration on synthetic scenes: test accuracy"


def measurements(runs: RunSet) -> str:
    """Return the table of measurements that the rules require (S4, P)."""
    count = len(runs.runs)
    return table(
        ("Measurement name", "Reference model value", "Submitted model value", "Average difference"),
        [
            (
                f"{DEMONSTRATED if runs.synthetic else 'Test accuracy'}, "
                f"{f'mean of {count} runs' if count > 1 else 'one run'}",
                f"{REFERENCE_ACCURACY} (as published)",
                share(runs.mean),
                f"{runs.mean - REFERENCE_ACCURACY:+.4f}",
            )
        ],
    )


def runs_table(runs: RunSet) -> str:
    """Return a row per run: epochs, accuracies of the best epoch, score, time, weights."""
    headings = (
        *("Log", "Seed", "Epochs", "Best epoch", "Train accuracy", "Eval accuracy", "Test accuracy"),
        *("Seconds", "Weights (sha256)"),
    )
    rows = [
        (
            f"result-{number}.txt",
            run.seed,
            run.summary.epochs,
            run.summary.best_epoch,
            share(run.summary.train_accuracy),
            share(run.summary.eval_accuracy),
            share(run.summary.test_accuracy),
            rounded(run.summary.seconds, 1),
            f"{run.result['weights_sha256'][:12]}…",
        )
        for number, run in enumerate(runs.runs, start=1)
    ]
    return table(headings, rows)


def stops(runs: RunSet) -> str:
    """Return a row per run: why it stopped, when it reached the target, its rates, its energy."""
    headings = (
        *("Seed", "Why it stopped", "Resumptions", "Epoch of the target", "Seconds to the target"),
        *("Seconds per epoch", "Seconds per scene", "Joules"),
    )
    rows = [
        (
            run.seed,
            run.summary.stopped,
            run.summary.resumptions,
            run.summary.target_epoch or "not reached",
            rounded(run.summary.seconds_to_target, 1),
            rounded(run.summary.seconds_per_epoch, 2),
            rounded(run.summary.seconds_per_scene, 3),
            rounded(run.summary.energy, 0),
        )
        for run in runs.runs
    ]
    return table(headings, rows)


#: Quantities with statistics over the runs: name, field of a run's summary, significant decimals.
QUANTITIES = (
    ("Test accuracy", "test_accuracy", 4),
    ("Train accuracy", "train_accuracy", 4),
    ("Eval accuracy", "eval_accuracy", 4),
    ("Epochs", "epochs", 1),
    ("Seconds to the target", "seconds_to_target", 1),
    ("Seconds in all", "seconds", 1),
    ("Seconds of training per epoch", "seconds_per_epoch", 2),
    ("Seconds of inference per scene", "seconds_per_scene", 3),
    ("Energy in joules", "energy", 0),
)


#: Quantities that include staging; runs that reused staged scenes are left out of their statistics.
STAGED = ("seconds_to_target", "seconds")


def over_runs(runs: RunSet) -> str:
    """Return mean, spread, extremes, olympic and geometric mean over the runs."""
    headings = (
        "Quantity",
        "Mean",
        "Standard deviation",
        "Lowest",
        "Highest",
        "Olympic mean",
        "Geometric mean",
    )
    rows = [(name, *_spread(runs, field, decimals)) for name, field, decimals in QUANTITIES]
    return table(headings, rows)


def _spread(runs: RunSet, field: str, decimals: int) -> list[str]:
    """Format mean, deviation, lowest, highest, olympic and geometric mean of a summary's field."""
    counted = [run for run in runs.runs if field not in STAGED or not run.summary.reused]
    values = [getattr(run.summary, field) for run in counted]
    if None in values or not values:
        return [UNDEFINED] * 6
    over = spread(values)
    numbers = (over.mean, over.deviation, over.lowest, over.highest, over.olympic_mean, over.geometric_mean)
    return [rounded(number, decimals) for number in numbers]


def skill(runs: RunSet) -> str:
    """Return scores beyond accuracy, by label and part of the pixels, as means over the runs."""
    rows = []
    for label, by_part in runs.first.result["scores"].items():
        for part in by_part:
            parts = [run.result["scores"].get(label, {}).get(part) or {} for run in runs.runs]
            means = [mean_share(score.get(name) for score in parts) for name in SKILLS]
            rows.append((label, part.replace("_", " "), *means))
    headings = ("Label", "Pixels", "Accuracy", "Kuiper skill", "IoU", "F1", "Precision", "Recall")
    return table(headings, rows)


def baselines(runs: RunSet) -> str:
    """Return the accuracies of simpler methods on the same pixels, as means over the runs."""
    names = list(runs.first.result["baselines"])
    rows = [(name, mean_share(run.result["baselines"].get(name) for run in runs.runs)) for name in names]
    return table(
        ("Method", "Test accuracy, mean"), [*rows, ("**this submission**", f"**{share(runs.mean)}**")]
    )


def times(runs: RunSet) -> str:
    """Split the time between start and stop of the clock, as means over the runs that staged all their
    scenes, or over all runs if there are none."""
    summaries = [run.summary for run in runs.runs]
    summaries = [each for each in summaries if not each.reused] or summaries
    parts = ("staging", "training", "evaluation", "inference")
    means = {part: statistics.fmean(getattr(each, f"{part}_seconds") for each in summaries) for part in parts}
    total = statistics.fmean(each.seconds or 0.0 for each in summaries)
    rows = [*means.items(), ("everything else", total - sum(means.values())), ("total", total)]
    return table(
        ("Part of the run", "Seconds", "Share"),
        [
            (name, f"{seconds:.1f}", f"{seconds / total:.1%}" if total else UNDEFINED)
            for name, seconds in rows
        ],
    )


def paper(runs: RunSet) -> str:
    """Return the paper's Table 3 with these runs next to it."""
    paper = [
        (run.epochs, run.train_accuracy, run.test_accuracy, run.train_minutes, run.inference_minutes)
        for run in PAPER_RUNS
    ]
    ours = [_paper_columns(run.summary) for run in runs.runs]
    rows = [
        *(("paper", *row) for row in paper),
        ("**paper, mean**", *_means(paper)),
        *((f"seed {run.seed}", *row) for run, row in zip(runs.runs, ours, strict=True)),
        ("**these runs, mean**", *_means(ours)),
    ]
    return table(
        ("Run", "Epochs", "Train acc.", "Test acc.", "Train time (min)", "Inference time (min)"),
        [
            (name, f"{epochs:g}", f"{train:.3f}", f"{test:.3f}", f"{training:.2f}", f"{inference:.2f}")
            for name, epochs, train, test, training, inference in rows
        ],
    )


def _paper_columns(run: RunSummary) -> tuple[float, ...]:
    """Return a complete run as a row of the paper's Table 3."""
    assert run.train_accuracy is not None  # the rules have passed
    assert run.test_accuracy is not None
    minutes = run.training_seconds / 60, run.inference_seconds / 60
    return run.epochs, run.train_accuracy, run.test_accuracy, *minutes


def _means(rows: Sequence[tuple[float, ...]]) -> list[float]:
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]
