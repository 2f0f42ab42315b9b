"""Rules on digests: texts that cannot be digests, and masks that belong to other scenes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.log import Log
from compliance.subjects.result_fields import results
from compliance.subjects.sets.outcome import is_digest, varied_masks
from compliance.wording import count, excerpt, show

#: Digests of empty input, of every kind that a log states.
_OF_NOTHING = {hashlib.sha256().hexdigest(), hashlib.sha1(usedforsecurity=False).hexdigest()}


def _stated(log: Log) -> Iterator[tuple[str, int, object]]:
    """Yield name, line and text of every digest in a log; of mask digests, only made-up ones, once each."""
    for key in ("submission_github_commit_version", "method_sha256", "config_digest"):
        yield from ((f"`{key}`", event.line, event.value) for event in log.all(key))
    for event in log.all("experiment"):
        yield "`sha256` of `experiment`", event.line, event.metadata.get("sha256")
    for event, value in results(log):
        yield "`weights_sha256`", event.line, value.get("weights_sha256")
    scenes = log.all("scene_accuracy")
    masks = scenes.facts("mask_sha256")
    for mask in {mask for mask in masks if isinstance(mask, str)}:
        if is_made_up(mask):
            yield "`mask_sha256`", scenes[masks.index(mask)].line, mask


def is_made_up(digest: object) -> bool:
    """Whether a text in the form of a digest is a repeated shorter text, or the digest of empty input."""
    if not isinstance(digest, str) or len(digest) not in (40, 64) or digest.strip("0123456789abcdef"):
        return False
    return digest in _OF_NOTHING or digest in (digest + digest)[1:-1]


@log_rule(
    "digest-plausible",
    clause="house",
    expected="the digest of a file, which has no pattern",
    remedy="log the digest that was computed, not a text in its place",
)
def digest_plausible(log: Log) -> Iterator[Problem]:
    """No digest may be a text in its place: zeros, a few characters again and again, or the digest of no
    bytes at all."""
    for name, line, digest in _stated(log):
        if is_made_up(digest):
            yield problem(f"{name} {excerpt(str(digest))}", line)


@log_rule(
    "mask-digest",
    clause="house",
    expected="`mask_sha256` of 64 hexadecimal digits on every scene, or on none (older logs)",
    remedy="log the digest of every mask that was scored",
)
def mask_digest(log: Log) -> Iterator[Problem]:
    """The digests of the masks must be stated for all scenes or for none, each a sha256."""
    scenes = log.all("scene_accuracy")
    stated = ["mask_sha256" in metadata for metadata in scenes.metadata]
    if not any(stated):
        return
    if missing := len(stated) - sum(stated):
        first = scenes[stated.index(False)]
        yield problem(f"{count(missing, 'scene')} of {len(stated)} without one", first.line)
    digests = scenes.facts("mask_sha256")
    wrong = (is_stated and not is_digest(each) for is_stated, each in zip(stated, digests, strict=True))
    for event in scenes.where(wrong):
        yield problem(f"`mask_sha256` {show(event.metadata['mask_sha256'])}", event.line)


@log_rule(
    "mask-own",
    severity="warning",
    clause="P-same-fashion, T-open-eval-data",
    expected="a separate mask for every scene",
    remedy="score each scene by the mask that was predicted for it; look at both where they are overcast",
)
def mask_own(log: Log) -> Iterator[Problem]:
    """No two scenes should have the same mask. The rule skips masks that are clear or cloudy everywhere,
    but two overcast scenes with the same border may share a mask."""
    scenes = log.sound("scene_accuracy")
    digests = scenes.facts("mask_sha256")
    varied = varied_masks(scenes.facts("pixels"), digests)
    if len(set(varied)) == len(varied):
        return
    known, first = set(varied), dict[str, str]()
    for event, digest in zip(scenes, digests, strict=True):
        if digest in first:
            yield problem(f"the mask of {first[digest]}", event.line)
        elif digest in known:
            first[digest] = show(event.metadata["scene"])
