"""The numbers of logs, from JSON and arithmetic alone, for comparison with the documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from submission.package import Options, package


@dataclass(frozen=True)
class Facts:
    """A run's events as plain JSON, and numbers computed from them by arithmetic alone."""

    events: list[dict[str, Any]]

    def of(self, key: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["key"] == key]

    def value(self, key: str) -> Any:
        return self.of(key)[-1]["value"]

    def at_epoch(self, key: str, epoch: int) -> float:
        return next(e["value"] for e in self.of(key) if e["metadata"]["epoch_num"] == epoch)

    @property
    def best_epoch(self) -> int:
        losses = [(event["value"], event["metadata"]["epoch_num"]) for event in self.of("eval_loss")]
        return min(losses)[1]

    @property
    def target_epoch(self) -> int | None:
        reached = [e for e in self.of("eval_accuracy") if e["value"] >= self.value("quality_target")]
        return reached[0]["metadata"]["epoch_num"] if reached else None

    @property
    def seconds_to_target(self) -> float | None:
        times = [
            e["time_ms"] for e in self.of("eval_accuracy") if e["metadata"]["epoch_num"] == self.target_epoch
        ]
        return (times[0] - self.of("run_start")[0]["time_ms"]) / 1000 if times else None

    @property
    def energy(self) -> float | None:
        measured = [event["value"] for event in self.of("epoch_energy")]
        return sum(measured) if measured else None

    def seconds(self, name: str) -> float:
        starts, stops = self.of(f"{name}_start"), self.of(f"{name}_stop")
        return (
            sum(stop["time_ms"] - start["time_ms"] for start, stop in zip(starts, stops, strict=True)) / 1000
        )

    @property
    def why(self) -> str:
        if self.of("early_stop"):
            return f"patience of {self.value('early_stopping_patience')} epochs ran out"
        return f"all {len(self.of('epoch_stop'))} epochs done"


def facts(folder: Path) -> list[Facts]:
    """Return the runs in a folder of logs, ordered by seed."""
    runs = []
    for path in folder.glob("*/result.txt"):
        lines = path.read_text().splitlines()
        runs.append(Facts([json.loads(line.removeprefix(":::MLLOG ")) for line in lines]))
    return sorted(runs, key=lambda run: run.value("seed"))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def deviation(values: list[float]) -> float:
    return (sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1)) ** 0.5


#: Student's t for 1 to 4 degrees of freedom at 95 %, from a printed table.
T95 = {1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645}


#: The paper's Table 3.
TABLE_3 = (
    (200, 0.896, 0.884, 142.47, 1.73),
    (200, 0.897, 0.890, 126.44, 1.53),
    (183, 0.897, 0.885, 121.21, 1.41),
    (162, 0.897, 0.890, 108.16, 1.44),
    (147, 0.909, 0.896, 98.75, 1.46),
)


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def paper_row(name: str, values: tuple[float, ...] | list[float]) -> str:
    epochs, train, test, minutes, inference = values
    return row(name, f"{epochs:g}", f"{train:.3f}", f"{test:.3f}", f"{minutes:.2f}", f"{inference:.2f}")


def expected_tables(runs: list[Facts]) -> list[str]:
    """Return all rows of the document's tables that are computed from the logs."""
    count = len(runs)
    scores = [run.value("test_accuracy") for run in runs]
    what = f"mean of {count} runs" if count > 1 else "one run"
    rows = [
        row(
            f"Demonstration on synthetic scenes: test accuracy, {what}",
            "0.92 (as published)",
            f"{mean(scores):.4f}",
            f"{mean(scores) - 0.92:+.4f}",
        )
    ]
    ours = [
        (
            len(run.of("epoch_stop")),
            run.at_epoch("train_accuracy", run.best_epoch),
            run.value("test_accuracy"),
            run.seconds("epoch") / 60,
            run.seconds("inference") / 60,
        )
        for run in runs
    ]
    rows += [paper_row("paper", values) for values in TABLE_3]
    rows.append(paper_row("**paper, mean**", [mean([*column]) for column in zip(*TABLE_3, strict=True)]))
    rows += [paper_row(f"seed {run.value('seed')}", values) for run, values in zip(runs, ours, strict=True)]
    rows.append(paper_row("**these runs, mean**", [mean([*column]) for column in zip(*ours, strict=True)]))
    for number, run in enumerate(runs, start=1):
        best = run.best_epoch
        rows.append(
            row(
                *(f"result-{number}.txt", run.value("seed"), len(run.of("epoch_stop")), best),
                *(f"{run.at_epoch(f'{split}_accuracy', best):.4f}" for split in ("train", "eval")),
                *(f"{run.value('test_accuracy'):.4f}", f"{run.seconds('run'):.1f}"),
                f"{run.value('result')['weights_sha256'][:12]}…",
            )
        )
        to_target, energy = run.seconds_to_target, run.energy
        rows.append(
            row(
                *(run.value("seed"), run.why, len(run.of("run_resumed")), run.target_epoch or "not reached"),
                "–" if to_target is None else f"{to_target:.1f}",
                f"{run.seconds('epoch') / len(run.of('epoch_stop')):.2f}",
                f"{run.seconds('inference') / len(run.of('scene_accuracy')):.3f}",
                "–" if energy is None else f"{energy:.0f}",
            )
        )
    rows += expected_statistics(runs)
    total = mean([run.seconds("run") for run in runs])
    parts = {name: mean([run.seconds(key) for run in runs]) for name, key in PARTS.items()}
    parts |= {"everything else": total - sum(parts.values()), "total": total}
    rows += [row(name, f"{part:.1f}", f"{100 * part / total:.1f}%") for name, part in parts.items()]
    return rows + expected_skill(runs)


PARTS = {"staging": "staging", "training": "epoch", "evaluation": "eval", "inference": "inference"}


def expected_statistics(runs: list[Facts]) -> list[str]:
    quantities: dict[str, tuple[list[Any], int]] = {
        "Test accuracy": ([run.value("test_accuracy") for run in runs], 4),
        "Train accuracy": ([run.at_epoch("train_accuracy", run.best_epoch) for run in runs], 4),
        "Eval accuracy": ([run.at_epoch("eval_accuracy", run.best_epoch) for run in runs], 4),
        "Epochs": ([len(run.of("epoch_stop")) for run in runs], 1),
        "Seconds to the target": ([run.seconds_to_target for run in runs], 1),
        "Seconds in all": ([run.seconds("run") for run in runs], 1),
        "Seconds of training per epoch": (
            [run.seconds("epoch") / len(run.of("epoch_stop")) for run in runs],
            2,
        ),
        "Seconds of inference per scene": (
            [run.seconds("inference") / len(run.of("scene_accuracy")) for run in runs],
            3,
        ),
        "Energy in joules": ([run.energy for run in runs], 0),
    }
    rows = []
    for name, (values, decimals) in quantities.items():
        if None in values:
            rows.append(row(name, *["–"] * 6))
            continue
        numbers = [
            mean(values),
            deviation(values) if len(values) > 1 else None,
            min(values),
            max(values),
            mean(sorted(values)[1:-1]) if len(values) > 2 else None,
            prod(values) ** (1 / len(values)) if min(values) > 0 else None,
        ]
        rows.append(row(name, *("–" if number is None else f"{number:.{decimals}f}" for number in numbers)))
    return rows


def expected_skill(runs: list[Facts]) -> list[str]:
    """Return rows of skill, from the result's four counts, and of baselines, from their events."""
    rows = []
    for part in runs[0].value("result")["scores"]["bayes"]:
        skills = [skill(run.value("result")["scores"]["bayes"][part]) for run in runs]
        means = [mean([*column]) for column in zip(*skills, strict=True)]
        rows.append(row("bayes", part.replace("_", " "), *(f"{value:.4f}" for value in means)))
    for name in ("majority", "threshold", "logistic"):
        counts = [
            event["metadata"]
            for run in runs
            for event in run.of("baseline_accuracy")
            if event["metadata"]["baseline"] == name
        ]
        rows.append(row(name, f"{mean([each['correct'] / each['pixels'] for each in counts]):.4f}"))
    score = mean([run.value("test_accuracy") for run in runs])
    return [*rows, row("**this submission**", f"**{score:.4f}**")]


def skill(counts: dict[str, int]) -> tuple[float, ...]:
    """Return accuracy, Kuiper skill, IoU, F1, precision and recall of cloud."""
    tp, fp = counts["true_positive"], counts["false_positive"]
    fn, tn = counts["false_negative"], counts["true_negative"]
    recall, precision = tp / (tp + fn), tp / (tp + fp)
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    f1 = 2 * precision * recall / (precision + recall)
    return accuracy, recall - fp / (fp + tn), tp / (tp + fp + fn), f1, precision, recall


def expected_prose(runs: list[Facts], config: str, commit: str) -> list[str]:
    """Return all lines outside tables that contain a number, from the logs and published facts alone."""
    first, scores = runs[0], [run.value("test_accuracy") for run in runs]
    count, seeds = len(runs), ", ".join(str(run.value("seed")) for run in runs)
    best = max(runs, key=lambda run: run.value("test_accuracy")).value("seed")
    reached = sum(score >= 0.9 for score in scores)
    several = f"{count} runs" if count > 1 else "1 run"
    lines = [
        f"Quality target of the policy: 0.9; reached by {reached} of {several}.",
        "Submitted by New York University, division open, benchmark version mlcommons-cloudmask-v1.1, "
        "platform Test Node.",
        "## Compared with the paper's Table 3",
        "The paper's runs on V100 GPUs have a mean test accuracy of 0.889. Its scenes are observed ones; "
        "those of this submission are not. The paper describes the times as averages per epoch. Multiplied "
        "by the epochs they would far exceed the 13 hours that its published job scripts allow (142 "
        "minutes times 200 epochs is 475 hours), so they are read here as the times of complete runs: "
        "about 40 seconds per epoch.",
        "The code is in `New-York-University/benchmarks/cloudmask/implementations/tensorflow/` of this "
        f"bundle: commit `{commit}` (no public remote; the code is in this bundle).",
        f"- `local_batch_size` is {first.value('local_batch_size')}; the reference configures 32.",
        "- The learning rate follows a cosine schedule after 2 steps of warm-up.",
        f"- The seeds are {seeds}; the reference's is 1234.",
        "- The probability is that of cloud, as the label's 1 is cloud; the paper's text calls it that of a "
        "clear sky. The accuracy is the same either way.",
    ]
    if count > 1:
        half = T95[count - 1] * deviation(scores) / count**0.5
        low, high = mean(scores) - half, mean(scores) + half
        lines.append(f"by Student's t with {count - 1} degrees of freedom, is {low:.4f} to {high:.4f}.")
        lines.append(f"All {count} runs that were given to the packager are reported;")
    for number, text in {
        2: "Loss and accuracy in training, all runs.",
        3: "Loss and accuracy on the validation scenes, all runs.",
        4: f"The best run (seed {best}) in detail.",
        5: "Accuracy by scene, day and night, the hardest scenes below.",
        7: f"Timeline of the best run (seed {best}), from the events of its log.",
    }.items():
        lines.append(f"Figure {number}. {text}")
    lines.append("Left out: Figure 1, Figure 6, maps of scenes; ")
    return lines


def contributed(place: Path, folder: Path) -> tuple[Path, str]:
    """Package the runs below folder/logs; return the experiment's folder and the document."""
    made = package(Options([folder / "logs"], folder / "dist", checkout=place))
    (science,) = made.glob("*/cloudmask/*/*")
    return science, (science / "scientific_contribution.md").read_text()
