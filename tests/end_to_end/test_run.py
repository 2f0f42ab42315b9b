"""The real command, from the command line to the files it leaves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmark.config.files import load_config
from benchmark.scenes.scene import discover, read_scene
from tests.support.processes.preloaded import run_tiny
from tests.support.project import ROOT, TINY, TINY_SHAPE, program, read_events, value_of

# ---- a run that succeeds


def test_a_run_leaves_a_complete_folder(tiny_run):
    found = {path.relative_to(tiny_run.folder.root).as_posix() for path in tiny_run.folder.root.rglob("*")}
    scenes = {f"masks/{e['metadata']['scene']}.h5" for e in tiny_run.events if e["key"] == "scene_accuracy"}
    assert len(scenes) == 4
    assert found == {
        *("result.txt", "config.yaml", "system.json", "metrics.csv", "timers.txt", "tensorflow.txt"),
        "telemetry.csv",
        *("checkpoints", "checkpoints/best.keras", "checkpoints/last.keras", "weights.npz"),
        *("plots", "plots/curves.png", "plots/scenes.png", "masks"),
        *scenes,
    }


def test_the_log_tells_the_run_in_the_order_of_the_vocabulary(tiny_run):
    keys = [event["key"] for event in tiny_run.events]
    epoch = ["epoch_start", "train_loss", "train_accuracy", "epoch_stop"]
    epoch += ["eval_start", "eval_loss", "eval_accuracy", "eval_stop"]
    assert keys[:9] == [
        *(
            "rules_edition",
            "submission_benchmark",
            "submission_org",
            "submission_division",
            "submissiom_version",
        ),
        *(
            "submission_version",
            "submission_github_commit_version",
            "submission_status",
            "submission_platform",
        ),
    ]
    assert keys[keys.index("run_start") :] == [
        *("run_start", "staging_start", "staging_stop", "train_samples", "eval_samples", "test_samples"),
        *(epoch * 2),
        *("inference_start", *["scene_accuracy"] * 4, "test_accuracy", "inference_stop"),
        *("baselines_start", *["baseline_accuracy"] * 3, "baselines_stop", "result", "run_stop"),
    ]
    assert tiny_run.events[-1]["metadata"]["status"] == "success"
    assert {event["metadata"]["file"] for event in tiny_run.events} == {
        f"benchmark/training/{name}.py"
        for name in ("identity", "stage", "learning/epochs", "inference", "train")
    }
    assert [value_of(tiny_run.events, f"{part}_samples") for part in ("train", "eval", "test")] == [48, 24, 4]


def test_every_logged_score_is_recomputed_from_the_written_masks_to_the_last_bit(tiny_run):
    result = value_of(tiny_run.events, "result")
    parts = {"bayes": {}, "truth": {}}
    by_scene = {}
    for path in discover(tiny_run.place / "data" / "synthetic" / "inference"):
        scene = read_scene(path, TINY_SHAPE)
        with h5py.File(tiny_run.folder.mask(scene.name)) as file:
            mask, probability = file["mask"][...], file["probability"][...]
            assert file.attrs["polarity"] == "mask 1 = cloud, 0 = clear; probability is that of cloud"
            assert (file.attrs["seed"], bool(file.attrs["synthetic"])) == (1, True)
        assert (mask.dtype, probability.dtype, mask.shape) == (np.uint8, np.float16, TINY_SHAPE)
        assert np.array_equal(mask, probability > 0.5)
        by_scene[scene.name] = (np.count_nonzero(mask == scene.label), mask.size)
        for reference, values in (("bayes", scene.label), ("truth", scene.truth)):
            for part, where in (
                ("all", np.ones(TINY_SHAPE, bool)),
                (scene.period, np.ones(TINY_SHAPE, bool)),
                ("without_borders", scene.inside),
            ):
                pairs = parts[reference].setdefault(part, [])
                pairs.append(np.stack([mask[where], values[where]]))
    for reference, of_reference in parts.items():
        assert set(result["scores"][reference]) == set(of_reference)
        for part, pairs in of_reference.items():
            m, r = np.concatenate(pairs, axis=1).astype(bool)
            tp, fp, fn, tn = (int(np.sum(x)) for x in (m & r, m & ~r, ~m & r, ~m & ~r))
            assert result["scores"][reference][part] == {
                "true_positive": tp,
                "false_positive": fp,
                "false_negative": fn,
                "true_negative": tn,
                "accuracy": (tp + tn) / len(m),
                "kuiper_skill": tp / (tp + fn) - fp / (fp + tn),
                "iou": tp / (tp + fp + fn),
                "f1": 2 * tp / (2 * tp + fp + fn),
                "precision": tp / (tp + fp),
                "recall": tp / (tp + fn),
            }
    for event in (event for event in tiny_run.events if event["key"] == "scene_accuracy"):
        correct, pixels = by_scene[event["metadata"]["scene"]]
        assert (event["value"], event["metadata"]["correct"]) == (correct / pixels, correct)
    correct, pixels = (sum(counts) for counts in zip(*by_scene.values(), strict=True))
    assert value_of(tiny_run.events, "test_accuracy") == result["value"] == correct / pixels


def test_baselines_are_recomputed_from_the_scenes(tiny_run):
    logged = {
        e["metadata"]["baseline"]: e["value"] for e in tiny_run.events if e["key"] == "baseline_accuracy"
    }
    labels = [
        read_scene(p, TINY_SHAPE).label for p in discover(tiny_run.place / "data" / "synthetic" / "inference")
    ]
    cloud = np.mean(labels)
    assert logged["majority"] in (pytest.approx(cloud), pytest.approx(1 - cloud))
    assert set(logged) == {"majority", "threshold", "logistic"}
    result = value_of(tiny_run.events, "result")
    assert result["baselines"] == logged
    assert result["beats_baselines"] == all(result["value"] > value for value in logged.values())


def test_the_best_epoch_is_that_of_the_lowest_validation_loss_and_metrics_repeat_the_log(tiny_run):
    rows = list(csv.DictReader(tiny_run.folder.metrics.read_text().splitlines()))
    for name in ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy"):
        assert [float(row[name]) for row in rows] == [e["value"] for e in tiny_run.events if e["key"] == name]
    losses = [float(row["eval_loss"]) for row in rows]
    result = value_of(tiny_run.events, "result")
    assert result["best_epoch"] == 1 + losses.index(min(losses))
    assert result["validation_loss"] == min(losses)


def test_the_same_seed_gives_the_same_weights_and_a_log_that_differs_in_times_only(tiny_run):
    again = program("benchmark.run", "--config", TINY, "--seed", 1, "--output", "again", cwd=tiny_run.place)
    assert again.returncode == 0, again.stderr
    other = read_events(tiny_run.place / "again" / "tiny-seed-1" / "result.txt")

    def without_times(events):
        stripped = json.loads(json.dumps(events))
        for event in stripped:
            del event["time_ms"]
            event["metadata"].pop("reused", None)  # the first run staged what this one finds
            if event["key"] == "result":
                del event["value"]["timing"]
        return stripped

    assert without_times(other) == without_times(tiny_run.events)


def test_a_later_run_takes_over_the_staged_scenes_and_says_so(tiny_run):
    stores = {path: path.stat().st_mtime_ns for path in (tiny_run.place / "data/staging").glob("*/*.f16")}
    options = ("--set", "training.augmentation=true", "--set", "inference.whole_scenes=true", "--tensorboard")
    again = run_tiny(tiny_run.place, "--seed", 1, "--output", "reuse", *options)
    assert again.returncode == 0, again.stderr
    assert "staged 6 scenes, 6 of them by an earlier run: 72 patches; " in again.stdout
    events = read_events(tiny_run.place / "reuse" / "tiny-seed-1" / "result.txt")
    reused = [
        event["metadata"]["reused"] for event in (*tiny_run.events, *events) if event["key"] == "staging_stop"
    ]
    assert reused == [0, 6]
    assert [value_of(log, "augmentation") for log in (tiny_run.events, events)] == [False, True]
    digests = {value_of(log, "result")["weights_sha256"] for log in (tiny_run.events, events)}
    assert len(digests) == 2
    after = {path: path.stat().st_mtime_ns for path in (tiny_run.place / "data/staging").glob("*/*.f16")}
    assert after == stores
    # in addition to the score: every scene in one piece, and curves for TensorBoard
    (whole,) = (event for event in events if event["key"] == "whole_scene_agreement")
    assert whole["value"] == whole["metadata"]["correct"] / whole["metadata"]["pixels"]
    assert whole["metadata"]["pixels"] == 4 * TINY_SHAPE[0] * TINY_SHAPE[1]
    assert len(list((tiny_run.place / "reuse" / "tiny-seed-1" / "tensorboard").iterdir())) == 1


def test_another_seed_gives_other_weights(tiny_run):
    done = run_tiny(tiny_run.place, "--seed", 2, "--output", "other")
    assert done.returncode == 0, done.stderr
    other = read_events(tiny_run.place / "other" / "tiny-seed-2" / "result.txt")
    digests = [value_of(events, "result")["weights_sha256"] for events in (tiny_run.events, other)]
    assert digests[0] != digests[1]
    assert value_of(other, "config_digest") == value_of(tiny_run.events, "config_digest")


def test_the_checker_finds_no_error_in_the_log(tiny_run):
    checked = program("compliance.check", "--severity", "error", tiny_run.folder.log, cwd=tiny_run.place)
    wrong = [line for line in checked.stdout.splitlines() if ": error [" in line]
    # the repository under test may be no clean checkout; everything else must be right
    assert [line for line in wrong if "submission_github_commit_version" not in line] == []


def test_the_output_ends_with_scores_baselines_and_where_the_files_are(tiny_run):
    assert "tiny-seed-1: test_accuracy 0." in tiny_run.output
    assert "staged 6 scenes, 0 of them by an earlier run: 72 patches; " in tiny_run.output
    assert "patches are in data/staging/training-" in tiny_run.output
    assert ": 0 MB, kept for later runs; they may be deleted" in tiny_run.output
    assert "epoch 2/2: train loss 0." in tiny_run.output
    assert "synthetic scenes: a demonstration, no observation of Sentinel-3" in tiny_run.output
    assert "files       logs/tiny-seed-1" in tiny_run.output
    assert "\r" not in tiny_run.output


def test_the_resolved_configuration_and_the_system_facts_hold_nothing_personal(tiny_run):
    assert load_config(tiny_run.folder.config) == load_config(TINY, ["seed=1"])
    facts = json.loads(tiny_run.folder.system.read_text())
    assert facts["cpu"]["threads"] == os.cpu_count()
    assert facts["packages"]["tensorflow"] is not None
    text = tiny_run.folder.system.read_text() + tiny_run.folder.timers.read_text()
    assert os.uname().nodename not in text.split('"')
    assert str(Path.home()) not in text


def test_timers_cover_every_part_of_the_run(tiny_run):
    lines = [line for line in tiny_run.folder.timers.read_text().splitlines() if line.startswith("# csv,")]
    assert [line.split(",")[1] for line in lines[1:]] == [
        *("load", "total", "staging", "training", "evaluation", "inference", "baselines")
    ]


def test_early_stopping_keeps_the_best_weights_and_says_so(tiny_place):
    changes = ("training.epochs=30", "training.schedule=constant", "training.learning_rate=0.02")
    changes += ("training.early_stopping_patience=1",)
    settings = [word for change in changes for word in ("--set", change)]
    done = run_tiny(tiny_place, "--seed", 3, "--output", "early", *settings)
    assert done.returncode == 0, done.stderr
    events = read_events(tiny_place / "early" / "tiny-seed-3" / "result.txt")
    losses = [event["value"] for event in events if event["key"] == "eval_loss"]
    result = value_of(events, "result")
    assert len(losses) < 30
    assert result["stopped_by"] == "early_stop"
    assert result["epochs_run"] == len(losses) == value_of(events, "early_stop")
    assert result["best_epoch"] == len(losses) - 1
    assert losses[-1] >= losses[-2]


def test_a_complete_run_is_refused_without_force_and_moved_aside_with_it(tiny_run, tmp_path):
    shutil.copytree(tiny_run.folder.root, tmp_path / "logs" / "tiny-seed-1")
    before = (tmp_path / "logs" / "tiny-seed-1" / "result.txt").read_text()
    data = tiny_run.place / "data" / "synthetic"
    refused = run_tiny(tmp_path, "--seed", 1, "--data", data)
    assert refused.returncode == 2
    assert "found:    a complete run of seed 1" in refused.stderr
    assert (tmp_path / "logs" / "tiny-seed-1" / "result.txt").read_text() == before
    forced = run_tiny(tmp_path, "--seed", 1, "--data", data, "--force", "--set", "training.epochs=1")
    assert forced.returncode == 0, forced.stderr
    (aside,) = (tmp_path / "logs.aside").iterdir()
    assert (aside / "result.txt").read_text() == before
    assert value_of(read_events(tmp_path / "logs" / "tiny-seed-1" / "result.txt"), "epochs") == 1


# ---- what starts fast


@pytest.mark.parametrize(
    "module",
    [
        *("benchmark.run", "benchmark.synthesis", "benchmark.download", "benchmark.croissant"),
        *("compliance.check", "submission.package"),
    ],
)
def test_help_needs_no_tensorflow(module, tmp_path):
    code = f"""
import runpy, sys
sys.argv = ["{module}", "--help"]
try:
    runpy.run_module("{module}", run_name="__main__")
except SystemExit as end:
    assert not end.code
assert "tensorflow" not in sys.modules
assert "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m" in done.stdout
