"""Run folders as the program may leave them: none contains an error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h5py

from tests.support.folder_contradictions.contradiction import (
    Plant,
    both,
    column,
    content,
    event,
    events,
    fact,
    removed,
    rows,
)
from tests.support.folder_contradictions.node import TELEMETRY, moved

SCRIPT = "#!/bin/bash\n#SBATCH --nodes=16\nrun=other-seed-9\nsrun python -m benchmark.run\n"


def also(**files: str) -> Plant:
    """Add files next to the log; two underscores in a name stand for a dot."""

    def plant(folder: Path) -> None:
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    return plant


def renamed(folder: Path) -> None:
    folder.rename(folder.with_name("Lauf vom Dienstag (äöü)"))


def crlf(*names: str) -> Plant:
    def plant(folder: Path) -> None:
        for name in names:
            (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))

    return plant


def cut(folder: Path) -> None:
    path = folder / TELEMETRY
    path.write_bytes(path.read_bytes()[:-30])


def killed_before(folder: Path) -> None:
    """Add two samples of a start that was killed an hour before the log begins."""
    lines = (folder / TELEMETRY).read_text().splitlines()
    early = [f"{moved(-7200)(time)},{rest}" for time, rest in (line.split(",", 1) for line in lines[1:3])]
    (folder / TELEMETRY).write_text("\n".join([lines[0], *early, *lines[1:]]) + "\n")


def on_another_node(folder: Path) -> None:
    """Let the run continue on a node without an accelerator: its telemetry has other columns."""
    lines = (folder / TELEMETRY).read_text().splitlines()
    second = next(n for n in range(2, len(lines)) if _seconds(lines[n]) < _seconds(lines[n - 1]))
    (folder / "telemetry-1.csv").write_text("\n".join(lines[:second]) + "\n")
    columns = [line.split(",")[:9] for line in (lines[0], *lines[second:])]
    (folder / TELEMETRY).write_text("".join(",".join(row) + "\n" for row in columns))
    fact("cpu.model", "Cray-1", "system-2.json")(folder)


def _seconds(line: str) -> float:
    return float(line.split(",")[1])


def clock_set_back(folder: Path) -> None:
    """Set the node's clock back by an hour during the second start; the log's times continue."""
    lines = (folder / TELEMETRY).read_text().splitlines()
    for number in range(len(lines) - 30, len(lines)):
        time, rest = lines[number].split(",", 1)
        lines[number] = f"{moved(-3600)(time)},{rest}"
    (folder / TELEMETRY).write_text("\n".join(lines) + "\n")

    def change(events_: list[dict[str, Any]]) -> None:
        events_[-1]["metadata"]["clock_set_ms"] = -3_600_000

    events(change)(folder)


def a_failed_attempt_more(folder: Path) -> None:
    """Add the measurements of a start that was refused because its commit was different."""
    data = json.loads((folder / "system-2.json").read_text())
    moment = datetime.strptime(data["measured_at"], "%Y-%m-%dT%H:%M:%SZ") + timedelta(seconds=1)
    data |= {"measured_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "git": {"commit": None, "dirty": True}}
    (folder / "system-3.json").write_text(json.dumps(data))


def older_masks(folder: Path) -> None:
    """Imitate a version whose masks do not say what made them, and whose log has no mask digests."""
    for path in (folder / "masks").iterdir():
        with h5py.File(path, "r+") as file:
            for name in list(file.attrs):
                del file.attrs[name]

    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line["metadata"].pop("mask_sha256", None)

    events(change)(folder)


def without_numbers(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != "parameters"}


def no_masks(folder: Path) -> None:
    shutil.rmtree(folder / "masks")


def under_way(folder: Path) -> None:
    """Cut the log in the second epoch, and keep only the files that a run has by then."""
    lines = (folder / "result.txt").read_text().splitlines()
    starts = [n for n, line in enumerate(lines) if '"epoch_start"' in line]
    (folder / "result.txt").write_text("\n".join(lines[: starts[1] + 1]) + "\n")
    rows("metrics.csv", lambda table: table.pop())(folder)
    removed("timers.txt", "weights.npz", "masks/*")(folder)


def only_the_log(folder: Path) -> None:
    no_masks(folder)
    for path in folder.iterdir():
        if path.name != "result.txt":
            path.unlink()


def pictures(folder: Path) -> None:
    for name in ("plots", "tensorboard", "checkpoints", "notes", "masks/small"):
        (folder / name).mkdir(parents=True)
    (folder / "plots/curves.png").write_bytes(b"\x89PNG")
    (folder / "notes/masks.h5").write_bytes(b"mine")
    (folder / "masks/README.md").write_text("Masks of the run.\n")
    (folder / "masks/mean.h5").write_bytes(b"of all scenes")


#: Benign changes to the folder of the complete run, by name.
BENIGN: dict[str, Callable[[Path], object]] = {
    "as it was written": lambda folder: None,
    "another name": renamed,
    "only the log": only_the_log,
    "no telemetry": removed(TELEMETRY),
    "no timers": removed("timers.txt"),
    "no metrics": removed("metrics.csv"),
    "no weights": removed("weights.npz"),
    "no masks": no_masks,
    "an empty folder of masks": removed("masks/*"),
    "no facts of the node": removed("system*.json"),
    "no configuration": removed("config.yaml"),
    "no source of the method": removed("method.py"),
    "no batch file": removed("job.slurm"),
    "somebody's own batch file": content("job.slurm", SCRIPT.encode()),
    "notes": also(README__md="# Notes\n", notes__txt="50 % worse than before\n", todo="more runs"),
    "pictures and folders": pictures,
    "backups of an editor": also(
        **{
            "metrics.csv~": "",
            ".metrics.csv.swp": "x",
            "#timers.txt#": "",
            "system.json.bak": "{",
            "config.yaml.orig": ":",
        }
    ),
    "tables of one's own": also(
        **{
            "metrics_old.csv": "a\n",
            "telemetry.xlsx": "x",
            "telemetry-mean.csv": "1",
            "system-1.json": "{",
            "system-old.json": "",
        }
    ),
    "a lock and a part": also(**{".lock": "", ".part-metrics.csv": "epoch,"}),
    "metrics with CRLF": crlf("metrics.csv"),
    "telemetry and timers with CRLF": crlf(TELEMETRY, "timers.txt"),
    "telemetry whose last line was cut": cut,
    "telemetry without a sample": rows(TELEMETRY, lambda table: table.__delitem__(slice(1, None))),
    "telemetry without energy and accelerator": both(
        column(TELEMETRY, "cpu_energy_j", lambda text: ""),
        column(TELEMETRY, "accelerator0_energy_mj", lambda text: ""),
        column(TELEMETRY, "accelerator0_utilisation_percent", lambda text: ""),
    ),
    "samples of a start that was killed before its clock": killed_before,
    "a clock that was corrected by half a second": rows(
        TELEMETRY, lambda table: table[9].__setitem__(0, moved(-5.5)(table[9][0]))
    ),
    "resumed on another node": on_another_node,
    "a clock that was set back": clock_set_back,
    "an attempt to resume that failed": a_failed_attempt_more,
    "masks of an older version": older_masks,
    "a result that does not count its weights": event("result", without_numbers),
    "facts of more than a run compares": fact("room", {"name": "basement", "degrees": 19.5}),
}
