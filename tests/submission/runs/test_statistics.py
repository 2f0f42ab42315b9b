"""Statistics: each number computed a second time, from the lines of the logs and from textbooks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.subjects.parse import read_log
from submission.runs.statistics import RunSummary, intervals, olympic_mean, spread, student_t, summarise
from tests.support.runs.hand_runs import Lines, accuracy, log_lines
from tests.support.runs.run_changes import aborted, stopped_early, with_energy

COMMIT, DIGEST = "0" * 40, "1" * 64


def written(folder: Path, lines: Lines) -> Path:
    path = folder / "result.txt"
    path.write_text("".join(f":::MLLOG {json.dumps(line)}\n" for line in lines))
    return path


def summary(folder: Path, lines: Lines) -> RunSummary:
    return summarise(read_log(written(folder, lines)))


def seconds(lines: Lines, start: str, stop: str) -> float:
    """From the first event of one key to the first of another."""
    times = {line["key"]: line["time_ms"] for line in reversed(lines)}
    return (times[stop] - times[start]) / 1000


# ---- of one run


def test_the_numbers_of_a_run_are_those_of_its_lines(tmp_path: Path) -> None:
    lines = log_lines(3, COMMIT, DIGEST)
    found = summary(tmp_path, lines)
    times = {(line["key"], line["metadata"].get("epoch_num")): line["time_ms"] / 1000 for line in lines}
    training = sum(times["epoch_stop", epoch] - times["epoch_start", epoch] for epoch in (1, 2))
    assert found == RunSummary(
        seed=3,
        epochs=2,
        best_epoch=2,
        stopped="all 2 epochs done",
        resumptions=0,
        reused=0,
        train_accuracy=0.9,
        eval_accuracy=0.875,
        test_accuracy=accuracy(3),
        target_epoch=None,
        seconds_to_target=None,
        seconds=seconds(lines, "run_start", "run_stop"),
        staging_seconds=seconds(lines, "staging_start", "staging_stop"),
        training_seconds=pytest.approx(training),
        evaluation_seconds=pytest.approx(
            sum(times["eval_stop", epoch] - times["eval_start", epoch] for epoch in (1, 2))
        ),
        inference_seconds=seconds(lines, "inference_start", "inference_stop"),
        seconds_per_epoch=pytest.approx(training / 2),
        seconds_per_scene=seconds(lines, "inference_start", "inference_stop") / 2,
        energy=None,
        energy_sources="",
    )


def test_the_target_is_reached_at_the_first_validation_accuracy_that_is_as_high(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    second = [line for line in lines if line["key"] == "eval_accuracy"][1]
    second["value"] = 0.9  # the target itself
    start = next(line for line in lines if line["key"] == "run_start")
    found = summary(tmp_path, lines)
    assert (found.target_epoch, found.seconds_to_target) == (2, (second["time_ms"] - start["time_ms"]) / 1000)


def test_a_run_below_the_target_has_no_time_to_it(tmp_path: Path) -> None:
    found = summary(tmp_path, log_lines(1, COMMIT, DIGEST))
    assert (found.target_epoch, found.seconds_to_target) == (None, None)


def test_a_run_that_stopped_early_says_why_and_its_best_epoch_is_not_its_last(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    stopped_early(lines)
    found = summary(tmp_path, lines)
    assert (found.stopped, found.epochs, found.best_epoch) == (
        "patience of 1 epochs ran out",
        2,
        1,
    )


def test_an_aborted_run_has_its_reason_and_no_score(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    aborted(lines)
    found = summary(tmp_path, lines)
    assert (found.stopped, found.epochs, found.test_accuracy) == ("aborted: SIGTERM", 2, None)
    assert (found.seconds_per_scene, found.inference_seconds) == (None, 0)
    assert found.seconds == seconds(lines, "run_start", "run_stop")


def test_an_aborted_run_without_a_reason_says_so(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    aborted(lines)
    del lines[-1]["metadata"]["reason"]
    assert summary(tmp_path, lines).stopped == "aborted: no reason given"


@pytest.mark.parametrize("kept", range(0, 60, 3))
def test_a_log_that_just_ends_is_summed_up_as_far_as_it_goes(kept: int, tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)[:kept]
    found = summary(tmp_path, lines)
    assert found.stopped == "the log just ends"
    assert found.seconds is None
    assert found.epochs == sum(line["key"] == "epoch_stop" for line in lines)


def test_energy_is_the_sum_over_the_epochs_with_its_sources(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    with_energy(lines)
    found = summary(tmp_path, lines)
    assert (found.energy, found.energy_sources) == (1000 + 1500, "accelerators, cpu")


def test_energy_of_some_epochs_only_is_none(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    with_energy(lines)
    lines.remove(next(line for line in lines if line["key"] == "epoch_energy"))
    assert summary(tmp_path, lines).energy is None


def test_resumptions_are_counted(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    at = next(index for index, line in enumerate(lines) if line["key"] == "epoch_start")
    metadata = {**lines[at]["metadata"], "epochs": 0, "step": 3, "lost_ms": 5}
    resumed: dict[str, Any] = {"event_type": "POINT_IN_TIME", "key": "run_resumed", "metadata": metadata}
    lines[at:at] = [{**lines[at], **resumed, "value": count} for count in (1, 2)]
    assert summary(tmp_path, lines).resumptions == 2


def test_intervals_of_epochs_are_distinguished_by_their_numbers(tmp_path: Path) -> None:
    lines = log_lines(1, COMMIT, DIGEST)
    starts = [line["time_ms"] for line in lines if line["key"] == "epoch_start"]
    stops = [line["time_ms"] for line in lines if line["key"] == "epoch_stop"]
    log = read_log(written(tmp_path, lines))
    assert intervals(log, "epoch") == list(zip(starts, stops, strict=True))
    lines.remove(next(line for line in lines if line["key"] == "epoch_start"))
    assert intervals(read_log(written(tmp_path, lines)), "epoch") == [(starts[1], stops[1])]


# ---- of several runs


def test_five_runs_have_every_statistic() -> None:
    values = [0.884, 0.890, 0.885, 0.890, 0.896]  # the paper's
    found = spread(values)
    mean = sum(values) / 5
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / 4)
    assert (found.count, found.lowest, found.highest) == (5, 0.884, 0.896)
    assert found.mean == pytest.approx(0.889)
    assert found.deviation == pytest.approx(deviation)
    assert found.olympic_mean == pytest.approx((0.885 + 0.890 + 0.890) / 3)
    half = 2.776445 * deviation / math.sqrt(5)  # t of 4 degrees of freedom
    assert found.interval == pytest.approx((mean - half, mean + half), abs=1e-8)


def test_two_runs_have_no_olympic_mean_and_one_run_scatters_not_at_all() -> None:
    two = spread([0.5, 0.75])
    half = 12.706205 * math.sqrt(2 * 0.125**2) / math.sqrt(2)
    assert two.olympic_mean is None
    assert two.deviation == pytest.approx(math.sqrt(2) * 0.125)
    assert two.interval == pytest.approx((0.625 - half, 0.625 + half), abs=1e-6)
    one = spread([0.5])
    assert (one.mean, one.deviation, one.olympic_mean, one.interval) == (0.5, None, None, None)


@pytest.mark.parametrize(
    ("confidence", "degrees", "published"),
    [
        *((0.95, degrees, t) for degrees, t in ((1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571))),
        *((0.95, degrees, t) for degrees, t in ((9, 2.262), (10, 2.228), (30, 2.042), (120, 1.980))),
        *((0.90, degrees, t) for degrees, t in ((1, 6.314), (4, 2.132), (60, 1.671))),
        *((0.99, degrees, t) for degrees, t in ((1, 63.657), (4, 4.604), (29, 2.756))),
    ],
)
def test_students_t_is_that_of_the_printed_tables(confidence: float, degrees: int, published: float) -> None:
    assert round(student_t(confidence, degrees), 3) == published


@given(st.integers(1, 60), st.floats(0.05, 0.99))
def test_students_t_bounds_the_share_of_the_density_that_it_should(degrees: int, confidence: float) -> None:
    def density(angle: float) -> float:
        """Of Student's distribution, after t = sqrt(degrees) tan(angle)."""
        gammas = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
        return math.exp(gammas) / math.sqrt(math.pi) * math.cos(angle) ** (degrees - 1)

    end = math.atan(student_t(confidence, degrees) / math.sqrt(degrees))
    steps = 400  # Simpson's rule
    values = [density(end * step / steps) for step in range(steps + 1)]
    whole = values[0] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]) + values[-1]
    assert 2 * whole * end / steps / 3 == pytest.approx(confidence, abs=1e-7)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=9))
def test_the_olympic_mean_lies_between_the_extremes_and_ignores_them(values: list[float]) -> None:
    mean = olympic_mean(values)
    assert min(values) - 1e-12 <= mean <= max(values) + 1e-12
    low, high = values.index(min(values)), len(values) - 1 - values[::-1].index(max(values))
    changed = list(values)
    changed[low], changed[high] = min(values) - 5, max(values) + 5
    if low != high:
        assert olympic_mean(changed) == pytest.approx(mean)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(-1, 1))
def test_moving_all_runs_moves_their_interval_and_not_their_deviation(values: list[float], by: float) -> None:
    before, after = spread(values), spread([value + by for value in values])
    assert before.interval is not None
    assert after.interval == pytest.approx([bound + by for bound in before.interval], abs=1e-9)
    assert after.deviation == pytest.approx(before.deviation, abs=1e-9)
