"""python -m benchmark.run --seed N: train, score, log. Exit 0: done, 1: aborted, 2: could not start."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from pathlib import Path

from benchmark.config import Config, parse_seed
from benchmark.config_file import config_path, load_config
from benchmark.display import Display, native_messages_to
from benchmark.errors import CloudMaskError
from benchmark.prepare import claim_folder, find_scenes, use_data


class Terminated(BaseException):
    """SIGTERM as an exception, so that the log ends with run_stop."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    display = Display()
    started = False
    signal.signal(signal.SIGTERM, _terminate)
    try:
        config = _configure(options)
        training, inference = find_scenes(config, display)
        with claim_folder(config, options.output, display, force=options.force) as folder:
            display.say(f"{config.run_name}: {len(training)} training and {len(inference)} inference scenes")
            started = True
            skip = options.on_bad_scene == "skip"
            with native_messages_to(folder.native_messages):
                from benchmark.train import train_and_score  # TensorFlow, once all else has been checked

                result = train_and_score(config, folder, training, inference, display, skip_bad=skip)
            from benchmark.plots import plot_run

            plot_run(folder, config, result, inference)
        display.summary(result, config.run_name, str(folder.root))
    except (CloudMaskError, OSError) as error:
        print(f"error: {_explain(error)}", file=sys.stderr)
        return 1 if started else 2
    except (KeyboardInterrupt, Terminated) as error:
        name = type(error).__name__
        print(
            f"stopped ({name})" + ("; the log ends with run_stop aborted" if started else ""), file=sys.stderr
        )
        return 130 if isinstance(error, KeyboardInterrupt) else 143
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.run",
        description="Train and score the CloudMask benchmark and write an MLLOG log.",
        epilog="Exit status: 0 done, 1 the run was aborted (its log says why), 2 it could not start.",
    )
    add = parser.add_argument
    add("--seed", metavar="N", help="seed of the run, an integer (default: the configuration's)")
    add(
        "--config",
        metavar="FILE",
        default="quickstart",
        help="YAML file, or the name of a shipped one: quickstart (default), reference, nyu-greene",
    )
    add("--data", type=Path, metavar="DIR", help="folder with training/ and inference/ scenes to use")
    add("--output", type=Path, metavar="DIR", default=Path("logs"), help="folder of the runs (default: logs)")
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
    add("--force", action="store_true", help="move a complete run of the same seed aside and run again")
    return parser


def _configure(options: argparse.Namespace) -> Config:
    overrides = list(options.overrides)
    if options.seed is not None:
        overrides.append(f"seed={parse_seed(options.seed)}")
    config = load_config(config_path(options.config), overrides)
    return config if options.data is None else use_data(config, options.data)


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def _explain(error: CloudMaskError | OSError) -> str:
    if isinstance(error, CloudMaskError) or error.errno != errno.ENOSPC:
        return str(error)
    return str(
        CloudMaskError(
            error.filename or "output",
            found=error.strerror or str(error),
            expected="room for the run's files",
            remedy="free some space, or choose another place with --output, and run again",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
