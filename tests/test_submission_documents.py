"""What the bundle's documents say: each number recomputed here from the logs, each script run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import typst
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from submission_runs import CONFIG, accuracy, git, make_place, stopped_early, with_energy, write_run

from benchmark.config_file import load_config
from benchmark.errors import SubmissionError
from submission.contribution_tables import table
from submission.documents import write_text
from submission.layout import Layout, directory_name
from submission.package import Options, package
from submission.reference import PAPER_RUNS
from submission.repository import NO_REMOTE, public_address
from submission.typeset import to_typst, write_typeset

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    make_place(place)
    return place


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    return package(Options([place / "logs"], place / "dist", checkout=place))


@pytest.fixture(scope="module")
def science(bundle: Path) -> Path:
    return bundle / "New-York-University/cloudmask/test-node/quick"


@pytest.fixture(scope="module")
def document(science: Path) -> str:
    return (science / "scientific_contribution.md").read_text()


def logged(place: Path, seed: int) -> dict[str, Any]:
    """Key -> value of the last event with it, by nothing but JSON."""
    lines = (place / f"logs/quick-seed-{seed}/result.txt").read_text().splitlines()
    events = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    return {event["key"]: event["value"] for event in events}


def repackaged(place: Path, folder: Path, config: str) -> Path:
    """The experiment's folder of a bundle of one run with this configuration."""
    write_run(folder / "logs", 1, git(place, "rev-parse", "HEAD"), config=config)
    made = package(Options([folder / "logs"], folder / "dist", checkout=place))
    return made / "New-York-University/cloudmask/test-node/quick"


# ---- upstream's tools


def test_upstreams_parser_reads_every_log_without_an_error(bundle: Path) -> None:
    parser = pytest.importorskip("mlperf_logging.compliance_checker.mlp_parser")
    for log in bundle.glob("*/results/test-node/cloudmask/result_*.txt"):
        lines, errors = parser.parse_file(str(log), ruleset="3.0.0")
        assert (len(lines), errors) == (len(log.read_text().splitlines()), [])


def test_upstreams_repository_check_has_nothing_to_say(bundle: Path) -> None:
    checker = pytest.importorskip("mlperf_logging.repo_checker.repo_checker")
    files = checker.list_files_recursively(str(bundle))
    folders = checker.list_dirs_recursively(str(bundle))
    assert checker._check_bad_filenames(files, folders)
    assert checker._check_file_sizes(files)
    assert checker._check_symbolic_links(str(bundle), files)


# ---- the contribution


@dataclass(frozen=True)
class Facts:
    """A run's events as plain JSON, and what follows from them by nothing but arithmetic."""

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
    """The runs of a folder of logs by seed."""
    runs = []
    for path in folder.glob("*/result.txt"):
        lines = path.read_text().splitlines()
        runs.append(Facts([json.loads(line.removeprefix(":::MLLOG ")) for line in lines]))
    return sorted(runs, key=lambda run: run.value("seed"))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def deviation(values: list[float]) -> float:
    return (sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1)) ** 0.5


#: Student's t of 1 to 4 degrees of freedom at 95 %, from a printed table.
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
    """Every row of the document's tables that is computed from the logs."""
    count = len(runs)
    scores = [run.value("test_accuracy") for run in runs]
    what = f"mean of {count} runs" if count > 1 else "one run"
    rows = [
        row(
            f"Test accuracy, {what}",
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
            rows.append(row(name, *["–"] * 5))
            continue
        numbers = [
            mean(values),
            deviation(values) if len(values) > 1 else None,
            min(values),
            max(values),
            mean(sorted(values)[1:-1]) if len(values) > 2 else None,
        ]
        rows.append(row(name, *("–" if number is None else f"{number:.{decimals}f}" for number in numbers)))
    return rows


def expected_skill(runs: list[Facts]) -> list[str]:
    """Skill from the four counts of the result, baselines from their events."""
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
    """Accuracy, Kuiper skill, IoU, F1, precision and recall of cloud."""
    tp, fp = counts["true_positive"], counts["false_positive"]
    fn, tn = counts["false_negative"], counts["true_negative"]
    recall, precision = tp / (tp + fn), tp / (tp + fp)
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    f1 = 2 * precision * recall / (precision + recall)
    return accuracy, recall - fp / (fp + tn), tp / (tp + fp + fn), f1, precision, recall


def expected_prose(runs: list[Facts], config: str, commit: str) -> list[str]:
    """Every line outside of tables that has a number, made of the logs and the published facts alone."""
    first, scores = runs[0], [run.value("test_accuracy") for run in runs]
    count, seeds = len(runs), ", ".join(str(run.value("seed")) for run in runs)
    best = max(runs, key=lambda run: run.value("test_accuracy")).value("seed")
    reached = sum(score >= 0.9 for score in scores)
    several = f"{count} runs" if count > 1 else "1 run"
    lines = [
        f"Quality target of the policy: 0.9; reached by {reached} of {several}.",
        "Submitted by New York University, division open, benchmark version mlcommons-cloudmask-v1.1, "
        "platform Test Node.",
        "## Beside the paper's Table 3",
        "The paper's runs on V100 GPUs have a mean test accuracy of 0.889. Its scenes are observed ones; "
        "those of this submission are not. The paper describes the times as averages per epoch. Multiplied "
        "by the epochs they would exceed the 13 hours that its published job scripts allow by far (142 "
        "minutes times 200 epochs is 475 hours), so they are read here as the times of whole runs: about 40 "
        "seconds per epoch.",
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


#: Numbers that the document states of the data and the method, which are the configuration's.
METHOD = (
    "Scenes for training: 4; to choose the epoch: 1; for the score: 2. No scene is in two of these. A scene "
    "has 1200 x 1500 pixels. The nine channels of the benchmark",
    "The model is the benchmark's U-Net (1,948,609 parameters for nine channels): three levels of two 3 x 3 "
    "convolutions",
    "For the score each inference scene is cut into overlapping patches (80 pixels of overlap)",
)


def assert_every_number(document: str, runs: list[Facts], system: dict[str, str], commit: str) -> None:
    """Every line of the document that has a digit is computed here, and each that is computed is there."""
    lines = document.splitlines()
    rows = expected_tables(runs)
    rows += [row(name, value) for name, value in system.items() if value]
    parameters = [key for key in HYPERPARAMETERS if key != "seed"]
    rows += [row(f"`{key}`", runs[0].value(key)) for key in parameters]
    assert [each for each in rows if each not in lines] == []
    prose = [*expected_prose(runs, CONFIG, commit), *METHOD]
    assert [each for each in prose if each not in document] == []
    references = document.partition("## References")[2].splitlines()
    unexplained = [
        line
        for line in lines
        if re.search(r"\d", line)
        and line not in rows
        and line not in references
        and not any(each in line for each in prose)
    ]
    assert unexplained == NAMES_WITH_DIGITS


NAMES_WITH_DIGITS = [
    "**The scenes are synthetic.** They are simulated, in the format of the Sentinel-3 SLSTR dataset, and "
    "are not observations: the score says that the program learns and is scored as it should, and nothing "
    "about clouds that a satellite sees.",
    "| Log | Seed | Epochs | Best epoch | Train accuracy | Eval accuracy | Test accuracy | Seconds "
    "| Weights (sha256) |",
    "| Label | Pixels | Accuracy | Kuiper skill | IoU | F1 | Precision | Recall |",
]

HYPERPARAMETERS = (
    *("seed", "data_kind", "config_digest", "number_of_nodes", "accelerators_per_node", "number_of_ranks"),
    *("global_batch_size", "local_batch_size", "gradient_accumulation_steps", "epochs"),
    *("early_stopping_patience", "opt_name", "opt_base_learning_rate", "opt_adam_beta_1", "opt_adam_beta_2"),
    *("opt_adam_epsilon", "opt_learning_rate_warmup_steps", "opt_learning_rate_decay_schedule", "precision"),
    *("augmentation", "patch_size", "crop_size", "min_sst", "train_split", "split_seed", "quality_target"),
)


def described(science: Path) -> dict[str, str]:
    """The system's description of a bundle, from one of its experiments."""
    (path,) = science.parents[2].glob("systems/*.json")
    return json.loads(path.read_text())


def test_every_number_of_the_document_is_computed_from_the_logs(
    place: Path, science: Path, document: str
) -> None:
    commit = git(place, "rev-parse", "HEAD")
    assert_every_number(document, facts(place / "logs"), described(science), commit)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_so_it_is_with_one_run_two_and_five(count: int, place: Path, tmp_path: Path) -> None:
    commit = git(place, "rev-parse", "HEAD")
    for seed in range(1, count + 1):
        write_run(tmp_path / "logs", seed, commit)
    science, document = contributed(place, tmp_path)
    assert_every_number(document, facts(tmp_path / "logs"), described(science), commit)
    assert ("- There are too few runs to say how the scores scatter." in document) is (count < 3)
    assert ("One run has no interval." in document) is (count == 1)
    assert ("One run was given to the packager" in document) is (count == 1)


def test_so_it_is_with_a_target_that_is_reached_energy_and_a_run_that_stopped_early(
    place: Path, tmp_path: Path
) -> None:
    def reached(lines: list[dict[str, Any]]) -> None:
        stopped_early(lines)
        with_energy(lines)
        for line in lines:
            if line["key"] == "eval_accuracy":
                line["metadata"]["correct"] = 1_200_000
                line["value"] = 1_200_000 / line["metadata"]["pixels"]
            if line["key"] == "result":
                line["value"]["eval_accuracy"] = 1_200_000 / 1310720

    commit = git(place, "rev-parse", "HEAD")
    config = CONFIG.replace("epochs: 2", "epochs: 40\n  early_stopping_patience: 1")
    for seed in (1, 2):
        write_run(tmp_path / "logs", seed, commit, config=config, change=reached)
    science, document = contributed(place, tmp_path)
    assert_every_number(document, facts(tmp_path / "logs"), described(science), commit)
    assert "| 1 | patience of 1 epochs ran out | 0 | 1 | " in document
    assert "| Energy in joules | 2500 | 0 | 2500 | 2500 | – |" in document
    assert "Energy is that of training and validation, measured at: accelerators, cpu." in document


def test_energy_that_was_not_measured_is_said(document: str) -> None:
    assert "| Energy in joules | – | – | – | – | – |" in document
    assert "Energy was not measured: the node does not let the program read it." in document


def contributed(place: Path, folder: Path) -> tuple[Path, str]:
    """The experiment's folder and the document of a bundle of the runs below folder/logs."""
    made = package(Options([folder / "logs"], folder / "dist", checkout=place))
    (science,) = made.glob("*/cloudmask/*/*")
    return science, (science / "scientific_contribution.md").read_text()


def test_the_document_begins_with_the_table_of_the_rules(document: str) -> None:
    assert document.splitlines()[:2] == [
        "| Measurement name | Reference model value | Submitted model value | Average difference |",
        "| --- | --- | --- | --- |",
    ]


def test_the_papers_table_follows_with_the_runs_beside_it(document: str) -> None:
    headings = re.findall(r"^##? (.*)$", document, re.M)
    assert headings == [
        *("CloudMask: quick", "Beside the paper's Table 3", "System", "Data", "Method", "Hyperparameters"),
        *("Runs", "Statistics", "Skill", "Baselines", "Times", "Figures", "Deviations from the reference"),
        *("How the runs were chosen", "Limitations", "References"),
    ]


def test_synthetic_data_are_said_to_be_synthetic_first(document: str) -> None:
    section = document.partition("## Data\n\n")[2]
    assert section.startswith("**The scenes are synthetic.** They are simulated")
    assert "**The two values cannot be compared" in document.partition("# CloudMask")[0]
    assert "- The scenes are synthetic: no value says" in document.partition("## Limitations")[2]


def test_augmentation_is_told_as_the_logs_have_it(place: Path, tmp_path: Path) -> None:
    def flipped(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line["key"] == "augmentation")["value"] = True

    config = CONFIG + "  augmentation: true\n"
    write_run(tmp_path / "logs", 1, git(place, "rev-parse", "HEAD"), config=config, change=flipped)
    assert "pixels; they are flipped and turned at random. After" in contributed(place, tmp_path)[1]


def test_deviations_are_found_by_comparing_with_the_policy(document: str) -> None:
    section = document.partition("## Deviations from the reference\n\n")[2].partition("\n\n")[0]
    *first, computed, seeds = section.splitlines()[:5]
    assert [*first, seeds] == [
        "- The data are synthetic scenes instead of the observed ones.",
        "- `local_batch_size` is 8; the reference configures 32.",
        "- The learning rate follows a cosine schedule after 2 steps of warm-up.",
        "- The seeds are 1, 2, 3; the reference's is 1234.",
    ]
    assert computed.startswith("- Convolutions of an upsampled image are computed without upsampling it")


def test_the_papers_mean_is_the_published_one() -> None:
    assert round(statistics.fmean(run.test_accuracy for run in PAPER_RUNS), 3) == 0.889
    assert [tuple(run) for run in PAPER_RUNS] == list(TABLE_3)


def test_no_placeholder_of_a_template_is_left(bundle: Path) -> None:
    for path in bundle.rglob("*"):
        if path.suffix in (".md", ".sh", ".yaml"):
            assert not re.search(r"@[A-Z_]+@", path.read_text()), path


# ---- the typeset contribution


def squeezed(text: str) -> str:
    """Without blanks and line ends, which a typeset line has elsewhere; typographic hyphens are plain."""
    return re.sub(r"\s|\ufffe|\u00ad|\u200b", "", text).replace("‐", "-")


def plain_lines(markdown: str) -> list[str]:
    """The text of every line of the document: rows of tables, paragraphs, items."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    found: list[str] = []
    for token in tokens:
        if token.type == "tr_open":
            found.append("")
        if token.type == "inline" and token.children[0].type != "image":
            text = "".join(" " if child.type == "softbreak" else child.content for child in token.children)
            if token.level >= 4 and found:  # a cell
                found[-1] += f" {text}"
            else:
                found.append(text)
    return found


def test_the_pdf_says_every_line_of_the_document(science: Path, document: str) -> None:
    with contextlib.closing(pypdfium2.PdfDocument(science / "scientific_contribution.pdf")) as pdf:
        text = squeezed("".join(page.get_textpage().get_text_range() for page in pdf))
    lines = [squeezed(line) for line in plain_lines(document)]
    assert len(lines) > 100
    assert [line for line in lines if line not in text] == []


def test_the_pdf_has_both_names_and_the_same_bytes_each_time(science: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path, "org", "system", "descriptor")
    shutil.copytree(science, layout.science)
    theirs = (science / "scientific_contribution.pdf").read_bytes()
    assert (science / "sientific_contribution.pdf").read_bytes() == theirs
    for path in layout.contribution_pdfs:
        path.unlink()
    write_typeset(layout)
    assert [path.read_bytes() == theirs for path in layout.contribution_pdfs] == [True, True]
    assert not re.search(rb"/(CreationDate|ModDate)", theirs)
    assert [path.name for path in layout.science.glob(".part-*")] == []


def test_no_text_of_the_document_is_a_command_of_the_typesetter(tmp_path: Path) -> None:
    text = 'A #panic("x") $ @a <b> [c] {d} \\\\ "e" `#read("f")` // i /* j'
    layout = Layout(tmp_path, "org", "system", "descriptor")
    write_text(layout.contribution, f"# {text}\n\n{text}\n\n- {text}\n\n{table((text, 'b'), [(text, 1)])}\n")
    write_typeset(layout)
    with contextlib.closing(pypdfium2.PdfDocument(layout.contribution_pdfs[0])) as pdf:
        said = squeezed(pdf[0].get_textpage().get_text_range())
    assert said.count(squeezed('A #panic("x") $ @a <b> [c] {d} \\ "e" #read("f") // i /* j')) == 5


@given(st.text(max_size=60))
def test_any_text_can_be_typeset(text: str) -> None:
    typst.compile(to_typst(table(("a", "b"), [(text.replace("\n", " "), 1)]) + f"\n\n{text}\n").encode())


def test_an_image_that_is_not_there_is_refused_with_the_way_out(place: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("A run typed by hand", "'![x](figures/none.png)'")
    write_run(tmp_path / "logs", 1, git(place, "rev-parse", "HEAD"), config=config)
    with pytest.raises(SubmissionError) as refused:
        contributed(place, tmp_path)
    assert "file not found" in refused.value.found
    assert refused.value.expected == "a document that can be typeset"
    assert "the configuration's description" in refused.value.remedy


@pytest.mark.parametrize(
    "markup", ["*a*", "> a", "---", "```", "<b>a</b>", "![a](/etc/b.png)", "1. a", "&amp;"]
)
def test_markup_of_a_description_is_typeset_as_far_as_the_document_has_it(
    markup: str, tmp_path: Path
) -> None:
    layout = Layout(tmp_path, "org", "system", "descriptor")
    write_text(layout.contribution, f"{markup}\n\nThe end\n")
    write_typeset(layout)
    with contextlib.closing(pypdfium2.PdfDocument(layout.contribution_pdfs[0])) as pdf:
        assert "The end" in pdf[0].get_textpage().get_text_range()


def test_the_typesetter_has_no_complaint_about_the_document(science: Path, document: str) -> None:
    compiler = typst.Compiler(to_typst(document).encode(), root=science)
    assert compiler.compile_with_warnings(format="pdf")[1] == []


# ---- tables


def test_a_pipe_in_a_cell_does_not_break_its_table() -> None:
    assert table(("a", "b"), [("x|y", 1)]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |"


# ---- the configurations


def test_config_yaml_holds_what_the_rules_ask(place: Path, science: Path) -> None:
    config = yaml.safe_load((science / "config.yaml").read_text())
    assert config["github"] == {
        "description": "MLCommons Science CloudMask: reference training on Sentinel-3 SLSTR scenes",
        "repo": NO_REMOTE,
        "branch": "main",
        "version": "mlcommons-cloudmask-v1.1",
        "tag": "no tag points at this commit",
        "commit": git(place, "rev-parse", "HEAD"),
    }
    assert config["data"] == [
        "python -m benchmark.synthesis --output data/synthetic --seed 21 --training 5 --inference 2"
    ]
    assert config["seeds"] == [1, 2, 3]
    assert config["hyperparameters"]["opt_adam_beta_2"] == 0.999
    assert config["parameters"] == yaml.safe_load((science / "run_config.yaml").read_text())


def test_the_program_reads_the_bundled_configuration_as_that_of_the_runs(place: Path, science: Path) -> None:
    ours = load_config(science / "run_config.yaml", ["seed=2"])
    theirs = load_config(place / "logs/quick-seed-2/config.yaml")
    assert ours == theirs
    assert ours.digest() == logged(place, 2)["config_digest"]


def test_tag_branch_and_remote_are_those_of_git_without_a_password(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    make_place(place, seeds=(1,))
    git(place, "tag", "v1.0")
    git(place, "remote", "add", "origin", "https://ada:" + "s3cret@github.com/ada/cloudmask.git")
    made = package(Options([place / "logs"], place / "dist", checkout=place))
    (path,) = made.glob("*/cloudmask/*/*/config.yaml")
    github = yaml.safe_load(path.read_text())["github"]
    assert (github["repo"], github["tag"]) == ("https://github.com/ada/cloudmask", "v1.0")
    assert not any(b"s3cret" in file.read_bytes() for file in made.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("git@github.com:ada/cloudmask.git", "https://github.com/ada/cloudmask"),
        ("ssh://git@gitlab.example.org:2222/a/b.git", "https://gitlab.example.org/a/b"),
        ("https://token@github.com/ada/cloudmask", "https://github.com/ada/cloudmask"),
        ("/home/ada/cloudmask.git", None),
        ("file:///srv/git/cloudmask", None),
        ("../cloudmask", None),
        ("https://localhost/cloudmask", None),
        (r"C:\code\cloudmask", None),
    ],
)
def test_only_what_others_can_reach_is_an_address(address: str, public: str | None) -> None:
    assert public_address(address) == public


def test_folders_of_the_machine_that_ran_are_not_in_the_bundle(place: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("data/synthetic/", "/scratch/ada/scenes/")
    science = repackaged(place, tmp_path, config)
    assert (
        yaml.safe_load((science / "run_config.yaml").read_text())["data"]["training"]
        == "data/synthetic/training"
    )
    assert "The runs read their data from other folders" in (science / "README.md").read_text()
    assert not any(b"/scratch" in path.read_bytes() for path in science.rglob("*") if path.is_file())


def test_observed_scenes_are_fetched_from_the_public_bucket(place: Path, tmp_path: Path) -> None:
    config = re.sub(r"  (kind|synthetic): .*\n", "", CONFIG).replace("data:\n", "data:\n  kind: slstr\n")
    config = config.replace("data/synthetic/", "data/cloud_slstr_ds1/")

    def observed(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["key"] == "data_kind":
                line["value"] = "slstr"
            if line["key"] == "result":
                line["value"]["data"]["kind"] = "slstr"

    write_run(tmp_path / "logs", 1, git(place, "rev-parse", "HEAD"), config=config, change=observed)
    made = package(Options([tmp_path / "logs"], tmp_path / "dist", checkout=place))
    (science,) = made.glob("*/cloudmask/*/*")
    endpoint = "--endpoint-url https://s3.echo.stfc.ac.uk sync s3://sciml-datasets/es/cloud_slstr_ds1"
    commands = [
        f"aws s3 --no-sign-request {endpoint}/{split} data/cloud_slstr_ds1/{split}"
        for split in ("training", "inference")
    ]
    assert yaml.safe_load((science / "config.yaml").read_text())["data"] == commands
    assert "\n".join(commands) in (science / "init_datasets.sh").read_text()
    document = (science / "scientific_contribution.md").read_text()
    assert "ynthetic" not in document
    assert "The scenes are the observed Sentinel-3A SLSTR scenes of the benchmark" in document


def test_scenes_of_another_size_are_made_of_that_size(place: Path, tmp_path: Path) -> None:
    science = repackaged(place, tmp_path, CONFIG + "geometry: {rows: 1100, columns: 1400}\n")
    (command,) = yaml.safe_load((science / "config.yaml").read_text())["data"]
    assert command.endswith("--training 5 --inference 2 --rows 1100 --columns 1400")


def test_the_notes_on_the_implementation_answer_every_question(bundle: Path) -> None:
    (path,) = bundle.glob("*/benchmarks/cloudmask/implementations/test-node/test-node_tensorflow.json")
    assert json.loads(path.read_text()) == {
        "starting_weights_filename": "none: random initial weights (he_normal) from the seed in each log",
        "weight_transformations": "No",
        "weight_data_types": "fp32",
        "input_data_types": "fp32 (fp16 where patches are kept on disk)",
        "retraining": "No",
        "notes": "Implementation tensorflow, configuration quick; "
        "weights of the epoch with the lowest validation loss.",
    }


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("New York University", "New-York-University"),
        ("Universität Zürich", "Universitat-Zurich"),
        ("..a/b..", "a-b"),
    ],
)
def test_a_name_becomes_a_folder(name: str, folder: str) -> None:
    assert directory_name(name) == folder


@given(st.text(max_size=40))
def test_a_folders_name_is_safe_whatever_the_name_is(name: str) -> None:
    try:
        folder = directory_name(name)
    except SubmissionError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", folder)
    assert not folder.endswith((".", "-"))


# ---- README and scripts


def test_the_readme_lists_each_log_with_its_seed_and_score(bundle: Path) -> None:
    for path in bundle.glob("*/*/**/test-node/**/README.md"):
        text = path.read_text()
        for number, seed in enumerate(SEEDS, start=1):
            assert f"| result-{number}.txt | {seed} | {accuracy(seed):.4f} |" in text
        assert 'python -m benchmark.run --config "$config" --seed 3' in text
        assert f"cd {path.parent.relative_to(bundle).as_posix()}\n" in text
        assert "python -m submission.package --logs logs/ --descriptor quick\n" in text


def scripts(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*.sh") if path.name != "start.sh")


def test_the_scripts_are_executable_and_sound(bundle: Path) -> None:
    assert len(scripts(bundle)) == 6
    for script in scripts(bundle):
        assert script.stat().st_mode & 0o777 == 0o755
        subprocess.run(["bash", "-n", script], check=True)


def test_shellcheck_has_nothing_to_say(bundle: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", *scripts(bundle)], check=True)


#: Stands in for Python: makes virtual environments of itself and writes down what it is asked to do.
STUB = """\
#!/bin/sh
printf '%s|' "$PWD" "$PYTHONPATH" "$@" >> "$STUB_LOG"
echo >> "$STUB_LOG"
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
fi
"""


@pytest.mark.parametrize(
    "part", ["cloudmask/test-node/quick", "benchmarks/cloudmask/implementations/test-node"]
)
def test_the_scripts_work_from_the_unpacked_bundle_alone_and_leave_it_as_it_was(
    part: str, bundle: Path, tmp_path: Path
) -> None:
    unpacked = Path(shutil.copytree(bundle, tmp_path / "an empty place" / "bundle"))
    stub, log = tmp_path / "python", tmp_path / "log"
    stub.write_text(STUB)
    stub.chmod(0o755)
    folder = unpacked / "New-York-University" / part
    code = unpacked / "New-York-University/benchmarks/cloudmask/implementations/tensorflow"
    work = unpacked.with_name("bundle.work")

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / script, *arguments],
            env={**os.environ, "PYTHON": str(stub), "STUB_LOG": str(log), "PYTHONPATH": ""},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    early = run("run_and_time.sh", "1")
    assert (early.returncode, "run" in early.stderr, "setup.sh first" in early.stderr) == (2, True, True)
    for script, *arguments in (["setup.sh"], ["init_datasets.sh"], ["run_and_time.sh", "2"]):
        done = run(script, *arguments)
        assert done.returncode == 0, done.stderr
    assert [line.split("|")[:-1] for line in log.read_text().splitlines()[1:]] == [
        [str(tmp_path), "", "-m", "venv", f"{work}/venv"],
        [
            *(str(tmp_path), "", "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"),
            *("--requirement", f"{code}/requirements.lock"),
        ],
        [
            *(str(work), str(code), "-m", "benchmark.synthesis", "--output", "data/synthetic"),
            *("--seed", "21", "--training", "5", "--inference", "2"),
        ],
        [
            *(str(work), str(code), "-m", "benchmark.run", "--config", f"{folder}/run_config.yaml"),
            *("--seed", "2", "--output", "logs"),
        ],
        [str(work), str(code), "-m", "compliance.check", "logs/quick-seed-2"],
    ]
    subprocess.run(["sha256sum", "--check", "--quiet", "MANIFEST.sha256"], cwd=unpacked, check=True)
    assert len([*unpacked.rglob("*")]) == len([*bundle.rglob("*")])

    (folder / "config.yaml" if part.startswith("cloudmask") else folder / "README.md").write_text("changed")
    assert run("setup.sh").returncode != 0


@pytest.mark.parametrize("seed", [[], ["x"], ["-1"], ["1.5"], ["01"], [""]])
def test_a_seed_that_is_none_is_refused_with_the_usage(seed: list[str], science: Path) -> None:
    done = subprocess.run([science / "run_and_time.sh", *seed], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "usage: run_and_time.sh SEED   (the submitted runs: 1, 2, 3)\n"


def test_an_old_python_is_refused(science: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        [science / "setup.sh"], env={**os.environ, "PYTHON": str(old)}, capture_output=True, text=True
    )
    assert (done.returncode, "is not Python 3.10 or newer" in done.stderr) == (2, True)
