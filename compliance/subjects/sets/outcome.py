"""What set rules need of a run's epochs and scenes once their events are dropped (`log.condense`)."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeGuard

import orjson

from benchmark.core.files import names_digest

#: More pixels than any scene has; no digest of a larger mask is computed.
_MOST_PIXELS = 2**25
#: No two runs share this many lengths of at least a second to the millisecond.
_LEAST_LENGTHS = 8


@dataclass(frozen=True)
class Outcome:
    """Losses, accuracies, scenes and masks of a run, in a few bytes for each."""

    #: The sha256 of all losses and accuracies; None if there are none.
    digest: str | None = None
    #: The training and evaluation loss of each epoch in turn; empty if epochs are not in order.
    losses: array[float] = field(default_factory=lambda: array("d"))
    #: The sha256 of the lengths of all epochs and evaluations in ms; None if too few reach a second.
    pace: str | None = None
    #: The sha256 of the scenes' names without their suffix; None if there are none.
    scenes: str | None = None
    #: The first 15 digits of the digests of the masks that are neither all clear nor all cloud.
    masks: frozenset[int] = frozenset()


def outcome(
    measured: Sequence[Sequence[float]],
    losses: Sequence[Sequence[float]],
    lengths: Sequence[int],
    scenes: tuple[Sequence[str], Sequence[int], Sequence[object]],
) -> Outcome:
    """Compute the outcome of a run from its measurements by kind, its losses by part, the lengths of its
    epochs and evaluations, and the names, pixels and mask digests of its scenes."""
    names, pixels, digests = scenes
    varied = varied_masks(pixels, digests)
    has_pace = sum(length >= 1000 for length in lengths) >= _LEAST_LENGTHS
    return Outcome(
        hashlib.sha256(orjson.dumps(measured)).hexdigest() if any(measured) else None,
        array("d", (loss for epoch in zip(*losses, strict=True) for loss in epoch)),
        hashlib.sha256(repr(lengths).encode()).hexdigest() if has_pace else None,
        names_digest(name.removesuffix(".hdf") for name in names) if names else None,
        frozenset(int(digest[:15], 16) for digest in varied),
    )


def varied_masks(pixels: Sequence[int], digests: Collection[object]) -> list[str]:
    """Return the well-formed digests of masks, except those of masks that are all clear or all cloud.

    Assumes that all scenes have as many pixels as the first (rule scene-pixels reports others).
    """
    constant = constant_masks(pixels[0]) if pixels else frozenset()
    return [digest for digest in digests if is_digest(digest) and digest not in constant]


def is_digest(text: object) -> TypeGuard[str]:
    """Whether an object is a sha256: 64 hexadecimal digits."""
    return isinstance(text, str) and len(text) == 64 and not text.strip("0123456789abcdef")


@lru_cache(maxsize=8)
def constant_masks(pixels: int) -> frozenset[str]:
    """Return the digests of the all-clear and the all-cloud mask of a size, at one bit per pixel."""
    if not 0 < pixels <= _MOST_PIXELS:
        return frozenset()
    whole, rest = divmod(pixels, 8)
    clear, cloud = bytes(whole + (rest > 0)), b"\xff" * whole
    if rest:
        cloud += bytes([0xFF00 >> rest & 0xFF])
    return frozenset(hashlib.sha256(mask).hexdigest() for mask in (clear, cloud))
