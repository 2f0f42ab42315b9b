"""Draw a picture of a mask next to its scene, at a quarter of the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.core.files import write_aside
from benchmark.scenes.render import false_colour
from benchmark.scenes.scene import SceneInputs

#: Show one of this many rows and columns.
STEP = 2
#: Colours of cloud in the mask, and of pixels that the instrument did not see.
CLOUD, UNSEEN = (1.0, 0.55, 0.1), (0.2, 0.2, 0.2)
#: Columns between the two pictures.
GAP = 8


def write_quicklook(path: Path, scene: SceneInputs, probability: NDArray[np.float16]) -> None:
    """Write a PNG: the scene in false colours (by night S8, cold white), then with its cloud in orange."""
    colours = false_colour(scene)[::STEP, ::STEP]
    inside, cloud = scene.inside[::STEP, ::STEP], probability[::STEP, ::STEP].astype(np.float32)
    share = np.where(inside, cloud, 0)[..., np.newaxis] * 0.6
    masked = colours * (1 - share) + np.array(CLOUD) * share
    pictures = [np.where(inside[..., np.newaxis], picture, UNSEEN) for picture in (colours, masked)]
    both = np.concatenate([pictures[0], np.ones((len(colours), GAP, 3)), pictures[1]], axis=1)
    with write_aside(path) as part:
        Image.fromarray((both * 255).round().astype(np.uint8)).save(part, format="PNG")
