"""Provide what repeating a part of a bundle needs: a folder, the scenes, and a program."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.errors import SubmissionError
from benchmark.core.escaping import tell
from benchmark.core.files import reason_of
from benchmark.scenes.scene import discover
from benchmark.synthesis.dataset import ensure_dataset
from benchmark.synthesis.manifest import MANIFEST, read_manifest
from submission.bundle.reading import Bundle
from submission.documents.files import OWN_FOLDER
from submission.runs.runs import CheckedRun

#: Variable with the folder to work in; if unset, a temporary folder is used and removed.
WORK = "CLOUDMASK_WORK"


class RepeatError(SubmissionError):
    """A part of a bundle that could not be repeated."""


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Yield the folder for packages, data and repeated runs."""
    if named := os.environ.get(WORK):
        folder = Path(named).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cloudmask-verify-") as temporary:
        yield Path(temporary)


def runs_of(bundle: Bundle, seed: int | None, option: str) -> list[tuple[int, CheckedRun]]:
    """Return the run of a seed with its number in the bundle, or all runs. Raises RepeatError."""
    numbered = list(enumerate(bundle.runs.runs, start=1))
    chosen = [each for each in numbered if seed in (None, each[1].seed)]
    if not chosen:
        raise RepeatError(
            f"{option} {seed}",
            found="no run with this seed in the bundle",
            expected=f"one of: {', '.join(map(str, bundle.runs.seeds))}",
            remedy="name the seed of a submitted run",
        )
    return chosen


def with_data(config: Config, data: Path | None, work: Path) -> Config:
    """Return the configuration with scenes below ``data``, or in ``work`` where the scripts put them."""
    root = data.resolve() if data else work / OWN_FOLDER[config.data.kind]
    training, inference = str(root / "training"), str(root / "inference")
    moved = dataclasses.replace(config.data, training=training, inference=inference)
    return dataclasses.replace(config, data=moved)


def inference_scenes(config: Config, display: Display) -> list[Path]:
    """Return the scenes that a bundle was scored on: made, fetched, or existing.

    Raises RepeatError and SceneError.
    """
    root = Path(config.data.inference).parent
    if config.data.synthetic is not None:
        _make_scenes(config, root, display)
    elif not _has_scenes(root, "inference"):
        fetch_scenes(root, "--split", "inference")
    return discover(root / "inference")


def fetch_scenes(root: Path, *arguments: str) -> None:
    """Fetch the observed scenes with this program's downloader. Raises RepeatError."""
    from benchmark.download.__main__ import main  # late: only needed for observed scenes

    if main(["--dest", str(root), *arguments]) != 0:
        raise RepeatError(
            root,
            found="scenes that could not be fetched (see above)",
            expected="the observed scenes of the benchmark",
            remedy="name a folder that has them: --data DIR",
        )


def _has_scenes(root: Path, split: str) -> bool:
    return (root / split).is_dir() and bool(discover(root / split))


def _make_scenes(config: Config, root: Path, display: Display) -> None:
    """Make the inference scenes of a synthetic dataset; keep existing training scenes."""
    wanted = config.data.synthetic
    assert wanted is not None
    held = read_manifest(root / MANIFEST)
    with display.bar("inference scenes", wanted.inference_scenes) as update:
        ensure_dataset(
            root,
            seed=wanted.seed,
            training_scenes=held.training_scenes if held else 0,
            inference_scenes=wanted.inference_scenes,
            shape=(config.geometry.rows, config.geometry.columns),
            on_progress=lambda done, total: update(done, ""),
            on_notice=display.say,
        )


def execute(command: Sequence[str | Path], work: Path, environment: Mapping[str, str], shown: str) -> None:
    """Run a program in ``work``; show its output at once, and end it when this program ends.

    Raises RepeatError if it fails.
    """
    tell(f"--- {shown}")
    try:
        process = subprocess.Popen(
            list(map(str, command)), cwd=work, env=dict(environment), start_new_session=True
        )
    except OSError as error:
        found = reason_of(error)
    else:
        try:
            status = process.wait()
        except BaseException:  # a signal: end the program too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        if status == 0:
            return
        found = f"exit status {status}"
    raise RepeatError(
        shown,
        found=found,
        expected="a program that ends well",
        remedy=f"see what it said above; {WORK}=DIR keeps the folder that it works in",
    )


def differing_parts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the parts of two nodes that affect rounding and differ between them."""
    return [name for name, part in _arithmetic(one).items() if part != _arithmetic(other)[name]]


def _arithmetic(system: Mapping[str, Any]) -> dict[str, Any]:
    cpu = system["cpu"]
    return {
        "processors": [cpu.get(name) for name in ("model", "sockets", "cores", "threads", "flags")],
        "accelerators": [card.get("model") for card in system["accelerators"]],
        "packages": system["packages"],
        "nodes": system["number_of_nodes"],
    }
