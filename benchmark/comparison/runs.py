"""Read what a comparison needs from the log of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import RunError
from benchmark.core.files import read_text
from benchmark.record.events import TOKEN
from benchmark.record.run_folder import LOG_NAME

#: Hyperparameters that distinguish the rows of one method.
HYPERPARAMETERS = (
    *("epochs", "opt_base_learning_rate", "global_batch_size", "train_samples"),
    *("patch_size", "crop_size", "precision"),
)


@dataclass(frozen=True)
class ComparedRun:
    """A complete run: its method, its data, and the figures of its result."""

    path: Path
    method: str
    title: str
    options: Mapping[str, Any]
    #: Also equal in all repeats: hyperparameters, and the digests of method and configuration.
    setup: Mapping[str, Any]
    seed: int
    #: Values that must be the same in all runs of a comparison.
    data: tuple[object, ...]
    #: Accuracy of every inference scene, by name.
    scenes: Mapping[str, float]
    result: Mapping[str, Any]
    #: Joules of all epochs, if measured.
    energy: float | None

    def score(self, reference: str, part: str, name: str) -> float | None:
        """Return a score of the result, or None if the run has none."""
        value: float | None = self.result["scores"].get(reference, {}).get(part, {}).get(name)
        return value


@dataclass(frozen=True)
class Row:
    """A method with its options, and its runs, which differ in their seeds."""

    name: str
    title: str
    runs: tuple[ComparedRun, ...]

    @property
    def scenes(self) -> dict[str, float]:
        """Return the mean accuracy over the runs for every scene."""
        return {
            name: sum(run.scenes[name] for run in self.runs) / len(self.runs) for name in self.runs[0].scenes
        }


def read_runs(paths: Iterable[Path]) -> list[ComparedRun]:
    """Return the complete runs below the given folders.

    Raises RunError if there are none, or if they use different scenes.
    """
    logs = sorted({log for path in paths for log in ([path] if path.is_file() else path.rglob(LOG_NAME))})
    runs = [run for log in logs if (run := _read(log)) is not None]
    if not runs:
        raise RunError(
            ", ".join(map(str, paths)),
            found=f"{len(logs)} logs, none of a complete run" if logs else "no log",
            expected="folders of complete runs, such as logs/",
            remedy="make runs first: python -m benchmark.run --method NAME",
        )
    for run in runs[1:]:
        if run.data != runs[0].data:
            raise RunError(
                run.path,
                found=f"data {run.data}",
                expected=f"{runs[0].data}, as in {runs[0].path}",
                remedy="compare runs of the same scenes and the same split",
            )
    return runs


def rows_of(runs: Iterable[ComparedRun]) -> list[Row]:
    """Return a row for every method with its options and setup, the best mean accuracy first.

    Raises RunError if a run occurs twice.
    """
    groups: dict[tuple[str, str, str], list[ComparedRun]] = {}
    for run in runs:
        options, setup = (json.dumps(each, sort_keys=True) for each in (run.options, run.setup))
        group = groups.setdefault((run.method, options, setup), [])
        for other in group:
            if other.seed == run.seed:
                raise RunError(
                    run.path,
                    found=f"seed {run.seed} of {run.method}, as in {other.path}",
                    expected="each run once: a seed gives the same run each time",
                    remedy="leave one of the two folders out",
                )
        group.append(run)
    rows = []
    for (method, options, _), found in groups.items():
        same_method = [runs[0] for (name, _, _), runs in groups.items() if name == method]
        same_options = [
            runs[0] for (name, its, _), runs in groups.items() if (name, its) == (method, options)
        ]
        facts = _differing([run.options for run in same_method], found[0].options)
        others = _differing([run.setup for run in same_options], found[0].setup)
        # the digest of the configuration only if nothing else tells the rows apart
        facts += [fact for fact in others if not fact.startswith("configuration ")] or others
        name = f"{method} ({', '.join(facts)})" if facts else method
        rows.append(Row(name, found[0].title, tuple(sorted(found, key=lambda run: run.seed))))
    return sorted(rows, key=lambda row: -sum(run.result["value"] for run in row.runs) / len(row.runs))


def _differing(others: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> list[str]:
    """Return the facts in which any of the others differs."""
    return [f"{key} {value}" for key, value in facts.items() if any(o.get(key) != value for o in others)]


def _read(log: Path) -> ComparedRun | None:
    """Return the run of a log, None if it is incomplete. Raises RunError for an unreadable log."""
    values: dict[str, Any] = {}
    scenes: dict[str, float] = {}
    title, energy = "U-Net of the CloudMask reference", None
    try:
        for line in read_text(log).splitlines():
            event = json.loads(line.removeprefix(TOKEN))
            key, value, metadata = event["key"], event["value"], event["metadata"]
            values[key] = metadata.get("status") if key == "run_stop" else value
            if key == "scene_accuracy":
                scenes[metadata["scene"]] = value
            elif key == "epoch_energy":
                energy = (energy or 0.0) + value
            elif key == "method":
                title = metadata["title"]
        if values.get("run_stop") != "success":
            return None
        return ComparedRun(
            path=log,
            method=values.get("method", "unet"),
            title=title,
            options=values.get("method_options", {}),
            setup={
                **{name: values[name] for name in HYPERPARAMETERS if name in values},
                "source": str(values.get("method_sha256", ""))[:8],
                "configuration": str(values.get("config_digest", ""))[:8],
            },
            seed=values["seed"],
            data=(values["data_kind"], values["split_seed"], values["train_split"], tuple(sorted(scenes))),
            scenes=scenes,
            result=values["result"],
            energy=energy,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            log,
            found=f"no readable log ({type(error).__name__}: {error})",
            expected="the log of a run of this benchmark",
            remedy="see what python -m compliance.check says about it",
        ) from None
