"""The packager: what it refuses, with the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from submission.package import main
from submission.runs.files import read_measured
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import CONFIG, MEASURED, Lines, write_run
from tests.support.runs.run_changes import aborted
from tests.support.submissions.packages import refusal

# ---- what it refuses: the logs


def test_a_corrupt_log_is_refused_with_its_findings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = place / "logs/quick-seed-1/result.txt"
    log.write_text(log.read_text().replace('"key": "seed"', '"key": seed', 1))
    said = refusal(capsys)
    assert "error [event-json] logs/quick-seed-1/result.txt:15:" in said
    assert "in the logs; nothing was packaged" in said


def test_an_aborted_run_among_five_is_refused_and_the_other_four_can_be_named(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(place / "logs", 4, commit, change=aborted)
    write_run(place / "logs", 5, commit)
    said = refusal(capsys)
    assert "logs/quick-seed-4/result.txt" in said
    assert "aborted" in said
    assert main(["--logs", *(f"logs/quick-seed-{seed}" for seed in (1, 2, 3, 5))]) == 0
    (document,) = (place / "dist").glob("*/*/cloudmask/test-node/quick/scientific_contribution.md")
    assert "All 4 runs that were given to the packager are reported;" in document.read_text()


def test_two_runs_with_the_same_seed_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def later(lines: Lines) -> None:
        lines[-1]["time_ms"] += 1

    write_run(place / "logs", 2, commit, name="again", change=later)
    assert "seed 2, which logs/again has too" in refusal(capsys)


def test_no_logs_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "logs")
    assert "python -m benchmark.run" in refusal(capsys)
    (place / "logs").mkdir()
    assert "no log in or below logs" in refusal(capsys)


def test_another_organisation_than_the_logs_is_refused_with_the_way_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "--org", "MIT")
    assert "found:    logs of the organisation New York University" in said
    assert "expected: logs of MIT: a log is never rewritten" in said
    assert "--set submission.org='MIT'" in said


def test_an_organisation_that_cannot_name_a_folder_is_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, org="東京大学")
    assert "a name that can be written in ASCII" in refusal(capsys)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (None, "No such file or directory"),
        ("{", "expecting property name"),
        ("[]", "`system` is a list of 0"),
        (json.dumps(MEASURED | {"cpu": {"model": "AMD EPYC"}}), "no `system.cpu.sockets`"),
        (json.dumps(MEASURED | {"accelerators": ["V100"]}), "`accelerators` with one of no model"),
        (json.dumps(MEASURED | {"cpu": MEASURED["cpu"] | {"sockets": 0}}), "`cpu.sockets` is 0"),
        (
            json.dumps(MEASURED | {"cpu": MEASURED["cpu"] | {"max_frequency_mhz": "fast"}}),
            "`cpu.max_frequency_mhz` is a string (`fast`)",
        ),
        (
            json.dumps(MEASURED | {"memory": {"total_bytes": 10**400}}),
            "`system.memory.total_bytes` is an integer (an integer of 1329 bits)",
        ),
        (json.dumps(MEASURED | {"os": "\ud800"}), r"`os` is a string (`\ud800`)"),
        (
            json.dumps(MEASURED | {"packages": {"numpy": 2}}),
            "`packages` with an integer (2) for a string (`numpy`)",
        ),
        (json.dumps(MEASURED | {"accelerators": [{"model": "V100"}]}), "no `accelerators.memory_bytes`"),
        ("[" * 20_000, "objects or lists nested too deeply"),
    ],
)
def test_a_run_without_a_usable_measurement_of_its_node_is_refused(
    change: str | None, found: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2/system.json"
    path.unlink() if change is None else path.write_text(change)
    said = refusal(capsys)
    assert "logs/quick-seed-2/system.json" in said
    assert f"found:    {found}" in said


def test_a_clock_that_was_not_measured_is_none(place: Path) -> None:
    path = place / "logs/quick-seed-2/system.json"
    facts = json.loads(path.read_text())
    del facts["cpu"]["max_frequency_mhz"]
    path.write_text(json.dumps(facts))
    assert read_measured(path)["cpu"].get("max_frequency_mhz") is None
    assert main([]) == 0


@pytest.mark.parametrize("name", ["metrics.csv", "job.slurm", "system.json"])
def test_a_link_in_a_runs_folder_is_not_followed_into_the_bundle(
    name: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2" / name
    secret = tmp_path / "secret"
    secret.write_text(path.read_text() if path.exists() else "root:x:0:0")
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    said = refusal(capsys)
    assert f"logs/quick-seed-2/{name}\n  found:    a symbolic link\n" in said


def test_a_batch_file_that_is_no_text_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "logs/quick-seed-2/job.slurm").write_bytes(b"#!/bin/bash\n# \xff\n")
    said = refusal(capsys)
    assert "logs/quick-seed-2/job.slurm\n  found:    byte 0xff, which is not valid UTF-8" in said


def test_a_configuration_that_was_edited_after_the_run_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2/config.yaml"
    path.write_text(path.read_text().replace("batch_size: 8", "batch_size: 16"))
    assert "[config-logged] logs/quick-seed-2/config.yaml" in refusal(capsys)
    # A log that is named itself brings no configuration to the checker; the packager looks all the same.
    log = str(place / "logs/quick-seed-2/result.txt")
    assert "found:    another configuration than the log's" in refusal(capsys, "--logs", log)
    path.write_text("name: [")
    assert "logs/quick-seed-2/config.yaml" in refusal(capsys)


def test_synthetic_scenes_that_nobody_could_make_again_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    recipe = "  synthetic: {seed: 21, training_scenes: 5, inference_scenes: 2}\n"
    assert recipe in CONFIG
    write_run(place / "logs", 1, commit, config=CONFIG.replace(recipe, ""))
    assert "synthetic scenes given with --data" in refusal(capsys)


# ---- what it refuses: the code


def test_uncommitted_changes_are_refused_and_listed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "README.md").write_text("changed\n")
    (place / "benchmark/new file.py").write_text("x\n")
    (place / "my experiment.yaml").write_text("no code\n")
    said = refusal(capsys)
    assert "found:    2 uncommitted changes:" in said
    assert " M README.md" in said
    assert '?? "benchmark/new file.py"' in said


def test_runs_of_a_checkout_with_changes_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, dirty=True)
    assert "found:    a run from a checkout with uncommitted changes" in refusal(capsys)


def test_logs_and_output_in_the_checkout_that_git_does_not_ignore_are_no_changes(place: Path) -> None:
    (place / "logs").rename(place / "my logs")
    assert main(["--logs", "my logs", "--output", "my output"]) == 0


def test_a_folder_that_is_no_checkout_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / ".git")
    assert "not a git checkout (fatal: not a git repository" in refusal(capsys)


def test_git_variables_of_the_environment_do_not_lead_to_another_repository(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert main([]) == 0


def test_a_commit_that_is_not_in_the_repository_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, "0123456789abcdef0123456789abcdef01234567")
    assert "found:    no commit 0123456789abcdef0123456789abcdef01234567" in refusal(capsys)


def test_runs_of_two_commits_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(place / "logs", 4, "0123456789abcdef0123456789abcdef01234567")
    assert "submission_github_commit_version" in refusal(capsys)


def test_missing_git_is_reported(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "No such file or directory" in refusal(capsys)


# ---- what it refuses: the system


def test_a_description_of_another_system_is_refused_with_each_contradiction(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "--system", "greene-v100")
    for line in (
        "host_processor_model_name: described Intel Xeon Platinum 8268, measured AMD EPYC 9B14 (runs 1, 2,",
        "host_processor_core_count: described 2 processors of 24 cores, measured 2 cores on the node",
        "accelerators_per_node: described 4, measured 0",
        "accelerator_model_name: described NVIDIA Tesla V100 32GB, measured no accelerator",
    ):
        assert line in said


def test_an_unknown_system_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--system", "frontier")
    assert "expected: a file, or one of: " in said
    assert ", greene-v100, " in said


def test_a_tree_that_breaks_a_rule_is_refused_and_removed(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "server.pem").write_text("x\n")
    git(place, "add", "server.pem")
    git(place, "commit", "--quiet", "--message", "Oops")
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"))
    said = refusal(capsys)
    assert (
        "error [secret-file] New-York-University/benchmarks/cloudmask/implementations/tensorflow/server.pem"
        in said
    )
    assert "1 error, 0 warnings in the tree; nothing was packaged" in said
