"""Compare the program's tensor work with its bound on this machine and with the reference's layers."""

from __future__ import annotations

import statistics
import time
from functools import partial

import numpy as np
import tensorflow as tf

from benchmark.bench.bound import measure_bound
from benchmark.compute.batches import training_batches
from benchmark.compute.engine import Engine, choose_strategy, make_deterministic, resolve_precision
from benchmark.compute.operations import TRAINING_PASSES, forward_operations
from benchmark.core.display import Display
from benchmark.core.measure import ROUNDS, ratio, row, seconds
from benchmark.methods import unet
from benchmark.scenes.geometry import inference_patches
from benchmark.scenes.scene import CHANNELS
from benchmark.stores.patchstore import PatchStore

SHAPE = (1200, 1500)

_REFERENCE = "the same layers in float32 by Keras"


def measure_model(display: Display, store: PatchStore, batch: int) -> None:
    """Measure the bound of a step, then in turn training steps, predictions and a complete epoch."""
    make_deterministic(1)
    engine = Engine(unet.method(), 256, batch, resolve_precision("auto"), choose_strategy(), crop=80)
    engine.trace()
    bound = measure_bound(display, engine)
    carried_out, predicted = (
        f"{100 * forward_operations(network) / forward_operations(engine.model):.0f} % of the reference's "
        "operations are carried out"
        for network in (engine.network, engine.inner)
    )
    forward = forward_operations(engine.network) / 1e9
    inputs, labels = (tf.constant(array) for array in store.read(range(engine.global_batch)))
    patches = np.zeros((engine.global_batch, 256, 256, CHANNELS), np.float32)
    # The reference: the same layers in float32, trained and applied by Keras.
    reference = unet.build_unet((256, 256, CHANNELS))
    reference.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    masks = tf.cast(labels[..., None], tf.float32)
    scene = np.zeros((*SHAPE, CHANNELS), np.float32)
    steps: list[float] = []
    predictions: list[float] = []
    reference_steps: list[float] = []
    reference_predictions: list[float] = []
    scenes: list[float] = []
    for turn in range(-1, ROUNDS):
        measured = (
            (steps, seconds(lambda: engine.train_step(inputs, labels, 1e-3))),
            (predictions, seconds(lambda: engine.predict(patches))),
            (reference_steps, seconds(lambda: reference.train_on_batch(inputs, masks))),
            (reference_predictions, seconds(lambda: reference.predict_on_batch(patches))),
            (scenes, seconds(lambda: engine.predict_whole(scene))),
        )
        if turn >= 0:  # the first turn warms up
            for values, value in measured:
                values.append(value)
    training = [engine.global_batch / s for s in steps]
    rate = f"{engine.precision}, {forward * TRAINING_PASSES * statistics.median(training):.0f} GFLOP/s"
    row(display, f"training, batch {batch}", training, "patches/s", rate)
    row(display, "  share of the bound", [100 * bound.training / s for s in steps], "%", carried_out)
    ratio(display, steps, reference_steps, _REFERENCE)
    predicting = [engine.global_batch / s for s in predictions]
    row(display, "inference", predicting, "patches/s")
    row(display, "  share of the bound", [100 * bound.inference / s for s in predictions], "%", predicted)
    ratio(display, predictions, reference_predictions, _REFERENCE)
    tiles = len(inference_patches(np.zeros(SHAPE, bool), 256, 80))
    tiled = [tiles / engine.global_batch * s for s in reference_predictions]
    row(display, "scene in one piece", scenes, "s", f"instead of {tiles} patches")
    ratio(display, scenes, tiled, "the reference's tiling of a scene, likewise")

    batches = training_batches(store, engine.global_batch, seed=1, epoch=1)
    alone: list[float] = []
    elapsed = time.perf_counter()
    for inputs, labels in batches:
        alone.append(seconds(partial(engine.train_step, inputs, labels, 1e-3)))
    elapsed = time.perf_counter() - elapsed
    row(display, "epoch / its steps", [elapsed / sum(alone)], "", f"{len(alone)} steps, the rest is input")
