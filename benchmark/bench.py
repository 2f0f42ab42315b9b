"""python -m benchmark.bench: measure this machine and the program on it, side by side in one run.

Every figure is the median of several measurements with the lowest and the highest beside it.
Rates of the model are given as shares of the machine's own matrix rate, measured in turn
with them, so that they can be compared between machines and survive a busy one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmark.config_file import config_path, load_config
from benchmark.display import Display, native_messages_to
from benchmark.patchstore import Layout, PatchStore
from benchmark.prepare import find_scenes
from benchmark.scenes import CHANNELS
from benchmark.staging import open_or_stage
from benchmark.system_info import cpu_model

MATRIX = 4096
ROUNDS = 5
#: Scenes staged to measure the input pipeline and an epoch.
SCENES = 8


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmark.bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", type=int, default=8, help="patches of a training step (default: 8)")
    parser.add_argument(
        "--memory-batch", type=int, default=32, help="batch of the run whose memory is measured"
    )
    options = parser.parse_args(arguments)
    display = Display()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        config = load_config(config_path("quickstart"))
        training, _ = find_scenes(config, display)
        with native_messages_to(place / "startup.txt"):
            import tensorflow as tf
        display.say(f"machine      {cpu_model()}, {os.cpu_count()} CPUs, TensorFlow {tf.__version__}")
        store = _staging(display, training[:SCENES], place / "staging")
        _model(display, store, options.batch)
        _memory(display, place, options.memory_batch)
        _start_up(display)
    return 0


def row(display: Display, name: str, values: Sequence[float], unit: str, note: str = "") -> float:
    """Print median, lowest and highest; returns the median."""
    middle = statistics.median(values)
    digits = max(0, 2 - len(str(int(middle))) + 1)
    spread = f"({min(values):.{digits}f} to {max(values):.{digits}f})"
    display.say(f"{name:28} {middle:10.{digits}f} {unit:10} {spread:20} {note}")
    return middle


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _staging(display: Display, paths: Sequence[Path], folder: Path) -> PatchStore:
    """Reading scenes plainly and staging them, then reading the store alone."""
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    plain = [seconds(lambda: [path.read_bytes() for path in paths]) for _ in range(3)]
    layout = Layout((1200, 1500), 256, "synthetic")
    start = time.perf_counter()
    store = open_or_stage(folder, "bench", paths, layout, display).store
    spent = time.perf_counter() - start
    row(display, "plain reading", [megabytes / s for s in plain], "MB/s", "scene files in the page cache")
    row(display, "staging", [megabytes / spent], "MB/s", f"{len(paths)} scenes to patches on disk")
    rates = [32 / seconds(partial(store.read, range(32 * i, 32 * i + 32))) for i in range(ROUNDS)]
    row(display, "input alone", rates, "patches/s", "store to arrays, one core")
    return store


def _model(display: Display, store: PatchStore, batch: int) -> None:
    """Matrix rate, training steps, a whole epoch and predictions, measured in turn."""
    import tensorflow as tf

    from benchmark.engine import Engine, choose_strategy, make_deterministic, resolve_precision
    from benchmark.model import TRAINING_PASSES, build_unet, forward_operations
    from benchmark.pipeline import training_batches

    make_deterministic(1)
    machine = Engine(256, batch, resolve_precision("auto"), choose_strategy())
    machine.trace()
    forward = forward_operations(machine.model) / 1e9
    carried_out = forward_operations(machine.network) / 1e9 / forward
    kind = tf.bfloat16 if machine.precision == "mixed_bfloat16" else tf.float32
    left, right = (tf.cast(tf.random.normal((MATRIX, MATRIX)), kind) for _ in range(2))
    multiply = tf.function(tf.matmul)
    inputs, labels = (tf.constant(array) for array in store.read(range(machine.global_batch)))
    patches = np.zeros((machine.global_batch, 256, 256, CHANNELS), np.float32)
    # The reference: the same layers in float32, trained and applied by Keras.
    reference = build_unet(256, CHANNELS, "float32")
    reference.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    masks = tf.cast(labels[..., None], tf.float32)
    matrix: list[float] = []
    steps: list[float] = []
    predictions: list[float] = []
    reference_steps: list[float] = []
    reference_predictions: list[float] = []
    for turn in range(-1, ROUNDS):
        measured = (
            (matrix, seconds(lambda: multiply(left, right).numpy())),
            (steps, seconds(lambda: machine.train_step(inputs, labels, 1e-3))),
            (predictions, seconds(lambda: machine.predict(patches))),
            (reference_steps, seconds(lambda: reference.train_on_batch(inputs, masks))),
            (reference_predictions, seconds(lambda: reference.predict_on_batch(patches))),
        )
        if turn >= 0:  # the first turn warms up
            for values, value in measured:
                values.append(value)
    operations = 2 * MATRIX**3 / 1e9
    rate = row(display, f"matrix product {kind.name}", [operations / s for s in matrix], "GFLOP/s")
    training = [machine.global_batch / s for s in steps]
    share = [forward * TRAINING_PASSES * n / rate for n in training]
    row(display, f"training, batch {batch}", training, "patches/s", machine.precision)
    note = f"of the reference's operations, {100 * carried_out:.0f} % of which are carried out"
    row(display, "  share of matrix rate", [100 * s for s in share], "%", note)
    _ratio(display, steps, reference_steps)
    predicting = [machine.global_batch / s for s in predictions]
    row(display, "inference", predicting, "patches/s")
    row(display, "  share of matrix rate", [100 * forward * n / rate for n in predicting], "%", "likewise")
    _ratio(display, predictions, reference_predictions)

    batches = training_batches(store, machine.global_batch, seed=1, epoch=1)
    alone: list[float] = []
    whole = time.perf_counter()
    for inputs, labels in batches:
        alone.append(seconds(partial(machine.train_step, inputs, labels, 1e-3)))
    whole = time.perf_counter() - whole
    row(display, "epoch / its steps", [whole / sum(alone)], "", f"{len(alone)} steps, the rest is input")


def _ratio(display: Display, ours: Sequence[float], reference: Sequence[float]) -> None:
    ratios = [theirs / own for own, theirs in zip(ours, reference, strict=True)]
    row(display, "  to the reference's rate", ratios, "", "the same layers in float32 by Keras")


def _memory(display: Display, place: Path, batch: int) -> None:
    """Peak memory of a complete run, measured by the operating system."""
    command = [sys.executable, "-m", "benchmark.run", "--output", str(place / "logs")]
    command += ["--set", f"training.batch_size={batch}", "--set", "training.epochs=1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    row(display, f"peak memory, batch {batch}", [peak], "GB", "a run of one epoch, scenes to result")


def _start_up(display: Display) -> None:
    """Seconds until help is printed: what a person waits for first."""
    for module in ("compliance.check", "benchmark.run"):
        command = [sys.executable, "-m", module, "--help"]
        start = partial(subprocess.run, command, check=True, capture_output=True)
        spent = [seconds(start) for _ in range(ROUNDS)]
        row(display, f"{module} --help", spent, "s")


if __name__ == "__main__":
    sys.exit(main())
