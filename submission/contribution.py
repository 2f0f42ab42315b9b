"""The contribution document (S4, P): Markdown that begins with the table of measurements.

Its prose is a template; what stands in it is computed here from the logs, or is in
``reference.py`` with its source. The checker recomputes the scores in its own way.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from submission.documents import fill
from submission.figures import FIGURES, MAP, captions
from submission.layout import CONTRIBUTION, Layout
from submission.layout import FIGURES as FIGURES_FOLDER
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
from submission.runs import Run, RunSet
from submission.statistics import CONFIDENCE, OLYMPIC_RUNS, RunSummary, spread

SKILLS = ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall")
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


def contribution(
    layout: Layout,
    runs: RunSet,
    system: Mapping[str, str],
    commit: Commit,
    figures: Sequence[str] = (),
) -> str:
    """The whole document; ``figures`` are the names of those that are drawn in the bundle."""
    results, count = [run.result for run in runs.runs], len(runs.runs)
    target = runs.first.result["quality_target"]
    beaten = sum(result["beats_baselines"] for result in results)
    geometry = runs.config.geometry
    return fill(
        CONTRIBUTION,
        {
            "MEASUREMENTS": _measurements(runs),
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
            "AUGMENTATION": "they are flipped and turned at random"
            if runs.parameters["augmentation"]
            else "there is no data augmentation",
            "CROP": str(geometry.crop),
            "CODE": layout.code.relative_to(layout.root).as_posix(),
            "COMMIT": commit.described,
            "HYPERPARAMETERS": table(
                ("Key in the log", "Value"), [(f"`{name}`", value) for name, value in runs.parameters.items()]
            ),
            "CHOSEN": _chosen(count),
            "RUNS": _runs(runs),
            "STOPS": _stops(runs),
            "INTERVAL": _interval(runs),
            "STATISTICS": _statistics(runs),
            "ENERGY": _energy(runs),
            "FIGURES": _figures(runs, figures),
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


def rounded(value: float | None, decimals: int) -> str:
    """A number to so many decimals, or a dash where there is none."""
    return UNDEFINED if value is None else f"{value:.{decimals}f}"


def _runs_word(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"


def _measurements(runs: RunSet) -> str:
    count = len(runs.runs)
    return table(
        ("Measurement name", "Reference model value", "Submitted model value", "Average difference"),
        [
            (
                f"Test accuracy, {f'mean of {count} runs' if count > 1 else 'one run'}",
                f"{REFERENCE_ACCURACY} (as published)",
                share(runs.mean),
                f"{runs.mean - REFERENCE_ACCURACY:+.4f}",
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


def _stops(runs: RunSet) -> str:
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


#: What is stated over the runs: its name, its field of a run's summary, the decimals that mean something.
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


def _statistics(runs: RunSet) -> str:
    headings = ("Quantity", "Mean", "Standard deviation", "Lowest", "Highest", "Olympic mean")
    rows = [(name, *_spread(runs, field, decimals)) for name, field, decimals in QUANTITIES]
    return table(headings, rows)


def _spread(runs: RunSet, field: str, decimals: int) -> list[str]:
    """Mean, deviation, lowest, highest and olympic mean of a field of the runs' summaries."""
    values = [getattr(run.summary, field) for run in runs.runs]
    if None in values:
        return [UNDEFINED] * 5
    over = spread(values)
    numbers = (over.mean, over.deviation, over.lowest, over.highest, over.olympic_mean)
    return [rounded(number, decimals) for number in numbers]


def _interval(runs: RunSet) -> str:
    bounds = spread(runs.accuracies).interval
    if bounds is None:
        return "One run has no interval."
    low, high = map(share, bounds)
    return (
        f"The {CONFIDENCE:.0%} interval of the mean test accuracy, by Student's t with "
        f"{len(runs.runs) - 1} degrees of freedom, is {low} to {high}."
    )


def _energy(runs: RunSet) -> str:
    sources = {run.summary.energy_sources for run in runs.runs if run.summary.energy is not None}
    if not sources:
        return "Energy was not measured: the node does not let the program read it."
    return f"Energy is that of training and validation, measured at: {'; '.join(sorted(sources))}."


def _figures(runs: RunSet, names: Sequence[str]) -> str:
    shown = captions(names, runs)
    blocks = [f"![{text}]({FIGURES_FOLDER}/{name}.png)\n\n{text}" for name, text in shown.items()]
    left_out = [f"Figure {number}" for number, name in enumerate(FIGURES, start=1) if name not in shown]
    if not any(name.startswith(MAP) for name in shown):
        left_out.append("maps of scenes")
    if left_out:
        why = "their scenes and masks were not at hand when the runs were packaged"
        blocks.append(f"Left out: {', '.join(left_out)}; {why}.")
    else:
        blocks.append(f"`{FIGURES_FOLDER}/` has all maps, and every figure also as a PDF.")
    return "\n\n".join(blocks)


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
    parts = ("staging", "training", "evaluation", "inference")
    means = {
        part: statistics.fmean(getattr(run.summary, f"{part}_seconds") for run in runs.runs) for part in parts
    }
    total = statistics.fmean(run.summary.seconds or 0.0 for run in runs.runs)
    rows = [*means.items(), ("everything else", total - sum(means.values())), ("total", total)]
    return table(
        ("Part of the run", "Seconds", "Share"),
        [
            (name, f"{seconds:.1f}", f"{seconds / total:.1%}" if total else UNDEFINED)
            for name, seconds in rows
        ],
    )


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
    found.append(
        "The probability is that of cloud, as the label's 1 is cloud; the paper's text calls it that of a "
        "clear sky. The accuracy is the same either way."
    )
    return found


def _paper(runs: RunSet) -> str:
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
    """A row as the paper's Table 3 has it, of a complete run."""
    assert run.train_accuracy is not None  # the rules have passed
    assert run.test_accuracy is not None
    minutes = run.training_seconds / 60, run.inference_seconds / 60
    return run.epochs, run.train_accuracy, run.test_accuracy, *minutes


def _means(rows: Sequence[tuple[float, ...]]) -> list[float]:
    return [statistics.fmean(column) for column in zip(*rows, strict=True)]


def _limitations(runs: RunSet) -> list[str]:
    found = [
        "The label is a Bayesian mask, itself an estimate: an accuracy against it is agreement with it.",
        "Pixels of the fill borders are scored too; the rows `without borders` under Skill leave them out.",
        "Accuracy rewards the larger class; skill and baselines above say more than the score alone.",
    ]
    if runs.synthetic:
        found.insert(
            0, "The scenes are synthetic: no value says how well the model masks clouds in real scenes."
        )
    if len(runs.runs) < OLYMPIC_RUNS:
        found.append("There are too few runs to say how the scores scatter.")
    if runs.mean < runs.first.result["quality_target"]:
        found.append("The mean test accuracy is below the quality target.")
    return found
