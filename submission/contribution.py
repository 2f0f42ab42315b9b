"""The contribution document (S4, P): Markdown that begins with the table of measurements.

Its prose is a template; what stands in it is computed here from the logs, or is in
``reference.py`` with its source. The checker recomputes the scores in its own way.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from submission.documents import fill
from submission.layout import CONTRIBUTION, Layout
from submission.reference import (
    MODEL_PARAMETERS,
    PAPER_RUNS,
    PAPER_TIME_NOTE,
    POLICY_SEED,
    POLICY_VALUES,
    REFERENCE_ACCURACY,
    REFERENCES,
)
from submission.repository import Commit
from submission.runs import Run, RunSet, olympic_mean

SKILLS = ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall")
TIMES = ("staging", "training", "evaluation", "inference", "total")
UNDEFINED = "–"

SYNTHETIC = (
    "**The scenes are synthetic.** They are simulated, in the format of the Sentinel-3 SLSTR dataset, and "
    "are not observations: the score says that the program learns and is scored as it should, and nothing "
    "about clouds that a satellite sees."
)
OBSERVED = "The scenes are the observed Sentinel-3A SLSTR scenes of the benchmark (cloud_slstr_ds1)."
NOT_COMPARABLE = (
    "**The two values cannot be compared: the reference's is for the observed SLSTR scenes, the submitted "
    "one for synthetic scenes.**"
)


def contribution(layout: Layout, runs: RunSet, system: Mapping[str, str], commit: Commit) -> str:
    """The whole document."""
    results, count = [run.result for run in runs.runs], len(runs.runs)
    target = runs.first.result["quality_target"]
    beaten = sum(result["beats_baselines"] for result in results)
    geometry = runs.config.geometry
    return fill(
        CONTRIBUTION,
        {
            "MEASUREMENTS": _measurements(runs),
            "DIFFERENCE": f"{runs.mean - REFERENCE_ACCURACY:+.4f}",
            "TARGET": str(target),
            "REACHED": f"{sum(score >= target for score in runs.accuracies)} of {_runs_word(count)}",
            "COMPARABLE": f"\n\n{NOT_COMPARABLE}" if runs.synthetic else "",
            "NAME": runs.config.name,
            "DESCRIPTION": f"{runs.config.description.rstrip('.') or 'Reference training'}.",
            "ORG": runs.org,
            "VERSION": runs.shared("submission_version"),
            "PLATFORM": runs.shared("submission_platform"),
            "SYSTEM": table(("Field", "Value"), [(name, value) for name, value in system.items() if value]),
            "DATA_KIND": SYNTHETIC if runs.synthetic else OBSERVED,
            "SCENES": _scenes(runs.first),
            "ROWS": str(geometry.rows),
            "COLUMNS": str(geometry.columns),
            "SKIPPED": _skipped(runs),
            "MODEL_PARAMETERS": f"{MODEL_PARAMETERS:,}",
            "PATCH": str(geometry.patch),
            "CROP": str(geometry.crop),
            "CODE": layout.code.relative_to(layout.root).as_posix(),
            "COMMIT": commit.described,
            "HYPERPARAMETERS": table(
                ("Key in the log", "Value"), [(f"`{name}`", value) for name, value in runs.parameters.items()]
            ),
            "CHOSEN": _chosen(count),
            "RUNS": _runs(runs),
            "STATISTICS": _statistics(runs),
            "SKILL": _skill(runs),
            "BEATEN": "Every run is above every baseline."
            if beaten == count
            else f"**Only {beaten} of {_runs_word(count)} are above every baseline.**",
            "BASELINES": _baselines(runs),
            "TIMES": _times(runs),
            "DEVIATIONS": bullets(_deviations(runs)),
            "PAPER_MEAN": f"{statistics.fmean(run.test_accuracy for run in PAPER_RUNS):.3f}",
            "PAPER_DATA": " Its scenes are observed ones; those of this submission are not."
            if runs.synthetic
            else "",
            "PAPER_TIMES": PAPER_TIME_NOTE,
            "PAPER_RUNS": _paper(runs),
            "LIMITATIONS": bullets(_limitations(runs)),
            "REFERENCES": "\n".join(f"{number}. {each}" for number, each in enumerate(REFERENCES, start=1)),
        },
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; a pipe in a cell is escaped."""
    cells = [[str(cell).replace("|", r"\|") for cell in row] for row in (headings, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|{' --- |' * len(headings)}", *lines[1:]])


def bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def share(value: object) -> str:
    """An accuracy or another share of one to four decimals, or a dash where it is undefined."""
    return f"{value:.4f}" if isinstance(value, int | float) else UNDEFINED


def mean_share(values: Iterable[object]) -> str:
    """The mean over the runs, or a dash where a run has no value."""
    numbers = list(values)
    known = [value for value in numbers if isinstance(value, int | float)]
    return share(statistics.fmean(known)) if known and len(known) == len(numbers) else UNDEFINED


def _runs_word(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"


def _measurements(runs: RunSet) -> str:
    count = len(runs.runs)
    return table(
        ("Measurement name", "Reference model value", "Submitted model value"),
        [
            (
                f"Test accuracy, {f'mean of {count} runs' if count > 1 else 'one run'}",
                f"{REFERENCE_ACCURACY} (as published)",
                share(runs.mean),
            )
        ],
    )


def _chosen(count: int) -> str:
    if count == 1:
        return "One run was given to the packager; the submitted value is that run's."
    return (
        f"All {count} runs that were given to the packager are reported; the submitted value is their mean, "
        "not the best of them."
    )


def _scenes(run: Run) -> str:
    data = run.result["data"]
    return (
        f"Scenes for training: {data['training_scenes']}; to choose the epoch: {data['validation_scenes']}; "
        f"for the score: {data['inference_scenes']}"
    )


def _skipped(runs: RunSet) -> str:
    names = {str(event.value) for run in runs.runs for event in run.log.sound("skipped_scene")}
    return f" Left out because they could not be read: {', '.join(sorted(names))}." if names else ""


def _runs(runs: RunSet) -> str:
    headings = (
        *("Log", "Seed", "Epochs", "Best epoch", "Train accuracy", "Eval accuracy", "Test accuracy"),
        *("Seconds", "Weights (sha256)"),
    )
    rows = [
        (
            f"result-{number}.txt",
            run.seed,
            run.result["epochs_run"],
            run.result["best_epoch"],
            share(run.result["train_accuracy"]),
            share(run.result["eval_accuracy"]),
            share(run.test_accuracy),
            f"{run.result['timing']['total_seconds']:.1f}",
            f"{run.result['weights_sha256'][:12]}…",
        )
        for number, run in enumerate(runs.runs, start=1)
    ]
    return table(headings, rows)


def _statistics(runs: RunSet) -> str:
    scores = runs.accuracies
    rows = [("Mean", share(runs.mean))]
    if len(scores) >= 2:
        rows.append(("Standard deviation (of a sample)", share(statistics.stdev(scores))))
        rows.append(("Lowest", share(min(scores))))
        rows.append(("Highest", share(max(scores))))
    if len(scores) >= 3:
        rows.append(("Olympic mean (best and worst dropped)", share(olympic_mean(scores))))
    return table(("Statistic of the test accuracy", "Value"), rows)


def _skill(runs: RunSet) -> str:
    rows = []
    for label, by_part in runs.first.result["scores"].items():
        for part in by_part:
            parts = [run.result["scores"].get(label, {}).get(part) or {} for run in runs.runs]
            means = [mean_share(score.get(name) for score in parts) for name in SKILLS]
            rows.append((label, part.replace("_", " "), *means))
    headings = ("Label", "Pixels", "Accuracy", "Kuiper skill", "IoU", "F1", "Precision", "Recall")
    return table(headings, rows)


def _baselines(runs: RunSet) -> str:
    names = list(runs.first.result["baselines"])
    rows = [(name, mean_share(run.result["baselines"].get(name) for run in runs.runs)) for name in names]
    return table(
        ("Method", "Test accuracy, mean"), [*rows, ("**this submission**", f"**{share(runs.mean)}**")]
    )


def _times(runs: RunSet) -> str:
    timings = [run.result["timing"] for run in runs.runs]
    rows = [
        (name, f"{statistics.fmean(timing[f'{name}_seconds'] for timing in timings):.1f}") for name in TIMES
    ]
    epochs = [
        run.result["timing"]["training_seconds"] / max(1, run.result["epochs_run"]) for run in runs.runs
    ]
    scenes = [timing["seconds_per_scene"] for timing in timings]
    rows.append(("training, per epoch", f"{statistics.fmean(epochs):.1f}"))
    rows.append(("inference, per scene", f"{statistics.fmean(scenes):.3f}"))
    return table(("Part of the run", "Seconds"), rows)


def _deviations(runs: RunSet) -> list[str]:
    stated = runs.parameters
    found = [
        f"`{name}` is {stated[name]}; the reference configures {value}."
        for name, value in POLICY_VALUES.items()
        if stated[name] != value
    ]
    if runs.synthetic:
        found.insert(0, "The data are synthetic scenes instead of the observed ones.")
    schedule, warmup = stated["opt_learning_rate_decay_schedule"], stated["opt_learning_rate_warmup_steps"]
    if schedule != "constant" or warmup:
        found.append(f"The learning rate follows a {schedule} schedule after {warmup} steps of warm-up.")
    if stated["precision"] != "float32":
        found.append(f"Training computes in {stated['precision']}; the reference computes in float32.")
    found.append(
        "Convolutions of an upsampled image are computed without upsampling it (`benchmark/convolution.py`): "
        "the same function of the same weights in fewer operations, with rounding of its own."
    )
    if any(run.log.value("cache_clear") is not True for run in runs.runs):
        found.append("The page cache could not be cleared before every run.")
    if POLICY_SEED not in runs.seeds:
        found.append(f"The seeds are {', '.join(map(str, runs.seeds))}; the reference's is {POLICY_SEED}.")
    found.append(
        "Training stops after a number of epochs or by patience, whether the target is reached or not."
    )
    found.append("Accuracies are computed from counts of pixels, over all scenes alike.")
    return found


def _paper(runs: RunSet) -> str:
    rows = [
        ("paper", run.epochs, run.train_accuracy, run.test_accuracy, run.train_minutes, run.inference_minutes)
        for run in PAPER_RUNS
    ]
    rows += [
        (
            f"seed {run.seed}",
            run.result["epochs_run"],
            run.result["train_accuracy"],
            run.test_accuracy,
            run.result["timing"]["training_seconds"] / 60,
            run.result["timing"]["inference_seconds"] / 60,
        )
        for run in runs.runs
    ]
    return table(
        ("Run", "Epochs", "Train acc.", "Test acc.", "Train time (min)", "Inference time (min)"),
        [(*row[:2], f"{row[2]:.3f}", f"{row[3]:.3f}", f"{row[4]:.2f}", f"{row[5]:.2f}") for row in rows],
    )


def _limitations(runs: RunSet) -> list[str]:
    found = [
        "The label is a Bayesian mask, itself an estimate: an accuracy against it is agreement with it.",
        "Accuracy rewards the larger class; skill and baselines above say more than the score alone.",
    ]
    if runs.synthetic:
        found.insert(
            0, "The scenes are synthetic: no value says how well the model masks clouds in real scenes."
        )
    if len(runs.runs) < 3:
        found.append("There are too few runs to say how the scores scatter.")
    if runs.mean < runs.first.result["quality_target"]:
        found.append("The mean test accuracy is below the quality target.")
    return found
