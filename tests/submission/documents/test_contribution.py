"""The contribution document: every number of it recomputed here from the logs."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from submission.documents.published import PAPER_RUNS
from submission.documents.tables import table
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import CONFIG, write_run
from tests.support.runs.run_changes import stopped_early, with_energy
from tests.support.submissions.facts import (
    TABLE_3,
    Facts,
    contributed,
    expected_prose,
    expected_tables,
    facts,
    row,
)

SEEDS = (1, 2, 3)


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
    *("global_batch_size", "local_batch_size", "batch_size", "micro_batch_size"),
    *("gradient_accumulation_steps", "epochs", "learning_rate", "config_filename"),
    *(f"lowest_numerical_precision_in_{part}" for part in ("linear", "attn", "comm")),
    *(f"{kind}_parallelism" for kind in ("tensor", "pipeline", "context", "expert")),
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
                line["value"]["validation_accuracy"] = 1_200_000 / 1310720

    commit = git(place, "rev-parse", "HEAD")
    config = CONFIG.replace("epochs: 2", "epochs: 40\n  early_stopping_patience: 1").replace("0.1", "0.005")
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


def test_the_document_begins_with_the_table_of_the_rules(document: str) -> None:
    assert document.splitlines()[:2] == [
        "| Measurement name | Reference model value | Submitted model value | Average difference |",
        "| --- | --- | --- | --- |",
    ]


def test_the_table_of_the_paper_shows_the_runs_next_to_its_numbers(document: str) -> None:
    headings = re.findall(r"^##? (.*)$", document, re.M)
    assert headings == [
        *(
            "CloudMask: quick",
            "Compared with the paper's Table 3",
            "System",
            "Data",
            "Method",
            "Hyperparameters",
        ),
        *("Runs", "Statistics", "Skill", "Baselines", "Times", "Figures", "Deviations from the reference"),
        *("How the runs were chosen", "Limitations", "References"),
    ]


def test_synthetic_data_are_said_to_be_synthetic_first(document: str) -> None:
    section = document.partition("## Data\n\n")[2]
    assert section.startswith("**The scenes are synthetic.** They are simulated")
    assert "**The two values cannot be compared" in document.partition("# CloudMask")[0]
    assert "- The scenes are synthetic: no value says" in document.partition("## Limitations")[2]


def test_augmentation_is_described_as_logged(place: Path, tmp_path: Path) -> None:
    def flipped(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line["key"] == "augmentation")["value"] = True

    config = CONFIG + "  augmentation: true\n"
    write_run(tmp_path / "logs", 1, git(place, "rev-parse", "HEAD"), config=config, change=flipped)
    document = contributed(place, tmp_path)[1]
    assert "pixels; they are flipped and turned at random. After" in document
    assert "- Training patches are flipped and turned at random; the reference's are not.\n" in document


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
            assert not re.search(r"@[A-Z_]+@|\{\{|\{%", path.read_text()), path


def test_a_pipe_in_a_cell_does_not_break_its_table() -> None:
    assert table(("a", "b"), [("x|y", 1)]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |"
