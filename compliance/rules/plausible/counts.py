"""Rules on counts that scenes and patches cannot produce."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmark.config.schema import Geometry
from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import lookup, results
from compliance.wording import count, excerpt, listing, show

#: The shape of an observed scene, in pixels.
OBSERVED = Geometry()
#: The parts of the data from which a scene can be skipped.
SPLITS = ("training", "validation", "inference")


@log_rule(
    "scene-pixels",
    clause="P-dataset, P-same-fashion",
    expected="all pixels of every scene",
    remedy="score complete scenes, each pixel once",
)
def scene_pixels(log: Log) -> Iterator[Problem]:
    """Every inference scene must be scored on all its pixels. An observed scene has 1200 x 1500 pixels;
    other scenes have as many as most of them."""
    scenes = log.sound("scene_accuracy")
    counts = zip(scenes.facts("correct"), scenes.facts("pixels"), strict=True)
    scenes = scenes.where(0 <= correct <= pixels != 0 for correct, pixels in counts)  # else accuracy-counts
    pixels = scenes.facts("pixels")
    if log.text("data_kind") == "slstr":
        usual, expected = OBSERVED.rows * OBSERVED.columns, f"{OBSERVED.rows} x {OBSERVED.columns} pixels"
    else:
        usual, times = next(iter(Counter(pixels).most_common(1)), (0, 0))
        expected = f"{usual} pixels, as {count(times, 'scene')}"
    for event in scenes.where(n != usual for n in pixels):
        yield problem(f"{count_of(event, 'pixels')} pixels", event.line, expected)


@log_rule(
    "scene-patches",
    clause="P-preparation",
    expected="complete scenes: as many patches from each, in training as in validation",
    remedy="log the counts of the stores that were trained and validated on",
)
def scene_patches(log: Log) -> Iterator[Problem]:
    """Every scene must give as many patches as every other. So the staged patches are a multiple of
    the scenes, and the samples of training and validation are those of the scenes in each."""
    staged, train, validation = (
        log.one("staging_stop"),
        log.integer("train_samples"),
        log.integer("eval_samples"),
    )
    if staged is None or train is None or validation is None:
        return
    scenes, patches = count_of(staged, "scenes"), count_of(staged, "patches")
    if min(scenes, train, validation) < 1 or patches < train + validation:
        return  # other rules report it
    each, rest = divmod(patches, scenes)
    patch = log.integer("patch_size") or 0
    observed = (OBSERVED.rows // patch) * (OBSERVED.columns // patch) if patch > 0 else each
    stated = f"{train} patches to train on and {validation} to validate on"
    if rest:
        yield problem(f"{patches} patches of {count(scenes, 'scene')}", staged.line, "as many of each")
    elif log.text("data_kind") == "slstr" and each != observed:
        expected = f"{observed}: {OBSERVED.rows} x {OBSERVED.columns} pixels in patches of {patch} x {patch}"
        yield problem(f"{count(each, 'patch', 'patches')} of a scene", staged.line, expected)
    elif train % each or validation % each:
        yield problem(stated, _line(log, "train_samples"), f"multiples of {each}, the patches of a scene")
    elif train + validation != patches:
        yield problem(stated, _line(log, "train_samples"), f"{patches} in all, as were staged")
    else:
        yield from _by_scenes(log, scenes, (train // each, validation // each))


def _by_scenes(log: Log, scenes: int, used: tuple[int, int]) -> Iterator[Problem]:
    """Report a result's scenes that add up to those staged (else result-data) but differ from those used."""
    for event, value in results(log):
        stated = [lookup(value, "data", f"{part}_scenes") for part in ("training", "validation")]
        numbers = [number for number in stated if type(number) is int]
        if sum(numbers) == scenes and numbers != [*used]:
            found = f"`data.training_scenes` {numbers[0]}, `data.validation_scenes` {numbers[1]}"
            yield problem(found, event.line, f"{used[0]} and {used[1]}, by their patches")


def _line(log: Log, key: str) -> int | None:
    event = log.one(key)
    return event.line if event else None


@log_rule(
    "skipped-scenes",
    clause="P-same-fashion",
    expected="a scene of training, validation or inference, left out once and not used",
    remedy="log a skipped scene where it is left out, once",
)
def skipped_scenes(log: Log) -> Iterator[Problem]:
    """A scene that was skipped must belong to a part of the data, once, and must not be scored all the
    same."""
    skipped = log.sound("skipped_scene")
    scored = {_name(scene) for scene in log.sound("scene_accuracy").facts("scene")} if skipped else set()
    seen: dict[str, LogEvent] = {}
    for event in skipped:
        name, split = _name(event.value), event.metadata["split"]
        if split not in SPLITS:
            yield problem(f"split {excerpt(str(split))}", event.line, listing(SPLITS, last="or"))
        elif name in scored:
            yield problem(f"{show(event.value)}, which was scored", event.line)
        elif name in seen:
            yield problem(f"{show(event.value)} again; first on line {seen[name].line}", event.line)
        seen.setdefault(name, event)


def _name(scene: object) -> str:
    return str(scene).removesuffix(".hdf")
