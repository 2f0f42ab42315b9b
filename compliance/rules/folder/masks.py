"""Rules on masks/: a run's predicted masks must be those that its log scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmark.core.escaping import printable
from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.rules.log.identity import COMMIT_KEY
from compliance.subjects.columns import LogEvent
from compliance.subjects.evidence.arrays import Mask
from compliance.subjects.evidence.evidence import MASKS, Evidence
from compliance.subjects.log import count_of
from compliance.subjects.result_fields import lookup
from compliance.wording import excerpt, show

_COUNTED = ("true_positive", "false_positive")


def _scored(evidence: Evidence) -> Iterator[tuple[str, str, LogEvent]]:
    """Yield every scene of a complete run's log that has a mask file: its name, the file, and the event."""
    seen = set()
    for event in evidence.log.sound("scene_accuracy") if evidence.log.completed else ():
        scene = str(event.metadata["scene"])
        if scene in evidence.masks and scene not in seen:
            seen.add(scene)
            yield scene, evidence.shown(f"{MASKS}/{scene}.h5"), event


def _masks(evidence: Evidence) -> Iterator[tuple[Mask, str, LogEvent]]:
    """Yield every readable mask of the log's scenes, with its file and the scene's event."""
    for scene, path, event in _scored(evidence):
        mask = evidence.masks[scene]
        if not isinstance(mask, str):
            yield mask, path, event


def _has_logged_shape(evidence: Evidence, mask: Mask, event: LogEvent) -> bool:
    """Whether a mask has the pixels of its event, and the configured rows and columns if known."""
    geometry = lookup(evidence.settings, "geometry")
    size = [lookup(geometry, name) for name in ("rows", "columns")]
    pixels = mask.shape[0] * mask.shape[1]
    return pixels == count_of(event, "pixels") and (None in size or list(mask.shape) == size)


@folder_rule(
    "masks-form",
    clause="house",
    expected="`mask` uint8 of 0 and 1, and `probability` float16 that is above one half where the mask is 1",
    remedy=RECORDS,
)
def masks_form(evidence: Evidence) -> Iterator[Problem]:
    """A mask must be a file of the form that a run writes. It holds a mask of 0 and 1 and its probabilities,
    of the scene's size, both stored in the file itself."""
    for scene, path, event in _scored(evidence):
        mask = evidence.masks[scene]
        if isinstance(mask, str):
            yield problem(printable(mask), path=path)
        elif not _has_logged_shape(evidence, mask, event):
            found = f"{mask.shape[0]} x {mask.shape[1]} pixels"
            expected = f"{count_of(event, 'pixels')} pixels, in rows and columns as configured"
            yield problem(found, None, expected, path=path)


@folder_rule(
    "masks-scenes",
    clause="house",
    expected="a mask of each scene that the log scores, and of no other",
    remedy="score every scene that was predicted; a scene that cannot be read is logged as skipped",
)
def masks_scenes(evidence: Evidence) -> Iterator[Problem]:
    """There must be a mask of every scene that was scored, and none of a scene that was not. All scenes are
    predicted before any is scored, so a scene that the log lacks was left out afterwards."""
    names = evidence.mask_names
    if not names or not evidence.log.completed:
        return
    scored = dict.fromkeys(map(str, evidence.log.sound("scene_accuracy").facts("scene")))
    skipped = {str(name).rpartition(".")[0] for name in evidence.log.all("skipped_scene").values}
    if not scored:
        return
    for scene in scored:
        if scene not in names:
            yield problem(f"none of {excerpt(scene, width=120)}", path=evidence.shown(MASKS))
    for scene in names:
        # a file that is not a mask is the user's own
        if scene not in scored and scene not in skipped and not isinstance(evidence.mask(scene), str | None):
            found = "a mask of a scene that the log does not score"
            yield problem(found, path=evidence.shown(f"{MASKS}/{scene}.h5"))


@folder_rule(
    "masks-digest",
    clause="house",
    expected="the mask whose digest the scene's event states",
    remedy=RECORDS,
)
def masks_digest(evidence: Evidence) -> Iterator[Problem]:
    """The masks next to a log must be those that it scores, to the last pixel. Logs of older versions state
    no digest."""
    for mask, path, event in _masks(evidence):
        digest = event.metadata.get("mask_sha256")
        if digest is not None and digest != mask.sha256 and _has_logged_shape(evidence, mask, event):
            yield problem(
                f"sha256 {mask.sha256}", None, f"{show(digest)}, as line {event.line} has", path=path
            )


@folder_rule(
    "masks-counts",
    clause="house",
    expected="as many cloudy pixels as hits and false alarms in the result",
    remedy="compute the scores of the result from the masks",
)
def masks_counts(evidence: Evidence) -> Iterator[Problem]:
    """The cloudy pixels of all masks must be as many as hits and false alarms in the result. This holds for
    every reference, for all scenes and for those of day and of night separately."""
    masks = [*_masks(evidence)]
    if not masks or len(masks) != len(evidence.log.all("scene_accuracy")):
        return
    if any(event.metadata.get("mask_sha256", mask.sha256) != mask.sha256 for mask, _, event in masks):
        return  # another rule reports this
    cloudy: Counter[str] = Counter()
    for mask, _, event in masks:
        cloudy["all"] += mask.cloudy
        cloudy[str(event.metadata["period"])] += mask.cloudy
    result = evidence.log.one("result")
    references = lookup(result and result.value, "scores")
    for reference in references if isinstance(references, dict) else ():
        for part, pixels in cloudy.items():
            counts = [lookup(references, reference, part, name) for name in _COUNTED]
            stated = sum(number for number in counts if isinstance(number, int))
            if all(isinstance(number, int) for number in counts) and stated != pixels:
                found = f"`scores.{reference}.{part}` with {stated} pixels that were called cloud"
                expected = f"{pixels}, by the masks"
                yield problem(found, result and result.line, expected, path=evidence.log.path)


@folder_rule(
    "masks-made",
    clause="house",
    expected="the scene of the file's name, and seed, commit and kind of data of the log",
    remedy=RECORDS,
)
def masks_made(evidence: Evidence) -> Iterator[Problem]:
    """What a mask says about the run that made it must be what the log says."""
    log = evidence.log
    kind = log.text("data_kind")
    logged = {
        "seed": log.integer("seed"),
        "commit": log.text(COMMIT_KEY),
        "synthetic": None if kind is None else kind == "synthetic",
    }
    for mask, path, event in _masks(evidence):
        facts = {**logged, "scene": event.metadata["scene"]}
        for name, stated in mask.attributes.items():
            if facts[name] is not None and stated != facts[name]:
                found, expected = f"`{name}` {show(stated)}", f"{show(facts[name])}, as the log has"
                yield problem(found, None, expected, path=path)
