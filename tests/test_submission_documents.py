"""What the bundle's documents say: each number recomputed here from the logs, each script run."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from submission_runs import CONFIG, accuracy, git, make_place, write_run

from benchmark.config_file import load_config
from benchmark.errors import SubmissionError
from submission.contribution import table
from submission.layout import directory_name
from submission.package import Options, package
from submission.reference import PAPER_RUNS
from submission.repository import NO_REMOTE, public_address
from submission.runs import olympic_mean

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


def test_the_document_begins_with_the_table_of_the_rules(place: Path, document: str) -> None:
    scores = [logged(place, seed)["test_accuracy"] for seed in SEEDS]
    assert document.splitlines()[:3] == [
        "| Measurement name | Reference model value | Submitted model value |",
        "| --- | --- | --- |",
        f"| Test accuracy, mean of 3 runs | 0.92 (as published) | {sum(scores) / 3:.4f} |",
    ]
    assert f"Submitted minus reference: {sum(scores) / 3 - 0.92:+.4f}." in document
    assert "Quality target of the policy: 0.9; reached by 3 of 3 runs." in document


def test_the_statistics_are_those_of_the_logs(place: Path, document: str) -> None:
    scores = sorted(logged(place, seed)["test_accuracy"] for seed in SEEDS)
    mean = sum(scores) / 3
    deviation = (sum((score - mean) ** 2 for score in scores) / 2) ** 0.5
    for row in (
        f"| Mean | {mean:.4f} |",
        f"| Standard deviation (of a sample) | {deviation:.4f} |",
        f"| Lowest | {scores[0]:.4f} |",
        f"| Highest | {scores[2]:.4f} |",
        f"| Olympic mean (best and worst dropped) | {scores[1]:.4f} |",
    ):
        assert row in document


def test_every_run_has_its_row_in_the_order_of_the_seeds(place: Path, document: str) -> None:
    rows = re.findall(r"^\| result-.*$", document, re.M)
    for number, (seed, row) in enumerate(zip(SEEDS, rows, strict=True), start=1):
        log = logged(place, seed)
        result = log["result"]
        assert row == (
            f"| result-{number}.txt | {seed} | {result['epochs_run']} | {result['best_epoch']} "
            f"| {log['train_accuracy']:.4f} | {log['eval_accuracy']:.4f} | {log['test_accuracy']:.4f} "
            f"| {result['timing']['total_seconds']:.1f} | {result['weights_sha256'][:12]}… |"
        )


def test_skill_baselines_and_times_are_means_over_the_runs(place: Path, document: str) -> None:
    results = [logged(place, seed)["result"] for seed in SEEDS]
    names = ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall")
    for part in ("all", "day", "night", "without_borders"):
        means = [sum(each["scores"]["bayes"][part][name] for each in results) / 3 for name in names]
        assert (
            f"| bayes | {part.replace('_', ' ')} | {' | '.join(f'{mean:.4f}' for mean in means)} |"
            in document
        )
    for name in ("majority", "threshold", "logistic"):
        assert f"| {name} | {sum(each['baselines'][name] for each in results) / 3:.4f} |" in document
    assert "Every run is above every baseline." in document
    total = sum(each["timing"]["total_seconds"] for each in results) / 3
    assert f"| total | {total:.1f} |" in document
    assert "| training, per epoch | 3.0 |" in document


def test_every_hyperparameter_of_the_logs_is_listed(place: Path, document: str) -> None:
    log = logged(place, 1)
    for name in (
        "epochs",
        "opt_base_learning_rate",
        "local_batch_size",
        "precision",
        "min_sst",
        "split_seed",
    ):
        assert f"| `{name}` | {log[name]} |" in document
    assert "| `seed` |" not in document


def test_synthetic_data_are_said_to_be_synthetic_first(document: str) -> None:
    section = document.partition("## Data\n\n")[2]
    assert section.startswith("**The scenes are synthetic.** They are simulated")
    assert "**The two values cannot be compared" in document.partition("# CloudMask")[0]
    assert "- The scenes are synthetic: no value says" in document.partition("## Limitations")[2]


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


def test_the_papers_table_is_quoted_with_the_note_on_its_times(document: str) -> None:
    section = document.partition("## Beside the paper's Table 3")[2]
    assert [float(value) for value in re.findall(r"^\| paper \| \d+ \| \S+ \| (\S+) \|", section, re.M)] == [
        0.884,
        0.890,
        0.885,
        0.890,
        0.896,
    ]
    assert "mean test accuracy of 0.889" in section  # as the paper says
    assert "read here as the times of whole runs" in section


def test_the_papers_mean_is_the_published_one() -> None:
    assert round(statistics.fmean(run.test_accuracy for run in PAPER_RUNS), 3) == 0.889


def test_no_placeholder_of_a_template_is_left(bundle: Path) -> None:
    for path in bundle.rglob("*"):
        if path.suffix in (".md", ".sh", ".yaml"):
            assert not re.search(r"@[A-Z_]+@", path.read_text()), path


def test_two_runs_have_no_olympic_mean_and_one_no_deviation(place: Path, tmp_path: Path) -> None:
    for count in (1, 2):
        logs = [place / "logs" / f"quick-seed-{seed}" for seed in range(1, count + 1)]
        made = package(Options(logs, tmp_path / str(count), checkout=place))
        (path,) = made.glob("*/cloudmask/*/*/scientific_contribution.md")
        text = path.read_text()
        assert "Olympic mean" not in text
        assert ("Standard deviation" in text) is (count == 2)
        assert "- There are too few runs to say how the scores scatter." in text


@given(st.lists(st.floats(0, 1), min_size=3, max_size=9))
def test_the_olympic_mean_lies_between_the_extremes_and_ignores_them(values: list[float]) -> None:
    mean = olympic_mean(values)
    assert min(values) - 1e-12 <= mean <= max(values) + 1e-12
    low, high = values.index(min(values)), len(values) - 1 - values[::-1].index(max(values))
    changed = list(values)
    changed[low], changed[high] = min(values) - 5, max(values) + 5
    if low != high:
        assert olympic_mean(changed) == pytest.approx(mean)


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
    assert not any("s3cret" in file.read_text() for file in made.rglob("*") if file.is_file())


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
    assert not any("/scratch" in path.read_text() for path in science.rglob("*") if path.is_file())


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
