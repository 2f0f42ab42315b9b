"""A 25-minute run on an accelerator, resumed once, typed by hand with every file that a run writes."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmark import ROOT
from tests.support.runs.hand_runs import CONFIG, MEASURED, PIXELS, SCENES, V100, result, write_run
from tests.support.runs.run_files import Lines, metrics_text

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SEED = 1
#: Factor by which times since the first event are longer than in other runs typed by hand.
SLOWER = 20
#: Milliseconds from events of an evaluation to its end.
EVALUATED = {"eval_start": 12_000, "eval_loss": 8_000, "eval_accuracy": 4_000}
#: Watts of the accelerator and of the processors.
WATTS = (200.0, 50.0)
WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, np.float32)]
METHOD = "ABOUT = 'three convolutions'\n"
TIMERS = {
    **{"init": "load", "run": "total", "staging": "staging", "epoch": "training", "eval": "evaluation"},
    **{"inference": "inference", "baselines": "baselines"},
}
PROCESS = (
    *("process_cpu_percent", "system_cpu_percent", "process_memory_mb", "available_memory_mb"),
    *("read_mb", "written_mb", "cpu_energy_j"),
)
ACCELERATOR = ("power_w", "temperature_c", "memory_mb", "utilisation_percent", "energy_mj")


def packed_sha256(mask: np.ndarray) -> str:
    return hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()


def masks_of(seed: int) -> dict[str, np.ndarray]:
    """Return masks with as many cloudy pixels as the seed's result states, by day and night."""
    masks = {}
    for (scene, period), rows in zip(SCENES, (1200, 1200), strict=True):
        counts = result(seed)["scores"]["bayes"][period]
        mask = np.zeros(PIXELS, np.uint8)
        mask[: counts["true_positive"] + counts["false_positive"]] = 1
        masks[scene] = mask.reshape(rows, PIXELS // rows)
    return masks


def write_mask_file(path: Path, mask: np.ndarray, **attributes: object) -> None:
    """Write a mask with its probabilities, as a run does."""
    with h5py.File(path, "w") as file:
        file.create_dataset("mask", data=mask, compression="lzf", shuffle=True)
        probability = np.where(mask, 0.875, 0.125).astype(np.float16)
        file.create_dataset("probability", data=probability, compression="lzf", shuffle=True)
        for name, value in attributes.items():
            file.attrs[name] = value


def complete(lines: Lines) -> None:
    """Change: the run was slower, on an accelerator, resumed after its first epoch, with a user's method."""
    begin = lines[0]["time_ms"]
    for line in lines:
        line["time_ms"] = begin + SLOWER * (line["time_ms"] - begin)
    ends = {(line["key"], line["metadata"].get("epoch_num")): line["time_ms"] for line in lines}
    for line in lines:  # evaluation is faster than training
        if line["key"] in EVALUATED:
            line["time_ms"] = ends["eval_stop", line["metadata"]["epoch_num"]] - EVALUATED[line["key"]]
    digests = {scene: packed_sha256(mask) for scene, mask in masks_of(SEED).items()}
    for line in lines:
        if line["key"] == "accelerators_per_node":
            line["value"] = 1
        if line["key"] == "scene_accuracy":
            line["metadata"]["mask_sha256"] = digests[line["metadata"]["scene"]]
        if line["key"] == "result":
            line["value"]["timing"] = timing(lines)
            line["value"] |= {"weights_sha256": network_sha256(WEIGHTS), "parameters": 10}
    for epoch in (2, 1):
        place = next(
            index
            for index, line in enumerate(lines)
            if (line["key"], line["metadata"].get("epoch_num")) == ("eval_stop", epoch)
        )
        stop = lines[place]
        joules = sum(WATTS) * (ends["eval_stop", epoch] - ends["epoch_start", epoch]) / 1000
        point = {**stop, "event_type": "POINT_IN_TIME"}
        if epoch == 1:
            facts = {"epochs": 1, "step": 0, "lost_ms": 9000}
            mark = {"key": "run_resumed", "value": 1, "time_ms": stop["time_ms"] + 10_000}
            lines.insert(place + 1, {**point, **mark, "metadata": {**stop["metadata"], **facts}})
            del lines[place + 1]["metadata"]["epoch_num"]
        energy = {"key": "epoch_energy", "value": round(joules, 3)}
        sources = {**stop["metadata"], "sources": "accelerators, cpu"}
        lines.insert(place, {**point, **energy, "metadata": sources})
    seed = next(index for index, line in enumerate(lines) if line["key"] == "seed")
    stated = {
        "method": "mine",
        "method_kind": "network",
        "method_source": "mine.py",
        "method_sha256": hashlib.sha256(METHOD.encode()).hexdigest(),
        "method_options": {"filters": 16},
    }
    about = dict.fromkeys(("title", "citations", "adapted", "licence"), "-")
    for number, (key, value) in enumerate(stated.items(), start=1):
        metadata = lines[seed]["metadata"] | (about if key == "method" else {})
        lines.insert(seed + number, {**lines[seed], "key": key, "value": value, "metadata": metadata})


def timing(lines: Lines) -> dict[str, float]:
    """Compute the timing of the result from the intervals of the log."""
    names = {"staging": "staging", "training": "epoch", "evaluation": "eval", "inference": "inference"}
    seconds = {}
    for name, interval in (names | {"total": "run"}).items():
        starts, stops = intervals(lines, interval)
        seconds[f"{name}_seconds"] = sum(stops) / 1000 - sum(starts) / 1000
    return {name: round(value, 3) for name, value in seconds.items()} | {"seconds_per_scene": 20.0}


def intervals(lines: Lines, interval: str) -> tuple[list[int], list[int]]:
    """Return the times of an interval's starts and stops."""
    starts, stops = (
        [line["time_ms"] for line in lines if line["key"] == f"{interval}_{end}"] for end in ("start", "stop")
    )
    return starts, stops


def network_sha256(weights: list[np.ndarray]) -> str:
    return hashlib.sha256(b"".join(values.tobytes() for values in weights)).hexdigest()


def write_complete_run(logs: Path, name: str = "quick-mine-seed-1") -> Path:
    """Write the folder of the run below ``logs``."""
    config = f"{CONFIG}method:\n  name: code/mine.py\n  options: {{filters: 16}}\n"
    system = MEASURED | {"accelerators": [V100]}
    folder = write_run(logs, SEED, COMMIT, config=config, system=system, change=complete, name=name)
    lines = read_lines(folder)
    mark = next(line["time_ms"] for line in lines if line["key"] == "run_resumed")
    second = json.loads((folder / "system.json").read_text())
    second["measured_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(mark / 1000 - 3))
    (folder / "system-2.json").write_text(json.dumps(second, indent=2))
    (folder / "metrics.csv").write_text(metrics_text(lines))
    (folder / "timers.txt").write_text(timers_text(lines))
    (folder / "telemetry.csv").write_text(telemetry_text(lines))
    (folder / "method.py").write_text(METHOD)
    script = (ROOT / "tests/data/job_scripts/single_gpu_run.slurm").read_text()
    (folder / "job.slurm").write_text(script.replace("run=nyu-table3-seed-4", f"run={name}"))
    np.savez(folder / "weights.npz", **{f"{place:04}": values for place, values in enumerate(WEIGHTS)})
    (folder / "masks").mkdir()
    for scene, mask in masks_of(SEED).items():
        facts = {"scene": scene, "seed": SEED, "commit": COMMIT, "synthetic": True}
        write_mask_file(folder / f"masks/{scene}.h5", mask, **facts)
    return folder


def read_lines(folder: Path) -> Lines:
    """Read the events of a run's log."""
    text = (folder / "result.txt").read_text()
    return [json.loads(line.removeprefix(":::MLLOG ")) for line in text.splitlines()]


def timers_text(lines: Lines) -> str:
    """Return the timers.txt of a log; its table has the same digits as its values."""
    rows = []
    for interval, name in TIMERS.items():
        starts, stops = intervals(lines, interval)
        lengths = [(stop - start) / 1000 for start, stop in zip(starts, stops, strict=True)]
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(starts[-1] // 1000))
        rows.append([name, "ok", str(round(lengths[-1], 3)), str(round(sum(lengths), 3)), began])
    head = ["timer", "status", "time", "sum", "start"]
    rule = "+---+---+---+---+---+"
    table = [rule, *("| " + " | ".join(row) + " |" for row in (head, *rows)), rule]
    values = ["# csv," + ",".join(row) for row in (head, *rows)]
    return "\n".join([*table, *values]) + "\n"


def telemetry_text(lines: Lines) -> str:
    """Return the telemetry.csv of both starts of a log, with a sample every five seconds."""
    times = [line["time_ms"] for line in lines]
    mark = next(index for index, line in enumerate(lines) if line["key"] == "run_resumed")
    starts = ((times[0] - 2000, times[mark - 1] + 2000), (times[mark] - 5000, times[-1] + 500))
    columns = ["time", "seconds", *PROCESS, *(f"accelerator0_{name}" for name in ACCELERATOR)]
    rows = [",".join(columns)]
    for begin, end in starts:
        for seconds in np.arange(5.0, (end - begin) / 1000, 5.0):
            now = begin + round(1000 * float(seconds))
            rows.append(sample(now, float(seconds), float(now - times[0]) / 1000))
    return "\n".join(rows) + "\n"


def sample(now: int, seconds: float, passed: float) -> str:
    """Return a row of telemetry; the accelerator's energy counter started long before the run."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1000)) + f".{now % 1000:03}Z"
    process: list[Any] = [150.0, 60.0, 2500.0, 16_000.0, 10.0, 20.0, round(WATTS[1] * seconds, 3)]
    accelerator = [WATTS[0], 60.0, 2000.0, 85.0, round(1e9 + 1000 * WATTS[0] * passed, 3)]
    return ",".join(map(str, [moment, round(seconds, 3), *process, *accelerator]))
