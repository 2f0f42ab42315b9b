"""Check everything that can be refused before a run computes anything."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmark.config.schema import Config
from benchmark.core import locks as file_lock
from benchmark.core.display import Display
from benchmark.core.errors import ConfigError, RunError, SceneError
from benchmark.core.files import reason_of
from benchmark.methods.loading import LoadedMethod, load_method
from benchmark.record.events import TOKEN
from benchmark.record.log_tail import last_lines
from benchmark.record.run_folder import RunFolder
from benchmark.scenes import scene as scenes
from benchmark.synthesis.dataset import ensure_dataset


class SceneFiles(NamedTuple):
    """The scenes to learn from, and the scenes to score."""

    training: list[Path]
    inference: list[Path]


def use_method(config: Config) -> tuple[Config, LoadedMethod]:
    """Return the configuration as the configured method needs it, and the method.

    A method that does not train in steps takes one epoch, image by image. Raises ConfigError and MethodError.
    """
    method = load_method(config.method.name, config.method.options)
    if method.kind != "network":
        training = dataclasses.replace(config.training, epochs=1, batch_size=1, augmentation=False)
        return dataclasses.replace(config, training=training), method
    patch, multiple, margin = config.geometry.patch, method.network.multiple, method.network.margin
    if patch % multiple or patch <= 2 * margin:
        beyond = f", above {2 * margin}" if margin else ""
        raise ConfigError(
            "geometry.patch",
            found=str(patch),
            expected=f"a multiple of {multiple}{beyond}, as {method.name} needs it",
            remedy="correct geometry.patch in the configuration file, or pass --set geometry.patch=VALUE",
        )
    return config, method


def use_data(config: Config, folder: Path) -> Config:
    """Return the configuration with the scenes below ``folder`` (its training/ and inference/)."""
    training, inference = folder / "training", folder / "inference"
    synthetic = any(_says_synthetic(path) for path in scenes.discover(training))
    data = dataclasses.replace(
        config.data,
        training=str(training),
        inference=str(inference),
        kind="synthetic" if synthetic else "slstr",
        synthetic=None,
    )
    return dataclasses.replace(config, data=data)


def find_scenes(config: Config, display: Display, *, learning: bool = True) -> SceneFiles:
    """Return training and inference scenes; make the configured synthetic ones first if they do not exist.

    Without ``learning`` no training scene is needed.
    """
    training, inference = Path(config.data.training), Path(config.data.inference)
    wanted = config.data.synthetic
    if wanted is not None:
        root = training.parent
        if (training, inference) != (root / "training", root / "inference"):
            raise ConfigError(
                "data",
                found=f"training {training} and inference {inference}",
                expected="training/ and inference/ of one folder, as synthetic scenes are kept",
                remedy="correct the two folders, or leave out data.synthetic to use scenes that exist",
            )
        count = wanted.training_scenes + wanted.inference_scenes
        with display.bar("synthetic scenes", count) as update:
            ensure_dataset(
                root,
                seed=wanted.seed,
                training_scenes=wanted.training_scenes,
                inference_scenes=wanted.inference_scenes,
                shape=(config.geometry.rows, config.geometry.columns),
                on_progress=lambda done, total: update(done, ""),
                on_notice=display.say,
            )
    found = SceneFiles(scenes.discover(training) if learning else [], scenes.discover(inference))
    if wanted is not None and learning:
        for paths, folder, count in zip(
            found, (training, inference), (wanted.training_scenes, wanted.inference_scenes), strict=True
        ):
            if len(paths) != count:
                raise SceneError(
                    folder,
                    found=f"{len(paths)} scenes",
                    expected=f"the {count} that the configuration states",
                    remedy="set data.synthetic.training_scenes and .inference_scenes to what is there, "
                    "or data.training and data.inference to another folder",
                )
    return found


@contextmanager
def claim_folder(
    config: Config, output: Path, display: Display, *, force: bool, resume: bool = False
) -> Iterator[RunFolder]:
    """Lock the run's own folder against other processes until the block ends.

    It is empty, unless ``resume`` continues an incomplete run there. An existing complete run is refused
    unless ``force``; with it, or if the run is incomplete and not resumed, it is moved aside to
    ``<output>.aside/``. Raises RunError.
    """
    folder = RunFolder(output / config.run_name)
    lock = _lock(folder, config)
    try:
        complete = is_complete(folder)
        if folder.log.exists() and not (resume and not complete):
            if complete and not force:
                raise RunError(
                    folder.root,
                    found=f"a complete run of seed {config.seed}",
                    expected="no run of this name",
                    remedy="choose another --seed or --output, or pass --force to move it aside",
                )
            moved = _move_aside(folder.root, output)
            hint = "" if complete else " (--resume would have continued it)"
            display.warn(f"{'complete' if complete else 'incomplete'} run moved aside to {moved}{hint}")
            os.close(lock)
            lock = _lock(folder, config)
        yield folder
    finally:
        with suppress(OSError):  # the error that ended the run matters more
            folder.lock.unlink(missing_ok=True)
        os.close(lock)


def is_complete(folder: RunFolder) -> bool:
    """Whether the folder holds a run that has ended successfully."""
    return folder.log.exists() and outcome(folder.log) == "success"


def outcome(log: Path) -> str | None:
    """Return the status in the log's last event, run_stop; None if the log ends otherwise."""
    lines = last_lines(log)
    try:
        event = json.loads(lines[-1].removeprefix(TOKEN))
        return event["metadata"]["status"] if event["key"] == "run_stop" else None
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _says_synthetic(path: Path) -> bool:
    try:
        return scenes.is_synthetic(path)
    except SceneError:
        return False  # reading the scenes will report the error


def _lock(folder: RunFolder, config: Config) -> int:
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        descriptor = file_lock.take(folder.lock)
    except OSError as error:
        raise RunError(
            folder.root,
            found=f"a folder that cannot be written ({reason_of(error)})",
            expected="a folder for the run's files",
            remedy="choose another place with --output",
        ) from None
    if descriptor is None:
        raise RunError(
            folder.root,
            found=f"another process that runs seed {config.seed} into this folder",
            expected="one run at a time in a folder",
            remedy="wait for it, or choose another --seed or --output",
        )
    return descriptor


def _move_aside(root: Path, output: Path) -> Path:
    aside = output.with_name(f"{output.name}.aside")
    aside.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{root.name}-{stamp}{suffix}" for suffix in ("", *(f"-{i}" for i in range(1, 1000))))
    target = next(path for name in names if not (path := aside / name).exists())
    root.rename(target)
    return target
