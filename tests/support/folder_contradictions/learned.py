"""Contradictions in a run's method, weights and predictions: method.py, weights.npz and masks/."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.support.folder_contradictions.contradiction import (
    Contradiction,
    Plant,
    arrays,
    complete,
    content,
    event,
    events,
    tiny,
)

WEIGHTS = "weights.npz"


def renamed(values: dict[str, np.ndarray]) -> None:
    values["weights"] = values.pop("0000")


def one_bit(values: dict[str, np.ndarray]) -> None:
    values["0000"] = values["0000"].copy()
    values["0000"].view(np.uint8).ravel()[0] ^= 1


def reordered(values: dict[str, np.ndarray]) -> None:
    values["0000"], values["0001"] = values["0001"], values["0000"]


def words(values: dict[str, np.ndarray]) -> None:
    values["0000"] = np.array(["a", "b"])


def objects(folder: Path) -> None:
    np.savez(folder / WEIGHTS, **{"0000": np.array([{"a": 1}], dtype=object)}, allow_pickle=True)  # type: ignore[arg-type]


def too_large(folder: Path) -> None:
    """Write far more weights than the result states, compressed to a small file."""
    np.savez_compressed(folder / WEIGHTS, **{"0000": np.zeros(2_000_000)})  # type: ignore[arg-type]


def parameters(change: Callable[[int], int]) -> Plant:
    def stated(value: dict[str, Any]) -> dict[str, Any]:
        return value | {"parameters": change(value["parameters"])}

    return event("result", stated)


def cut(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def weights() -> Iterator[Contradiction]:
    form: dict[str, Plant] = {
        "no archive": content(WEIGHTS, b"weights"),
        "a pickled object": content(WEIGHTS, pickle.dumps([1.0])),
        "an array of objects": objects,
        "words": arrays(words),
        "an array of another name": arrays(renamed),
        "an archive of text": lambda folder: zipfile.ZipFile(folder / WEIGHTS, "w").writestr("0000", "1, 2"),
        "far more than stated": too_large,
        "an archive without its end": cut,
    }
    of_complete: dict[str, Plant] = {
        "another bit": arrays(one_bit),
        "layers in each other's place": arrays(reordered),
        "weights of noise": arrays(lambda values: values.update({"0000": np.full((2, 3), 0.5, np.float32)})),
    }
    yield from (complete(f"weights: {name}", "weights-form", plant) for name, plant in form.items())
    yield from (complete(f"weights: {name}", "weights-digest", plant) for name, plant in of_complete.items())
    yield tiny("weights: another bit of a network", "weights-digest", arrays(one_bit))
    yield complete("weights: fewer than stated", "weights-count", parameters(lambda number: number + 1))
    yield complete("weights: more than stated", "weights-count", parameters(lambda number: number - 7))
    yield complete("method: another source", "folder-method", content("method.py", b"ABOUT = 'other'\n"))
    yield complete("method: no source", "folder-method", content("method.py", b""))


def masks_of(folder: Path) -> list[Path]:
    return sorted((folder / "masks").glob("*.h5"))


def in_mask(change: Callable[[h5py.File], object], number: int = 0) -> Plant:
    """Edit one of the masks."""

    def plant(folder: Path) -> None:
        with h5py.File(masks_of(folder)[number], "r+") as file:
            change(file)

    return plant


def anew(change: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]) -> Plant:
    """Replace a mask and its probabilities by ``change`` of them."""

    def replace(file: h5py.File) -> None:
        mask, probability = change(file["mask"][...], file["probability"][...])
        for name, values in (("mask", mask), ("probability", probability)):
            del file[name]
            if values is not None:
                file.create_dataset(name, data=values)

    return in_mask(replace)


def pixels(*places: int, name: str | None = None) -> Plant:
    """Flip pixels of a mask and of its probabilities, or only of the one that is named."""

    def change(mask: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for place in places:
            if name in (None, "mask"):
                mask.ravel()[place] ^= 1
            if name in (None, "probability"):
                old = probability.ravel()[place]
                probability.ravel()[place] = 0.25 if old > 0.5 else 0.75
        return mask, probability

    return anew(change)


def attribute(name: str, value: object) -> Plant:
    return in_mask(lambda file: file.attrs.__setitem__(name, value), 1)


def elsewhere(file: h5py.File) -> None:
    del file["mask"]
    file["mask"] = h5py.ExternalLink("other.h5", "mask")


def elsewhere_raw(file: h5py.File) -> None:
    shape = file["mask"].shape
    del file["mask"]
    file.create_dataset("mask", shape, np.uint8, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(file: h5py.File) -> None:
    shape = file["mask"].shape
    layout = h5py.VirtualLayout(shape, np.uint8)
    layout[...] = h5py.VirtualSource("other.h5", "mask", shape)
    del file["mask"]
    file.create_virtual_dataset("mask", layout)


def counted(lines: list[dict[str, Any]]) -> None:
    """Call two more pixels cloud, one of them rightly, and change the ratios accordingly."""
    value = next(line for line in lines if line["key"] == "result")["value"]
    for parts in value["scores"].values():
        for part in ("all", "day", "without_borders"):
            score = parts[part]
            score["true_positive"] += 1
            score["false_negative"] -= 1
            score["false_positive"] += 1
            score["true_negative"] -= 1
            tp, fp = score["true_positive"], score["false_positive"]
            fn, tn = score["false_negative"], score["true_negative"]
            score["kuiper_skill"] = tp / (tp + fn) - fp / (fp + tn)
            score["iou"], score["f1"] = tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)
            score["precision"], score["recall"] = tp / (tp + fp), tp / (tp + fn)


def of_another_scene(folder: Path) -> None:
    first = masks_of(folder)[0]
    shutil.copy(first, first.with_name("S3A_left_out.h5"))


def masks() -> Iterator[Contradiction]:
    form: dict[str, Plant] = {
        "no HDF5": lambda folder: masks_of(folder)[0].write_bytes(b"mask"),
        "no mask": in_mask(lambda file: file.pop("mask")),
        "no probabilities": in_mask(lambda file: file.pop("probability")),
        "other probabilities": pixels(5, 6, name="probability"),
        "another mask than the probabilities": pixels(7, name="mask"),
        "a row of all pixels": anew(lambda mask, probability: (mask.ravel(), probability.ravel())),
        "another size": anew(lambda mask, probability: (mask[1:], probability[1:])),
        "a mask of 0 and 2": anew(lambda mask, probability: (2 * (mask + 1), probability)),
        "a mask of floats": anew(lambda mask, probability: (mask.astype(np.float32), probability)),
        "a mask in another file": in_mask(elsewhere),
        "the bytes of another file as a mask": in_mask(elsewhere_raw),
        "a mask made of another file": in_mask(virtual),
        "a soft link as a mask": in_mask(
            lambda file: (file.pop("mask"), file.__setitem__("mask", h5py.SoftLink("/p")))
        ),
    }
    digests: dict[str, Plant] = {
        "another pixel": pixels(100),
        "two pixels that cancel out": pixels(0, 1_799_999),
        "clouds everywhere": anew(
            lambda mask, probability: (mask * 0 + 1, probability * 0 + np.float16(0.75))
        ),
    }
    made: dict[str, Plant] = {
        "of another seed": attribute("seed", 99),
        "of another commit": attribute("commit", "f" * 40),
        "of observed scenes": attribute("synthetic", False),
        "of another scene": attribute("scene", "S3A_else"),
    }
    yield from (complete(f"masks: {name}", "masks-form", plant) for name, plant in form.items())
    yield from (complete(f"masks: {name}", "masks-digest", plant) for name, plant in digests.items())
    turned = anew(lambda mask, probability: (mask.T.copy(), probability.T.copy()))
    yield tiny("masks: rows as columns", "masks-form", turned)
    yield from (tiny(f"masks: {name}", "masks-made", plant) for name, plant in made.items())
    yield tiny("masks: one too few", "masks-scenes", lambda folder: masks_of(folder)[0].unlink())
    yield tiny("masks: one of a scene that was left out", "masks-scenes", of_another_scene)
    yield complete("masks: fewer clouds than the result counts", "masks-counts", events(counted))
