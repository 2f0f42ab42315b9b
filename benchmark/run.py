"""python -m benchmark.run --seed N: train, score, log. Exit 0: done, 1: aborted, 2: could not start."""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.compute.cluster import SINGLE_WORKER, Cluster, find_cluster
from benchmark.config.files import config_path, load_config
from benchmark.config.schema import Config, parse_seed
from benchmark.core.display import Display, native_messages_to
from benchmark.core.errors import CloudMaskError, RunError, memory_as_error, os_failure
from benchmark.core.interruption import EXIT_RESUMABLE, Interrupted, Interruption
from benchmark.record.run_folder import LOG_NAME, RunFolder
from benchmark.scenes.geometry import training_patch_count
from benchmark.training.options import RunOptions
from benchmark.training.prepare import claim_folder, find_scenes, is_complete, use_data, use_method

#: How long the shipped configurations take, according to their files.
EXPECTED = {
    "quickstart": "2 to 3 minutes on 2 cores with bfloat16 instructions, several times as long without",
    "nyu-greene": "99 to 142 minutes on a V100, as published",
}
MORE_MEMORY = "give the run more memory (ulimit -v, --mem of the job), or lower training.batch_size"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    run = None
    try:
        cluster = find_cluster()
        display = Display(quiet=options.quiet or options.json or not cluster.is_chief)
        interruption = Interruption(display.warn)
        interruption.install()
        config = _configure(options)
        if options.resume and is_complete(RunFolder(options.output / config.run_name)):
            display.say(f"{config.run_name} is complete: nothing to resume")
            return 0
        chosen = RunOptions(
            stage_dir=options.stage_dir,
            skip_bad=options.on_bad_scene == "skip",
            resume=options.resume,
            tensorboard=options.tensorboard,
        )
        if cluster.is_chief and not options.resume and not any(options.output.glob(f"*/{LOG_NAME}")):
            display.say(_first_run(config, options))
        run = Run(config, options.output, chosen, display, cluster, interruption)
        result = run.perform(force=options.force)
        if options.json and result is not None:
            print(json.dumps(result, indent=2, allow_nan=False))
    except (CloudMaskError, OSError) as error:
        started = run is not None and run.folder is not None
        print(f"error: {_explain(error, started)}", file=sys.stderr)
        return 1 if started else 2
    except Interrupted as error:
        started = run is not None and run.folder is not None
        message = "; the log ends with run_stop aborted; rerun with --resume to continue"
        print(f"stopped ({error}){message if started else ''}", file=sys.stderr)
        return error.exit_status
    return 0


@dataclass
class Run:
    """A run, which can be performed once. ``folder`` is set once the run has begun; from then on its log says
    how it ended.
    """

    config: Config
    output: Path
    options: RunOptions
    display: Display
    cluster: Cluster = SINGLE_WORKER
    interruption: Interruption | None = None
    folder: RunFolder | None = None

    def perform(self, *, force: bool = False) -> dict[str, Any] | None:
        """Train, score and log into a folder below ``output``; return the logged result, or None if this
        worker is not the chief. ``force`` moves a complete run of the same name aside.

        Raises CloudMaskError and OSError.
        """
        display = self.display
        config, method = use_method(self.config)
        with memory_as_error(MORE_MEMORY):
            scenes = find_scenes(config, display, learning=method.kind != "masks")
        with memory_as_error(MORE_MEMORY), self._claimed(config, force) as folder:
            counts = f"{len(scenes.training)} training and {len(scenes.inference)} inference scenes"
            display.say(f"{config.run_name}: {method.about.title}; {counts}")
            self.folder = folder
            with _native_messages(folder, self.cluster):
                # import TensorFlow only after all other checks
                from benchmark.training.train import train_and_score

                result = train_and_score(
                    config, method, folder, scenes, self.options, display, self.cluster, self.interruption
                )
            if result is not None:
                from benchmark.training.plots import plot_run

                with display.spared():
                    plot_run(folder, config, result, scenes.inference)
                display.summary(result, config.run_name, str(folder.root))
        return result

    @contextlib.contextmanager
    def _claimed(self, config: Config, force: bool) -> Iterator[RunFolder]:
        """Yield the run's folder, which the chief locks for all workers."""
        if self.cluster.is_chief:
            with claim_folder(
                config, self.output, self.display, force=force, resume=self.options.resume
            ) as folder:
                yield folder
        else:
            yield RunFolder(self.output / config.run_name)


def _native_messages(folder: RunFolder, cluster: Cluster) -> AbstractContextManager[None]:
    """Send the chief's messages to a file of the run; those of other workers go to the scheduler's place."""
    return native_messages_to(folder.native_messages) if cluster.is_chief else contextlib.nullcontext()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.run",
        description="Train and score the CloudMask benchmark and write an MLLOG log.",
        epilog="Exit status: 0 done, 1 the run was aborted (its log says why), 2 it could not start, "
        f"{EXIT_RESUMABLE} ended by SIGTERM or SIGUSR1, 130 by Ctrl-C: continue with --resume.",
    )
    add = parser.add_argument
    add("--seed", metavar="N", help="seed of the run, an integer (default: the configuration's)")
    add(
        "--config",
        metavar="FILE",
        default="quickstart",
        help="YAML file, or the name of a shipped one: quickstart (default), reference, nyu-greene",
    )
    add(
        "--method",
        metavar="NAME",
        help="what predicts: a shipped method (python -m benchmark.methods list), package.module, "
        "path/to/file.py, or masks:DIR with the masks of another program (default: the configuration's)",
    )
    add("--data", type=Path, metavar="DIR", help="folder with training/ and inference/ scenes to use")
    add("--output", type=Path, metavar="DIR", default=Path("logs"), help="folder of the runs (default: logs)")
    add(
        "--stage-dir",
        type=Path,
        metavar="DIR",
        default=Path("data/staging"),
        help="folder for the staged patches, best on a disk of this node; kept and shared by later runs "
        "(default: data/staging)",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="overrides",
        help="override a field of the configuration, for example training.epochs=3; repeatable",
    )
    add(
        "--on-bad-scene",
        choices=("stop", "skip"),
        default="stop",
        help="what to do with a scene that cannot be read (default: stop); skipped ones are logged",
    )
    add(
        "--resume",
        action="store_true",
        default=int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0,
        help="resume from the last checkpoint, or start from scratch if there is none "
        "(automatic in a requeued Slurm job)",
    )
    add(
        "--tensorboard",
        action="store_true",
        help="write scalars of every epoch for TensorBoard into the run's folder",
    )
    add("--quiet", action="store_true", help="print errors only")
    add("--json", action="store_true", help="print the result as one JSON object, and nothing else")
    add("--force", action="store_true", help="move a complete run of the same seed aside and run again")
    return parser


def _configure(options: argparse.Namespace) -> Config:
    overrides = list(options.overrides)
    if options.method is not None:
        overrides.append(f"method.name={json.dumps(options.method)}")
    if options.seed is not None:
        overrides.append(f"seed={parse_seed(options.seed)}")
    config = load_config(config_path(options.config), overrides)
    return config if options.data is None else use_data(config, options.data)


def _first_run(config: Config, options: argparse.Namespace) -> str:
    """Say what the first run will do, how long it takes and how much disk it needs."""
    geometry, made = config.geometry, config.data.synthetic
    pixels = geometry.rows * geometry.columns
    patches = training_patch_count((geometry.rows, geometry.columns), geometry.patch)
    lines = [f"The first run below {options.output}/. It will"]
    if made is not None:
        count = made.training_scenes + made.inference_scenes
        # float32: nine channels by day, three by night; plus two bytes of labels
        size = count * pixels * ((9 * 4 + 2) + (3 * 4 + 2)) / 2
        folder = Path(config.data.training).parent
        lines.append(f"  make {count} synthetic scenes in {folder} ({size / 1e9:.1f} GB), once for all runs")
        # float16: nine channels; plus one byte for the label
        size = made.training_scenes * patches * geometry.patch**2 * 19
        lines.append(
            f"  cut training patches into {options.stage_dir} ({size / 1e9:.1f} GB), kept for later runs"
        )
    else:
        lines.append(f"  cut the scenes of {config.data.training} into patches in {options.stage_dir}")
    lines.append(f"  train, score and log into {options.output / config.run_name}")
    changed = [each for each in options.overrides if not each.startswith("submission.")]
    plain = not (changed or options.method or options.data)
    expected = EXPECTED.get(config.name) if plain else None
    takes = f"It takes {expected}." if expected else "The progress bar will show how long it takes."
    lines.append(f"{takes} Ctrl-C stops it, --resume continues it.")
    return "\n".join(lines)


def _explain(error: CloudMaskError | OSError, resumable: bool) -> CloudMaskError:
    """Return the error with a remedy; if the system failed after a run had begun, say how to continue."""
    if isinstance(error, CloudMaskError):
        return error
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    repair = "free some space" if full else "look at the disk, and at the permissions of the folder"
    then = (
        "continue with --resume: what was done until the last checkpoint is kept"
        if resumable
        else "run again, or choose another place with --output"
    )
    expected = "room for the run's files" if full else "files that can be read and written during the run"
    return os_failure(RunError, error, "output", expected=expected, remedy=f"{repair}, and {then}")


if __name__ == "__main__":
    sys.exit(main())
