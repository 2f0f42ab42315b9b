"""What the bundle's documents say: each number recomputed here from the logs, each script run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.files import load_config
from benchmark.core.errors import SubmissionError
from submission.bundle.layout import directory_name
from submission.bundle.repository import NO_REMOTE, public_address
from submission.package import Options, package
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import CONFIG, accuracy, make_place, write_run
from tests.support.runs.run_changes import observed

SEEDS = (1, 2, 3)


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

    write_run(tmp_path / "logs", 1, git(place, "rev-parse", "HEAD"), config=config, change=observed)
    made = package(Options([tmp_path / "logs"], tmp_path / "dist", checkout=place))
    (science,) = made.glob("*/cloudmask/*/*")
    commands = ["python -m benchmark.download --dest data/cloud_slstr_ds1"]
    assert yaml.safe_load((science / "config.yaml").read_text())["data"] == commands
    assert "\n".join(commands) in (science / "init_datasets.sh").read_text()
    document = (science / "scientific_contribution.md").read_text()
    assert "ynthetic" not in document
    assert "The scenes are the observed Sentinel-3A SLSTR scenes of the benchmark" in document


def test_scenes_of_another_size_are_made_of_that_size(place: Path, tmp_path: Path) -> None:
    science = repackaged(place, tmp_path, CONFIG + "geometry: {rows: 1500, columns: 1200}\n")
    (command,) = yaml.safe_load((science / "config.yaml").read_text())["data"]
    assert command.endswith("--training 5 --inference 2 --rows 1500 --columns 1200")


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
