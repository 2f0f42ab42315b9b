"""The last part of a run: predict the inference scenes with the best weights and with the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.record.masks import mask_digest, read_mask
from benchmark.scenes.baselines import fit_baselines
from benchmark.scenes.scene import CHANNELS
from benchmark.scenes.scores import Confusion, confusion
from benchmark.stores.patchstore import PatchStore
from benchmark.training import evaluate
from benchmark.training.context import RunContext

#: Pixels to fit the baselines on: every PIXEL_STEP-th row and column of up to MAX_PATCHES patches.
PIXEL_STEP = 8
MAX_PATCHES = 512


def infer(
    run: RunContext,
    predict: evaluate.PredictScene,
    scenes: Sequence[Path],
    commit: str | None,
    weights: str = "weights of the best epoch",
) -> list[evaluate.SceneScore]:
    """Predict every inference scene, then read the labels and score the written masks.

    No label is used before the last mask is on disk; staging only checked that labels are readable. Workers
    other than the chief predict their share and score nothing.
    """
    attributes = {
        "model": f"{run.method.about.title}, {weights}",
        "seed": run.config.seed,
        "commit": commit or "unknown",
        "synthetic": run.config.data.kind == "synthetic",
    }
    predicted, scores = [], []
    mask_path = run.folder.mask if run.cluster.is_chief else None
    with run.log.interval("inference"):
        with run.display.bar("inference", len(scenes)) as update:
            for scene in evaluate.predict_scenes(scenes, run.read_inputs, predict, mask_path, attributes):
                predicted.append(scene)
                update(len(predicted), f"{scene.seconds:.1f} s")
        if not run.cluster.is_chief:
            return []
        with run.display.bar("scoring", len(scenes)) as update:
            for scene in predicted:
                labels, mask = run.read_labels(scene.path), read_mask(run.folder.mask(scene.scene))
                score = evaluate.score_scene(scene, labels, mask)
                scores.append(score)
                counts = score.bayes
                run.log.event(
                    "scene_accuracy",
                    counts.accuracy,
                    scene=score.scene,
                    period=score.period,
                    correct=counts.correct,
                    pixels=counts.pixels,
                    mask_sha256=mask_digest(mask),
                )
                update(len(scores), f"accuracy {counts.accuracy:.4f}")
        whole = evaluate.total(score.bayes for score in scores)
        run.log.event(
            "test_accuracy", whole.accuracy, scenes=len(scores), correct=whole.correct, pixels=whole.pixels
        )
    return scores


def infer_whole(run: RunContext, predict: evaluate.PredictScene, scenes: Sequence[Path]) -> None:
    """Log how far whole-scene predictions agree with the tiled ones, which alone count for the score."""
    compared = []
    with run.display.bar("whole scenes", len(scenes)) as update:
        for scene in evaluate.compare_whole_scenes(scenes, run.read, predict, run.folder.mask):
            compared.append(scene)
            update(len(compared), f"agreement {scene.agreement.accuracy:.4f}")
    agreement = evaluate.total(scene.agreement for scene in compared)
    accuracy = evaluate.total(scene.accuracy for scene in compared)
    run.log.event(
        "whole_scene_agreement",
        agreement.accuracy,
        correct=agreement.correct,
        pixels=agreement.pixels,
        accuracy=accuracy.accuracy,
        seconds=round(sum(scene.seconds for scene in compared), 3),
    )
    run.display.say(
        f"whole scenes: {agreement.accuracy:.4f} of the pixels as in the scored masks, "
        f"accuracy {accuracy.accuracy:.4f}"
    )


def score_baselines(run: RunContext, store: PatchStore, scenes: Sequence[Path]) -> dict[str, float]:
    """Return the accuracy on the inference scenes of each baseline, fitted on the training store."""
    with run.log.interval("baselines"):
        classifiers = fit_baselines(*sample_pixels(store))
        counts = dict.fromkeys(classifiers, Confusion())
        with run.display.bar("baselines", len(scenes)) as update:
            for done, path in enumerate(scenes, start=1):
                scene = run.read(path)
                for name, classify in classifiers.items():
                    counts[name] += confusion(classify(scene.inputs), scene.label)
                update(done, "")
        for name, total in counts.items():
            run.log.event(
                "baseline_accuracy", total.accuracy, baseline=name, correct=total.correct, pixels=total.pixels
            )
    return {name: total.correct / total.pixels for name, total in counts.items()}


def sample_pixels(store: PatchStore) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return pixels spread evenly over the store, float32 [n, 9], and their labels bool [n]."""
    chosen = np.unique(np.linspace(0, store.count - 1, min(store.count, MAX_PATCHES)).astype(int))
    pixels, cloud = [], []
    for index in chosen:
        inputs, labels = store.read([index])
        pixels.append(inputs[0, ::PIXEL_STEP, ::PIXEL_STEP].reshape(-1, CHANNELS))
        cloud.append(labels[0, ::PIXEL_STEP, ::PIXEL_STEP].reshape(-1) > 0)
    return np.concatenate(pixels), np.concatenate(cloud)
