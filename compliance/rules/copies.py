"""Rules on runs of a set that are copies of each other, identical or with changed digits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from compliance.registry import Problem, problem, set_rule
from compliance.rules.series import groups, series_in
from compliance.subjects.log import Log, outcome_of
from compliance.subjects.result_fields import lookup, results

#: Losses of two seeds differ by about a hundredth. They are alike if at least half of them, and at least
#: LEAST_ALIKE, differ by a share of less than ALIKE; if there are fewer, all by less than EXACTLY.
ALIKE, LEAST_ALIKE, EXACTLY = 1e-4, 6, 1e-7
#: One mask may equal that of another seed, such as that of an overcast scene; half of them, and two, do not.
LEAST_MASKS = 2
#: Each run is compared with at most this many others, those with the nearest first losses.
NEIGHBOURS = 8


def _weights(log: Log) -> str | None:
    """Return the digest of the weights that a run scored with."""
    for _, value in results(log):
        digest = lookup(value, "weights_sha256")
        return digest if isinstance(digest, str) else None
    return None


#: What no two seeds share, and its description.
_TRAITS: tuple[tuple[Callable[[Log], str | None], str], ...] = (
    (_weights, "weights_sha256"),
    (lambda log: outcome_of(log).digest, "losses and accuracies"),
    (lambda log: outcome_of(log).pace, "times of epochs and evaluations, to the millisecond,"),
)


@set_rule(
    "set-near-identical",
    clause="T-runs",
    expected="other weights, losses, masks and times for every seed",
    remedy="find out why the seed changed nothing; a log with an edited seed is no run",
)
def set_near_identical(logs: Sequence[Log]) -> Iterator[Problem]:
    """Runs with different seeds must not have the same weights, losses, masks or times. The seed decides the
    initial weights and the order of the patches, so equal outcomes show a copied run, even if some of its
    digits were changed. A method that is fitted once does not depend on a seed."""
    seeded = [log for log in logs if log.completed and log.text("method_kind") != "fitted"]
    reported: set[str] = set()
    for log, found in (*_equal(seeded), *_alike(seeded), *_of_masks(seeded)):
        if log.path not in reported:
            reported.add(log.path)
            event = log.first("result") or log.events[-1]
            yield problem(f"{found} under another seed", event.line, path=log.path)


def _equal(logs: Sequence[Log]) -> Iterator[tuple[Log, str]]:
    """Yield runs with the same weights, the same measurements or the same times as another."""
    for trait, what in _TRAITS:
        for first, *others in groups((log, trait(log)) for log in logs):
            for log in others:
                if log.integer("seed") != first.integer("seed"):
                    yield log, f"{what} of {first.path}"


def _alike(logs: Sequence[Log]) -> Iterator[tuple[Log, str]]:
    """Yield runs of a series whose losses equal another's except for the last digits."""
    for series in series_in(logs):
        trained = [
            (outcome_of(log).losses[0], place) for place, log in enumerate(series) if outcome_of(log).losses
        ]
        ordered = [place for _, place in sorted(trained)]
        for number, place in enumerate(ordered):
            for neighbour in islice(ordered, number + 1, number + 1 + NEIGHBOURS):
                first, log = (series[each] for each in sorted((place, neighbour)))
                if log.integer("seed") != first.integer("seed") and (alike := _likeness(first, log)):
                    yield log, f"{alike} losses of {first.path}, to the last digits,"


def _likeness(one: Log, other: Log) -> int:
    """Count the losses of two runs that are alike; return 0 if that may be chance."""
    pairs = list(zip(outcome_of(one).losses, outcome_of(other).losses, strict=False))
    few = len(pairs) < LEAST_ALIKE
    number = sum(math.isclose(a, b, rel_tol=EXACTLY if few else ALIKE) for a, b in pairs)
    needed = len(pairs) if few else max(LEAST_ALIKE, len(pairs) / 2)
    return number if number >= needed else 0


def _of_masks(logs: Sequence[Log]) -> Iterator[tuple[Log, str]]:
    """Yield runs that share at least half of their masks with another."""
    first: dict[int, Log] = {}
    for log in logs:
        masks = outcome_of(log).masks
        shared = Counter(
            known.path
            for mask in masks
            if (known := first.get(mask)) and known.integer("seed") != log.integer("seed")
        )
        for path, number in shared.most_common(1):
            if number >= max(LEAST_MASKS, len(masks) / 2):
                yield log, f"{number} of {len(masks)} masks of {path}"
        for mask in masks:
            first.setdefault(mask, log)
