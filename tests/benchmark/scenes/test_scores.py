"""Scores from counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmark.scenes.scores import Confusion, confusion

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(*(arrays.arrays(np.uint8, shape, elements=st.integers(0, 1)) for _ in range(3)))
)


@given(masks)
def test_counts_are_those_of_a_loop_over_pixels(trio):
    mask, reference, where = trio
    found = confusion(mask, reference, where.astype(bool))
    pairs = [(int(m), int(r)) for m, r, w in zip(mask.flat, reference.flat, where.flat, strict=True) if w]
    assert found == Confusion(*(pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0))))
    assert found.pixels == len(pairs)
    assert found.correct == sum(m == r for m, r in pairs)


def test_scores_of_a_mask_worked_out_by_hand():
    scores = Confusion(true_positive=6, false_positive=2, false_negative=4, true_negative=8).scores()
    assert scores == {
        "true_positive": 6,
        "false_positive": 2,
        "false_negative": 4,
        "true_negative": 8,
        "accuracy": 14 / 20,
        "kuiper_skill": 6 / 10 - 2 / 10,
        "iou": 6 / 12,
        "f1": 12 / 18,
        "precision": 6 / 8,
        "recall": 6 / 10,
    }


def test_scores_that_are_undefined_are_none():
    scores = Confusion(true_negative=5).scores()
    assert scores["accuracy"] == 1
    assert [scores[name] for name in ("kuiper_skill", "iou", "f1", "precision", "recall")] == [None] * 5
    assert Confusion().scores()["accuracy"] is None


def test_a_constant_mask_has_no_skill():
    assert Confusion(true_positive=81, false_positive=19).scores()["kuiper_skill"] == 0


def test_counts_of_scenes_add_up():
    assert Confusion(1, 2, 3, 4) + Confusion(10, 20, 30, 40) == Confusion(11, 22, 33, 44)
