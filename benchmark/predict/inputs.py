"""Read the inputs of a prediction: products, and scenes in the dataset's format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmark.predict.mask_file import Positions
from benchmark.products.product import Product, open_product
from benchmark.products.reading import read_measured
from benchmark.products.variables import check_same_product, read_values
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.scenes.scene import SceneInputs, normalise, read_inputs, scene_shape

#: Endings of scene files; anything else is read as a product.
SCENE_SUFFIXES = (".hdf", ".h5", ".hdf5")
#: The gridding stated for a scene file, which is not gridded here.
OF_SCENE = "as in the scene"


class Predictable(NamedTuple):
    """A scene to predict, the positions of its pixels if known, and how it was read."""

    scene: SceneInputs
    positions: Positions | None
    gridding: str
    thermal_only: bool


def read(path: Path, gridding: str, *, thermal_only: bool = False) -> Predictable:
    """Read a scene file or a product, of any size. Raises CloudMaskError."""
    if path.suffix in SCENE_SUFFIXES:
        scene = read_inputs(path, scene_shape(path) or FULL_SHAPE)
        return Predictable(scene, None, OF_SCENE, thermal_only=False)
    with open_product(path) as product:
        measured = read_measured(product, gridding, thermal_only=thermal_only)
        scene = normalise(product.name, measured.refs, measured.bts, f"{path}: S7 to S9")
        positions = _positions(product, scene.inside.shape)
        return Predictable(scene, positions, gridding, measured.thermal_only)


def _positions(product: Product, shape: tuple[int, int]) -> Positions | None:
    """Read latitude and longitude of the 1 km grid; return None if the product has none."""
    name = "geodetic_in.nc"
    if name not in product:
        return None
    with product.open(name) as file:
        check_same_product(product, file, name)
        latitude, longitude = (
            read_values(file, product.where(name), f"{axis}_in", shape) for axis in ("latitude", "longitude")
        )
    return latitude, longitude
