"""What no single event shows: each contradiction is found by its rule, and by no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.errors import ConfigError
from benchmark.methods.interface import cross_entropy
from benchmark.methods.kappamask import cross_entropy_of_both
from benchmark.methods.loading import SHIPPED, load_method
from benchmark.record.masks import mask_digest
from compliance import registry
from compliance.finding import Finding
from compliance.rules import own_rules
from compliance.rules.plausible.losses import CLIP, bounds, cross_entropy_share
from compliance.rules.plausible.rates import OPERATIONS_PER_PIXEL, PARAMETERS
from compliance.subjects.log import condense
from compliance.subjects.sets.outcome import constant_masks
from tests.support.contradictions.consistent_changes import with_masks
from tests.support.contradictions.of_logs import contradictions
from tests.support.contradictions.of_sets import (
    CONTRADICTIONS,
    GOOD,
    Contradiction,
    Set,
    as_seed,
    with_digits,
)
from tests.support.defects.general.method import of_kind, stated
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, findings, parsed
from tests.support.logs.log_edits import (
    fields_of,
    renumbered,
    retimed,
    value_of,
    with_metadata,
    with_value,
    without_epoch,
)

NETWORKS = [name for name in SHIPPED if load_method(name, {}).kind == "network"]


def found(logs: Set) -> list[Finding]:
    """What is found in the logs one by one, and in all of them as a set."""
    read = [parsed(text, path) for path, text in logs.items()]
    of_logs = [finding for log in read for finding in registry.run("log", log, own_rules())]
    return of_logs + registry.run("set", [condense(log) for log in read], own_rules())


def test_there_are_at_least_ninety_kinds_and_each_has_its_own_name() -> None:
    names = [each.name for each in (*contradictions(), *CONTRADICTIONS)]
    assert len(set(names)) == len(names) >= 90


@pytest.mark.parametrize("name", GOOD)
def test_nothing_but_an_aborted_run_is_found_in_a_good_set(name: str) -> None:
    assert {finding.rule for finding in found(GOOD[name])} == (
        {"run-success"} if "aborted" in name else set()
    )


@pytest.mark.parametrize("case", CONTRADICTIONS, ids=lambda case: case.name)
def test_a_contradiction_in_a_set_is_found_by_its_rule_at_its_place_and_by_no_other(
    case: Contradiction,
) -> None:
    assert [(finding.rule, finding.path) for finding in found(case.logs)] == [(case.rule, case.at)]


def of_set(*texts: str) -> list[tuple[str, str]]:
    """What the rules on sets find in the logs of runs of one series: rules and what they say."""
    logs = [condense(parsed(text, f"logs/a-seed-{number}/result.txt")) for number, text in enumerate(texts)]
    return [(finding.rule, finding.found) for finding in registry.run("set", logs, own_rules())]


def test_runs_of_a_method_that_depends_on_no_seed_may_be_alike() -> None:
    text = of_kind(COMPLETED, "fitted")
    assert of_set(text, as_seed(text, 2)) == []


def slowed(text: str, factor: int) -> str:
    """The text with everything from init on so many times as slow."""
    begin = fields_of(text, "init_start")["time_ms"]
    return retimed(text, lambda _, time: begin + factor * (time - begin) if time > begin else time)


def test_times_that_are_another_runs_to_the_millisecond_show_a_copy_if_there_are_enough_of_a_second() -> None:
    # four epochs of 4 s with evaluations of half a second; other losses for the other seed
    other = with_digits(as_seed(EARLY_STOPPED, 2), 0.01)
    assert of_set(EARLY_STOPPED, other) == []
    said = (
        "times of epochs and evaluations, to the millisecond, of logs/a-seed-0/result.txt under another seed"
    )
    assert of_set(slowed(EARLY_STOPPED, 3), slowed(other, 3)) == [("set-near-identical", said)]
    assert of_set(slowed(EARLY_STOPPED, 3), slowed(other, 4)) == []


def test_losses_that_agree_by_chance_show_no_copy() -> None:
    other = with_digits(as_seed(COMPLETED, 2), 0.01)
    assert of_set(COMPLETED, other) == []
    same = value_of(COMPLETED, "eval_loss", 1)
    assert of_set(COMPLETED, with_value(other, "eval_loss", same, 1)) == []


def test_runs_of_one_epoch_are_compared_to_the_last_digits() -> None:
    text = with_value(without_epoch(without_epoch(COMPLETED, 0), 0), "epochs", 1)
    text = renumbered(text, lambda _: 1)
    assert of_set(text, with_digits(as_seed(text, 2), 1e-6)) == []
    said = "2 losses of logs/a-seed-0/result.txt, to the last digits, under another seed"
    assert of_set(text, with_digits(as_seed(text, 2), 1e-9)) == [("set-near-identical", said)]


# ---- what the bounds are made of


@pytest.mark.parametrize("method", NETWORKS)
def test_the_loss_of_a_shipped_network_is_the_cross_entropy_that_the_rule_takes_it_for(method: str) -> None:
    for recipe in ("shared", "published"):
        try:
            loaded = load_method(method, {} if method == "unet" else {"recipe": recipe})
        except ConfigError:
            assert (method, recipe) == ("wieland", "published")
            continue
        loss = loaded.network.loss
        share = {cross_entropy: 1.0, cross_entropy_of_both: 0.5}.get(loss, 0.0)
        text = with_value(
            with_value(stated(COMPLETED), "method_source", loaded.source),
            "method_options",
            dict(loaded.options),
        )
        assert cross_entropy_share(parsed(text)) == share


def test_a_fitted_method_is_measured_by_its_cross_entropy_and_a_users_network_may_have_any_loss() -> None:
    assert cross_entropy_share(parsed(of_kind(COMPLETED, "fitted"))) == 1
    assert cross_entropy_share(parsed(with_value(stated(COMPLETED), "method_source", "mine.py"))) == 0


@given(
    probabilities=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=200),
    data=st.data(),
)
def test_no_prediction_has_a_loss_outside_of_the_bounds_of_its_accuracy(
    probabilities: list[float], data: st.DataObject
) -> None:
    probability = np.array(probabilities, np.float32)
    cloud = np.array(data.draw(st.lists(st.booleans(), min_size=len(probability), max_size=len(probability))))
    of_label = np.clip(np.where(cloud, probability, 1 - probability), np.float32(CLIP), np.float32(1 - CLIP))
    loss = float(-np.log(of_label).sum(dtype=np.float32)) / len(probability)
    accuracy = np.count_nonzero((probability > 0.5) == cloud) / len(probability)
    least, most = bounds(accuracy)
    assert least <= loss <= most


def test_the_bounds_are_reached_but_for_the_rounding() -> None:
    assert bounds(0.0)[0] == pytest.approx(0.99 * np.log(2))
    assert bounds(0.0)[1] == pytest.approx(1.01 * -np.log(1e-7))
    assert bounds(1.0)[0] == pytest.approx(0.99e-7)
    assert bounds(1.0)[1] == pytest.approx(1.01 * np.log(2))


@pytest.mark.parametrize("pixels", [1, 7, 8, 9, 1200 * 1500])
def test_the_digests_of_masks_that_say_the_same_everywhere_are_those_that_a_run_logs(pixels: int) -> None:
    masks = (np.full((1, pixels), value, np.uint8) for value in (0, 1))
    assert constant_masks(pixels) == {mask_digest(mask) for mask in masks}


def test_scenes_that_are_clear_or_cloudy_everywhere_may_share_a_mask() -> None:
    text = with_masks(COMPLETED)
    for mask in sorted(constant_masks(1_800_000)):
        for number in (0, 1):
            text = with_metadata(text, "scene_accuracy", number, mask_sha256=mask)
        assert findings(text) == []


def test_the_size_of_the_reference_is_that_of_its_network() -> None:
    # TensorFlow, only where a network is built
    from benchmark.compute.operations import forward_operations

    model = load_method("unet", {}).network.build((64, 64, 9))
    assert model.count_params() == PARAMETERS
    assert forward_operations(model) == OPERATIONS_PER_PIXEL * 64 * 64
