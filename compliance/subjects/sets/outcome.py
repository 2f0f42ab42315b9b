"""What rules on sets ask of a run's epochs and scenes: kept where their events are not (`log.condense`)."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeGuard

import orjson

from benchmark.core.files import names_digest

#: More pixels than any scene has: a digest of so large a mask is not computed.
_MOST_PIXELS = 2**25
#: So many lengths of a second or more are the same to the millisecond in no two runs.
_LEAST_LENGTHS = 8


@dataclass(frozen=True)
class Outcome:
    """Losses, accuracies, scenes and masks of a run, in a few bytes for each."""

    #: Of every loss and accuracy; None where there are none.
    digest: str | None = None
    #: The training and the evaluation loss of each epoch in turn; empty where epochs are not in order.
    losses: array[float] = field(default_factory=lambda: array("d"))
    #: The sha256 of the lengths of all epochs and evaluations in milliseconds; None of too few of a second.
    pace: str | None = None
    #: The sha256 of the scenes' names without their ending; None where there are none.
    scenes: str | None = None
    #: The first 15 digits of the digests of masks that are neither all clear nor all cloud.
    masks: frozenset[int] = frozenset()


def outcome(
    measured: Sequence[Sequence[float]],
    losses: Sequence[Sequence[float]],
    lengths: Sequence[int],
    scenes: tuple[Sequence[str], Sequence[int], Sequence[object]],
) -> Outcome:
    """The outcome of a run: all that was measured, by kind; the losses of each epoch, by part; the lengths of
    epochs and evaluations; the names, the pixels and the digests of the masks of the scenes."""
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
    """The well-formed digests of masks, but for those of masks that are all clear or all cloud.

    All scenes have as many pixels as the first (else rule scene-pixels reports it).
    """
    constant = constant_masks(pixels[0]) if pixels else frozenset()
    return [digest for digest in digests if is_digest(digest) and digest not in constant]


def is_digest(text: object) -> TypeGuard[str]:
    """Whether something is a sha256: 64 hexadecimal digits."""
    return isinstance(text, str) and len(text) == 64 and not text.strip("0123456789abcdef")


@lru_cache(maxsize=8)
def constant_masks(pixels: int) -> frozenset[str]:
    """The digests of the two masks of so many pixels that say the same everywhere, at one bit a pixel."""
    if not 0 < pixels <= _MOST_PIXELS:
        return frozenset()
    whole, rest = divmod(pixels, 8)
    clear, cloud = bytes(whole + (rest > 0)), b"\xff" * whole
    if rest:
        cloud += bytes([0xFF00 >> rest & 0xFF])
    return frozenset(hashlib.sha256(mask).hexdigest() for mask in (clear, cloud))
