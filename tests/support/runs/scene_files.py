"""Scene files for runs typed by hand, masks that match their logs, and a checkout with both."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tests.support.runs.hand_runs import CLOUDY, PIXELS, SCENES, accuracy, correct, make_place

SEEDS = (1, 2, 3)
#: Seed of the run with the highest accuracy, whose masks exist.
BEST = max(SEEDS, key=accuracy)


def add_scenes(place: Path, *seeds: int) -> None:
    """Write scene files to the checkout, and masks for the runs of these seeds that match their logs."""
    rng = np.random.default_rng(7)
    shape = (1200, 1500)
    labels = []
    for cloudy in CLOUDY:
        blocks = np.zeros(900, np.uint8)  # of 40 x 50 pixels
        blocks[rng.permutation(900)[: cloudy // 2000]] = 1
        labels.append(blocks.reshape(30, 30).repeat(40, axis=0).repeat(50, axis=1))
    folder = place / "data/synthetic"
    for (name, period), label in zip((*SCENES, ("S3A_training", "day")), (*labels, labels[0]), strict=True):
        path = folder / ("training" if name == "S3A_training" else "inference") / period / f"{name}.hdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            bright = (0.2 + 0.5 * label) * (period == "day")
            for key, layer, channels in (("refs", bright, 6), ("bts", 295 - 40.0 * label, 3)):
                values = np.repeat(layer[..., None].astype(np.float32), channels, axis=-1)
                file.create_dataset(key, data=values, compression="lzf")
            file.create_dataset("bayes", data=2 * label[..., None], compression="lzf")
    for seed in seeds:
        masks = place / f"logs/quick-seed-{seed}/masks"
        masks.mkdir()
        wrong = 2 * PIXELS - correct(seed)
        for (name, _), label, errors in zip(SCENES, labels, (wrong, 0), strict=True):
            mask = label.copy()
            mask.ravel()[np.flatnonzero(label == 0)[: errors // 2]] = 1
            mask.ravel()[np.flatnonzero(label == 1)[: errors - errors // 2]] = 0
            with h5py.File(masks / f"{name}.h5", "w") as file:
                file["mask"] = mask
                file["probability"] = np.where(mask, 0.875, 0.125).astype(np.float16).reshape(shape)


def make_place_with_scenes(place: Path) -> None:
    """Make a checkout with three runs, the scenes, and the masks of the best run."""
    make_place(place, SEEDS)
    add_scenes(place, BEST)
