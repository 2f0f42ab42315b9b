"""Contradictions between a log and its configuration or batch file, and invalid files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.folder_contradictions.contradiction import (
    Contradiction,
    Plant,
    both,
    complete,
    event,
    events,
    removed,
    replaced,
    tiny,
)

JOB = "job.slurm"


def option(lines: list[dict[str, Any]]) -> None:
    next(line for line in lines if line["key"] == "method_options")["value"] = {"filters": 32}


def config() -> Iterator[Contradiction]:
    of_tiny: dict[str, Plant] = {
        "organisation": event("submission_org", "Somebody Else"),
        "status": event("submission_status", "onprem"),
        "seed of the split": event("split_seed", 43),
        "augmentation": event("augmentation", True),
        "overlap": event("crop_size", 6),
        "patience": event("early_stopping_patience", 20),
        "share of training": event("train_split", 0.75),
        "temperature": event("min_sst", 280.0),
        "learning rate": both(
            removed("metrics.csv"), event("learning_rate", 0.01), event("opt_base_learning_rate", 0.01)
        ),
        "schedule": both(removed("metrics.csv"), event("opt_learning_rate_decay_schedule", "constant")),
        "warm-up": both(removed("metrics.csv"), event("opt_learning_rate_warmup_steps", 5)),
        "method": event("method_source", "benchmark.methods.rsnet"),
    }
    of_complete: dict[str, Plant] = {
        "platform": event("submission_platform", "Another Node"),
        "contact": event("submission_poc_name", "Grace Submitter"),
        "address": event("submission_poc_email", "grace@cloudlab-nyu.org"),
        "file of the method": event("method_source", "yours.py"),
        "option of the method": events(option),
    }
    yield from (tiny(f"config: another {name}", "folder-config", plant) for name, plant in of_tiny.items())
    yield from (
        complete(f"config: another {name}", "folder-config", each) for name, each in of_complete.items()
    )


def jobs() -> Iterator[Contradiction]:
    plants: dict[str, Plant] = {
        "of another seed": replaced(JOB, "run=quick-mine-seed-1", "run=quick-mine-seed-7"),
        "of four nodes": replaced(JOB, "--nodes=1", "--nodes=4"),
        "of no accelerator": replaced(JOB, "gpu:v100:1", "gpu:v100:0"),
    }
    yield from (complete(f"job: {name}", "job-script", plant) for name, plant in plants.items())


def linked(name: str) -> Plant:
    def plant(folder: Path) -> None:
        path = folder / name
        path.rename(folder / f"the {name}")
        path.symlink_to(f"the {name}")

    return plant


def piped(folder: Path) -> None:
    (folder / "timers.txt").unlink()
    os.mkfifo(folder / "timers.txt")


def as_folder(folder: Path) -> None:
    (folder / "telemetry.csv").unlink()
    (folder / "telemetry.csv").mkdir()


def too_large(folder: Path) -> None:
    with (folder / "metrics.csv").open("ab") as file:
        file.truncate(5 * 1024 * 1024)


def as_file(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        path.unlink()
    (folder / "masks").rmdir()
    (folder / "masks").write_text("none")


def files() -> Iterator[Contradiction]:
    plants: dict[str, Plant] = {
        **{
            f"a link as {name}": linked(name)
            for name in ("metrics.csv", "system.json", "weights.npz", "masks")
        },
        "a pipe as timers.txt": piped,
        "a folder as telemetry.csv": as_folder,
        "a file as masks": as_file,
        "five megabytes of metrics": too_large,
    }
    yield from (tiny(f"file: {name}", "folder-file", plant) for name, plant in plants.items())
