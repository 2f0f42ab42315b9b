"""Changes to the events of a run typed by hand, and to its configuration if necessary."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.support.runs.run_files import Lines


def with_energy(lines: Lines) -> None:
    """Change: every epoch has an energy, 1000 joules in the first and 500 more in each later one."""
    for index in reversed([i for i, line in enumerate(lines) if line["key"] == "eval_stop"]):
        stop = lines[index]
        epoch = stop["metadata"]["epoch_num"]
        metadata = {**stop["metadata"], "sources": "accelerators, cpu"}
        energy = {"event_type": "POINT_IN_TIME", "key": "epoch_energy", "value": 500.0 + 500.0 * epoch}
        lines.insert(index, {**stop, **energy, "metadata": metadata})


def stopped_early(lines: Lines) -> None:
    """Change: patience ran out after the second of up to 40 epochs; the first was the best."""
    first = next(line["value"] for line in lines if line["key"] == "train_loss")
    for line in lines:
        if line["key"] == "epochs":
            line["value"] = 40
        if line["key"] == "early_stopping_patience":
            line["value"] = 1
        if line["key"] == "eval_loss":
            line["value"] = 0.25 * line["metadata"]["epoch_num"]
        if line["key"] == "result":
            line["value"] |= {"best_epoch": 1, "stopped_by": "early_stop", "validation_loss": 0.25}
            line["value"]["train_loss"] = first
    start = next(line for line in lines if line["key"] == "inference_start")
    early = {"event_type": "POINT_IN_TIME", "key": "early_stop", "value": 2}
    metadata = {**start["metadata"], "best_epoch": 1}
    lines.insert(lines.index(start), {**start, **early, "metadata": metadata})


def observed(lines: Lines) -> None:
    """Change: the run was scored on the 100 observed scenes, which repeat each of the two fifty times."""
    scenes = [line for line in lines if line["key"] == "scene_accuracy"]
    first = lines.index(scenes[0])
    many = []
    for number in range(100):
        scene = copy.deepcopy(scenes[number % 2])
        stamp = f"20191001T{number // 4:02d}{15 * (number % 4):02d}00"
        scene["metadata"]["scene"] = f"S3A_SL_1_RBT____{stamp}_{stamp}_{stamp}_0179_050_023_1980_LN2_O_NT_003"
        scene["time_ms"] = scenes[0]["time_ms"] + number
        many.append(scene)
    lines[first : first + 2] = many
    for line in lines:
        key, metadata = line["key"], line["metadata"]
        if key == "data_kind":
            line["value"] = "slstr"
        if key == "test_samples":
            line["value"] = 100
        if key in ("test_accuracy", "baseline_accuracy"):
            metadata |= {name: 50 * metadata[name] for name in ("correct", "pixels")}
        if key == "test_accuracy":
            metadata["scenes"] = 100
        if key == "result":
            value = line["value"]
            value["data"] |= {"kind": "slstr", "inference_scenes": 100}
            value["timing"]["seconds_per_scene"] = 0.03
            value["scores"]["bayes"] = {
                part: {
                    name: 50 * number if name.startswith(("true_", "false_")) else number
                    for name, number in score.items()
                }
                for part, score in value["scores"]["bayes"].items()
            }


#: Change -> replacements in the run's configuration.
CONFIGURED: dict[Callable[[Lines], None] | None, tuple[tuple[str, str], ...]] = {
    stopped_early: (
        ("epochs: 2\n", "epochs: 40\n  early_stopping_patience: 1\n"),
        ("warmup_fraction: 0.1", "warmup_fraction: 0.005"),
    ),
    observed: (
        ("kind: synthetic", "kind: slstr"),
        ("  synthetic: {seed: 21, training_scenes: 5, inference_scenes: 2}\n", ""),
    ),
}


def aborted(lines: Lines) -> None:
    """Change: a signal stopped the run before its inference."""
    start = next(index for index, line in enumerate(lines) if line["key"] == "inference_start")
    stop = lines[-1]
    stop["metadata"] |= {"status": "aborted", "reason": "SIGTERM"}
    lines[start:] = [stop]
