"""Forge a finished run: improve it in every file that states its score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmark.config.files import load_config
from benchmark.record.masks import mask_digest, read_mask, write_mask
from benchmark.record.run_folder import RunFolder
from benchmark.scenes.scene import discover, read_inputs, read_labels
from benchmark.training.evaluate import Predicted, score_scene, summarise, total
from tests.support.project import read_events


def improve(folder: RunFolder, place: Path, share: float = 0.9) -> float:
    """Correct a share of the wrong pixels in every mask, and score the masks as a run does.

    The configuration's folders are relative to ``place``. Masks, their digests, the scenes' events and the
    result agree; weights and training are unchanged. Returns the forged accuracy.
    """
    config = load_config(folder.config)
    shape = config.geometry.rows, config.geometry.columns
    scores, digests = [], {}
    for path in discover(place / config.data.inference):
        inputs, labels = read_inputs(path, shape, config.data.kind), read_labels(path, shape)
        mask = read_mask(folder.mask(inputs.name))
        wrong = np.flatnonzero(mask.ravel() != labels.label.ravel())
        mask.ravel()[wrong[: int(share * wrong.size)]] ^= 1
        write_mask(folder.mask(inputs.name), np.where(mask, 0.9, 0.1).astype(np.float16), mask, {})
        predicted = Predicted(path, inputs.name, inputs.period, np.packbits(inputs.inside), 0.1)
        scores.append(score_scene(predicted, labels, mask))
        digests[inputs.name] = mask_digest(mask)
    by_scene = {score.scene: score.bayes for score in scores}
    whole = total(by_scene.values())
    events = read_events(folder.log)
    for event in events:
        if event["key"] == "scene_accuracy":
            counts = by_scene[event["metadata"]["scene"]]
            event["value"] = counts.accuracy
            event["metadata"]["mask_sha256"] = digests[event["metadata"]["scene"]]
            event["metadata"]["correct"] = counts.correct
        if event["key"] == "test_accuracy":
            event["value"] = whole.accuracy
            event["metadata"]["correct"] = whole.correct
        if event["key"] == "result":
            value = event["value"]
            value |= {"value": whole.accuracy, "scores": summarise(scores)}
            value["target_reached"] = whole.accuracy >= value["quality_target"]
            value["beats_baselines"] = all(whole.accuracy > other for other in value["baselines"].values())
    folder.log.write_text("".join(f":::MLLOG {json.dumps(event)}\n" for event in events))
    return whole.accuracy
