"""Run folders for the tests of the packager, typed by hand.

Nothing here uses the benchmark's emitter: the files are written independently from
docs/events.md, so that a mistake in the emitter is not repeated here.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.config.files import load_config
from benchmark.record.events import RULES_EDITION
from tests.support.runs.checkout import make_checkout
from tests.support.runs.run_changes import CONFIGURED
from tests.support.runs.run_files import Lines, measured_at, metrics_text, state_config

ORG = "New York University"
PLATFORM = "Test Node"
SYSTEM = "test-node"
VERSION = "mlcommons-cloudmask-v1.1"

CONFIG = """\
name: quick
description: A run typed by hand
submission:
  org: New York University
  platform: Test Node
  poc_name: Ada Reviewer
  poc_email: ada@cloudlab-nyu.org
data:
  kind: synthetic
  training: data/synthetic/training
  inference: data/synthetic/inference
  synthetic: {seed: 21, training_scenes: 5, inference_scenes: 2}
training:
  epochs: 2
  batch_size: 8
  learning_rate: 1.0e-3
  schedule: cosine
  warmup_fraction: 0.1
"""

MEASURED: dict[str, Any] = {
    "format": "cloudmask-system-1",
    "measured_at": "2026-11-24T06:00:00Z",
    "number_of_nodes": 1,
    "cpu": {
        "model": "AMD EPYC 9B14",
        "sockets": 1,
        "cores": 2,
        "threads": 4,
        "max_frequency_mhz": 2600.4,
        "caches": {"L1d": "48 KiB", "L2": "1024 KiB", "L3": None},
        "flags": ["avx512_bf16"],
    },
    "memory": {"total_bytes": 25276502016},
    "storage": {"total_bytes": 270553174016, "type": "SSD"},
    "network": {"cards": 1},
    "accelerators": [],
    "os": "Debian GNU/Linux 12 (bookworm), Linux 6.1.0",
    "virtual": True,
    "python": "3.11.7",
    "packages": {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6", "h5py": None},
    "git": {"commit": None, "dirty": False, "branch": "main"},
    "slurm": {},
    "container": None,
}

V100 = {"model": "Tesla V100-PCIE-32GB", "memory_bytes": 34089730048, "clock_mhz": 1380, "driver": "535.1"}

#: Pixels of one scene; all pixels of the second scene count as right.
PIXELS = 1_800_000
#: Pixels that the label calls cloud, by day and night.
CLOUDY = (1_000_000, 1_200_000)
SCENES = (("S3A_day", "day"), ("S3A_night", "night"))
BASELINES = {"majority": 2_200_000, "threshold": 3_000_000, "logistic": 3_060_000}

#: Losses by epoch; a value that depends on the seed is added to the former, so that all runs differ.
TRAIN_LOSS = (0.5, 0.25)
EVAL_LOSS = (0.5, 0.25)


def correct(seed: int) -> int:
    """Return the right pixels of both scenes in the run with this seed: about 0.93 of 3.6 million."""
    return 3_340_000 + 7_000 * ((seed * 5) % 7)


def accuracy(seed: int) -> float:
    """Return the score of the run with this seed."""
    return correct(seed) / (2 * PIXELS)


def confusion(tp: int, fp: int, fn: int, tn: int) -> dict[str, Any]:
    """Return four counts of pixels (cloud is positive) and the ratios computed from them."""
    return {
        "true_positive": tp,
        "false_positive": fp,
        "false_negative": fn,
        "true_negative": tn,
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "kuiper_skill": tp / (tp + fn) - fp / (fp + tn),
        "iou": tp / (tp + fp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
    }


def result(seed: int) -> dict[str, Any]:
    """Return the value of the event ``result``: all errors are in the day scene."""
    right = correct(seed)
    fp = (2 * PIXELS - right) // 2
    fn = 2 * PIXELS - right - fp
    day = (CLOUDY[0] - fn, fp, fn, PIXELS - CLOUDY[0] - fp)
    night = (CLOUDY[1], 0, 0, PIXELS - CLOUDY[1])
    whole = confusion(*map(sum, zip(day, night, strict=True)))
    parts = {"all": whole, "day": confusion(*day), "night": confusion(*night), "without_borders": whole}
    return {
        "format": "cloudmask-result-2",
        "metric": "test_accuracy",
        "meaning": "Share of the pixels of all inference scenes whose class is the label's.",
        "value": right / (2 * PIXELS),
        "quality_target": 0.9,
        "target_reached": True,
        "epochs_run": 2,
        "best_epoch": 2,
        "stopped_by": "epochs",
        "train_loss": TRAIN_LOSS[-1] + seed / 64,
        "train_accuracy": 0.9,
        "validation_loss": EVAL_LOSS[-1],
        "validation_accuracy": 0.875,
        "scores": {"bayes": parts},
        "baselines": {name: right / (2 * PIXELS) for name, right in BASELINES.items()},
        "beats_baselines": True,
        "data": {
            "kind": "synthetic",
            "training_scenes": 4,
            "validation_scenes": 1,
            "inference_scenes": 2,
            "skipped_scenes": [],
        },
        "weights_sha256": hashlib.sha256(str(seed).encode()).hexdigest(),
        "precision": "float32",
        "timing": {
            "staging_seconds": 1.0,
            "training_seconds": 6.0,
            "evaluation_seconds": 6.0,
            "inference_seconds": 3.0,
            "seconds_per_scene": 1.5,
            "total_seconds": 32.0 + seed / 10,
        },
    }


def log_lines(seed: int, commit: str, digest: str, *, org: str = ORG, dirty: bool = False) -> Lines:
    """Return the events of a complete run, in order."""
    lines: Lines = []

    def add(key: str, value: Any = None, kind: str = "POINT_IN_TIME", **metadata: Any) -> None:
        if key.endswith("_start"):
            kind = "INTERVAL_START"
        elif key.endswith("_stop") and key != "early_stop":
            kind = "INTERVAL_END"
        lines.append(
            {
                "namespace": "",
                "time_ms": 1790000000000 + 1000 * len(lines) + 600_000 * seed,
                "event_type": kind,
                "key": key,
                "value": value,
                "metadata": {"file": "benchmark/train.py", "lineno": len(lines) + 1, **metadata},
            }
        )

    add("rules_edition", RULES_EDITION)
    add("submission_benchmark", "cloudmask")
    add("submission_org", org)
    add("submission_division", "open")
    add("submissiom_version", VERSION)
    add("submission_version", VERSION)
    add("submission_github_commit_version", commit, dirty=dirty)
    add("submission_status", "research")
    add("submission_platform", PLATFORM)
    add("submission_poc_name", "Ada Reviewer")
    add("submission_poc_email", "ada@cloudlab-nyu.org")
    add("cache_clear", True, method="posix_fadvise")
    add("data_location", "ext4", inference="ext4", staging="ext4")
    add("init_start")
    for key, value in {
        "seed": seed,
        "data_kind": "synthetic",
        "config_digest": digest,
        "number_of_nodes": 1,
        "accelerators_per_node": 0,
        "number_of_ranks": 1,
        "global_batch_size": 8,
        "local_batch_size": 8,
        "batch_size": 8,
        "micro_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "epochs": 2,
        "early_stopping_patience": 25,
        "opt_name": "adam",
        "opt_base_learning_rate": 0.001,
        "learning_rate": 0.001,
        "opt_adam_beta_1": 0.9,
        "opt_adam_beta_2": 0.999,
        "opt_adam_epsilon": 1e-07,
        "opt_learning_rate_warmup_steps": 2,
        "opt_learning_rate_decay_schedule": "cosine",
        "precision": "float32",
        **{f"lowest_numerical_precision_in_{part}": "fp32" for part in ("linear", "attn", "comm")},
        **{f"{kind}_parallelism": 1 for kind in ("tensor", "pipeline", "context", "expert")},
        "config_filename": "config.yaml",
        "augmentation": False,
        "patch_size": 256,
        "crop_size": 80,
        "min_sst": 273.15,
        "train_split": 0.8,
        "split_seed": 42,
        "quality_target": 0.9,
    }.items():
        add(key, value)
    add("init_stop")
    add("run_start")
    add("staging_start")
    add("staging_stop", scenes=5, patches=100, filled=0, reused=0)
    add("train_samples", 80)
    add("eval_samples", 20)
    add("test_samples", 2)
    for epoch in (1, 2):
        add("epoch_start", epoch_num=epoch)
        add("train_loss", TRAIN_LOSS[epoch - 1] + seed / 64, epoch_num=epoch)
        add("train_accuracy", 0.9, epoch_num=epoch, correct=4718592, pixels=5242880)
        add("epoch_stop", epoch_num=epoch)
        add("eval_start", epoch_num=epoch)
        add("eval_loss", EVAL_LOSS[epoch - 1], epoch_num=epoch)
        add("eval_accuracy", 0.875, epoch_num=epoch, correct=1146880, pixels=1310720)
        add("eval_stop", epoch_num=epoch)
    right = correct(seed)
    add("inference_start")
    for (scene, period), count in zip(SCENES, (right - PIXELS, PIXELS), strict=True):
        add("scene_accuracy", count / PIXELS, scene=scene, period=period, correct=count, pixels=PIXELS)
    add("test_accuracy", right / (2 * PIXELS), scenes=2, correct=right, pixels=2 * PIXELS)
    add("inference_stop")
    add("baselines_start")
    for name, count in BASELINES.items():
        add("baseline_accuracy", count / (2 * PIXELS), baseline=name, correct=count, pixels=2 * PIXELS)
    add("baselines_stop")
    add("result", result(seed))
    add("run_stop", status="success")
    return lines


def write_run(
    logs: Path,
    seed: int,
    commit: str,
    *,
    org: str = ORG,
    dirty: bool = False,
    config: str = CONFIG,
    system: dict[str, Any] | None = None,
    change: Callable[[Lines], None] | None = None,
    name: str | None = None,
) -> Path:
    """Write a run folder below ``logs``; ``change`` may edit the events before they are written."""
    folder = logs / (name or f"quick-seed-{seed}")
    folder.mkdir(parents=True)
    for words in CONFIGURED.get(change, ()):
        config = config.replace(*words)
    (folder / "config.yaml").write_text(config.replace(ORG, org) + f"seed: {seed}\n")
    loaded = load_config(folder / "config.yaml")
    lines = log_lines(seed, commit, loaded.digest(), org=org, dirty=dirty)
    state_config(lines, loaded)
    if change is not None:
        change(lines)
    text = "".join(f":::MLLOG {json.dumps(line)}\n" for line in lines)
    (folder / "result.txt").write_text(text, encoding="utf-8")
    measured = copy.deepcopy(MEASURED if system is None else system)
    measured["git"] |= {"commit": commit, "dirty": dirty}
    measured["measured_at"] = measured_at(lines)
    (folder / "system.json").write_text(json.dumps(measured, indent=2))
    (folder / "metrics.csv").write_text(metrics_text(lines))
    return folder


def make_place(place: Path, seeds: tuple[int, ...] = (3, 1, 2)) -> str:
    """Make a checkout with runs of these seeds in logs/; return the commit."""
    commit = make_checkout(place)
    for seed in seeds:
        write_run(place / "logs", seed, commit)
    return commit
