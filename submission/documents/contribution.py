"""Write the contribution document (S4, P): Markdown that begins with the table of measurements.

Its prose is a template. Its numbers are computed here from the logs, or come from
``published.py``, with their source. The checker recomputes the scores independently.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from urllib.parse import quote

from benchmark.core.escaping import markdown_line
from compliance.wording import count
from submission.bundle.layout import CONTRIBUTION, BundleLayout
from submission.bundle.layout import FIGURES as FIGURES_FOLDER
from submission.bundle.sources import Sources
from submission.documents.files import TEMPLATES
from submission.documents.method import method_text
from submission.documents.published import (
    PAPER_RUNS,
    PAPER_TIME_NOTE,
    POLICY_SEED,
    POLICY_VALUES,
    REFERENCES,
)
from submission.documents.tables import (
    baselines,
    measurements,
    over_runs,
    paper,
    runs_table,
    share,
    skill,
    stops,
    table,
    times,
)
from submission.figures.catalogue import FIGURES, MAP, captions
from submission.runs.runs import CheckedRun, RunSet
from submission.runs.statistics import CONFIDENCE, OLYMPIC_RUNS, spread

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


def contribution(layout: BundleLayout, sources: Sources, figures: Sequence[str] = ()) -> str:
    """Return the complete document; ``figures`` are the names of the figures drawn in the bundle."""
    runs = sources.runs
    results, several = [run.result for run in runs.runs], count(len(runs.runs), "run")
    target = runs.first.result["quality_target"]
    beaten = sum(result["beats_baselines"] for result in results)
    geometry, method = runs.config.geometry, method_text(runs)
    return TEMPLATES.get_template(CONTRIBUTION).render(
        {
            "measurements": measurements(runs),
            "target": target,
            "reached": f"{sum(score >= target for score in runs.accuracies)} of {several}",
            "comparable": f"\n\n{NOT_COMPARABLE}" if runs.synthetic else "",
            "name": markdown_line(runs.config.series),
            "descriptor": layout.name.descriptor,
            "description": markdown_line(runs.config.description.strip().rstrip(".") or "Reference training"),
            "org": markdown_line(runs.org),
            "version": markdown_line(runs.shared("submission_version")),
            "platform": markdown_line(runs.shared("submission_platform")),
            "system": table(
                ("Field", "Value"),
                [(name, markdown_line(value)) for name, value in sources.system.items() if value],
            ),
            "data_kind": SYNTHETIC if runs.synthetic else OBSERVED,
            "scenes": _scenes(runs.first),
            "rows": geometry.rows,
            "columns": geometry.columns,
            "skipped": _skipped(runs),
            "method": method,
            "patch": geometry.patch,
            "augmentation": "they are flipped and turned at random"
            if runs.parameters["augmentation"]
            else "there is no data augmentation",
            "crop": geometry.crop,
            "code": layout.code.relative_to(layout.root).as_posix(),
            "commit": sources.commit.described,
            "hyperparameters": table(
                ("Key in the log", "Value"),
                [(f"`{name}`", markdown_line(value)) for name, value in runs.parameters.items()],
            ),
            "chosen": _chosen(len(results)),
            "runs": runs_table(runs),
            "stops": stops(runs),
            "interval": _interval(runs),
            "statistics": over_runs(runs),
            "reused": _reused(runs),
            "energy": _energy(runs),
            "figures": _figures(runs, figures),
            "skill": skill(runs),
            "beaten": "Every run is above every baseline."
            if beaten == len(results)
            else f"**Only {beaten} of {several} are above every baseline.**",
            "baselines": baselines(runs),
            "times": times(runs),
            "deviations": _deviations(runs),
            "paper_mean": f"{statistics.fmean(run.test_accuracy for run in PAPER_RUNS):.3f}",
            "paper_data": " Its scenes are observed ones; those of this submission are not."
            if runs.synthetic
            else "",
            "paper_times": PAPER_TIME_NOTE,
            "paper_runs": paper(runs),
            "limitations": _limitations(runs),
            "references": (*REFERENCES, *(each for each in method.citations if each not in REFERENCES)),
        },
    )


def _chosen(number: int) -> str:
    if number == 1:
        return "One run was given to the packager; the submitted value is that run's."
    return (
        f"All {number} runs that were given to the packager are reported; the submitted value is their mean, "
        "not the best of them."
    )


def _scenes(run: CheckedRun) -> str:
    data = run.result["data"]
    return (
        f"Scenes for training: {data['training_scenes']}; to choose the epoch: {data['validation_scenes']}; "
        f"for the score: {data['inference_scenes']}"
    )


def _skipped(runs: RunSet) -> str:
    names = {markdown_line(event.value) for run in runs.runs for event in run.log.sound("skipped_scene")}
    return f" Left out because they could not be read: {', '.join(sorted(names))}." if names else ""


def _interval(runs: RunSet) -> str:
    bounds = spread(runs.accuracies).interval
    if bounds is None:
        return "One run has no interval."
    low, high = map(share, bounds)
    return (
        f"The {CONFIDENCE:.0%} interval of the mean test accuracy, by Student's t with "
        f"{len(runs.runs) - 1} degrees of freedom, is {low} to {high}."
    )


def _reused(runs: RunSet) -> str:
    """Say which runs the time statistics leave out; "" if none."""
    seeds = [str(run.seed) for run in runs.runs if run.summary.reused]
    if not seeds:
        return ""
    left_out = f"{count(len(seeds), 'run')} (seed {', '.join(seeds)})"
    return f"Seconds to the target and in all leave out {left_out}, whose scenes an earlier run had staged. "


def _energy(runs: RunSet) -> str:
    sources = {run.summary.energy_sources for run in runs.runs if run.summary.energy is not None}
    if not sources:
        return "Energy was not measured: the node does not let the program read it."
    where = markdown_line("; ".join(sorted(sources)))
    return f"Energy is that of training and validation, measured at: {where}."


def _figures(runs: RunSet, names: Sequence[str]) -> str:
    shown = captions(names, runs)
    texts = {name: markdown_line(text) for name, text in shown.items()}
    blocks = [f"![{text}]({FIGURES_FOLDER}/{quote(name)}.png)\n\n{text}" for name, text in texts.items()]
    left_out = [f"Figure {number}" for number, name in enumerate(FIGURES, start=1) if name not in shown]
    if not any(name.startswith(MAP) for name in shown):
        left_out.append("maps of scenes")
    if left_out:
        why = "their scenes and masks were not available when the runs were packaged"
        blocks.append(f"Left out: {', '.join(left_out)}; {why}.")
    else:
        blocks.append(f"`{FIGURES_FOLDER}/` has all maps, and every figure also as a PDF.")
    return "\n\n".join(blocks)


def _deviations(runs: RunSet) -> list[str]:
    stated = runs.parameters
    found = [
        f"`{name}` is {stated[name]}; the reference configures {value}."
        for name, value in POLICY_VALUES.items()
        if name in stated and stated[name] != value
    ]
    if not (method := method_text(runs)).is_reference:
        found.insert(0, f"The model is not the reference's: {method.title}.")
    if runs.synthetic:
        found.insert(0, "The data are synthetic scenes instead of the observed ones.")
    schedule = stated.get("opt_learning_rate_decay_schedule", "constant")
    warmup = stated.get("opt_learning_rate_warmup_steps", 0)
    if schedule != "constant" or warmup:
        found.append(f"The learning rate follows a {schedule} schedule after {warmup} steps of warm-up.")
    if stated["augmentation"]:
        found.append("Training patches are flipped and turned at random; the reference's are not.")
    if stated["precision"] != "float32":
        found.append(f"Training computes in {stated['precision']}; the reference computes in float32.")
    if method.is_reference:
        found.append(
            "Convolutions of an upsampled image are computed without upsampling it "
            "(`benchmark/compute/convolution.py`): the same function of the same weights in fewer "
            "operations, with rounding of its own."
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
