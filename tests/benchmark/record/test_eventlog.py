"""The vocabulary and the emitter."""

from __future__ import annotations

import time

import pytest
from mlperf_logging.mllog import constants

from benchmark.record import eventlog, events
from benchmark.record.eventlog import EventLog, keep_log
from benchmark.record.events import BY_KEY, EVENTS, POINT, START, STOP
from benchmark.record.stopwatch import write_timers
from tests.support.project import read_events


@pytest.fixture
def log(tmp_path):
    log = EventLog(tmp_path / "result.txt")
    yield log
    log.close()


def test_names_of_the_vocabulary_are_those_of_mllog():
    known = {value for name, value in vars(constants).items() if name.isupper() and isinstance(value, str)}
    ours = {
        # of the Science rules: submit.adoc and policy.adoc
        *("submissiom_version", "submission_version", "submission_github_commit_version", "result"),
        *("patch_size", "crop_size", "min_sst", "train_split", "split_seed", "epochs", "quality_target"),
        # of the HPC rules
        *("number_of_nodes", "accelerators_per_node", "number_of_ranks", "local_batch_size"),
        # of this benchmark
        *("data_kind", "config_digest", "early_stopping_patience", "early_stop", "precision"),
        *(
            "rules_edition",
            "data_location",
            "batch_size",
            "learning_rate",
            "augmentation",
            "run_resumed",
            "epoch_energy",
            "whole_scene_agreement",
        ),
        *("skipped_scene", "test_samples", "train_loss", "train_accuracy", "eval_loss", "test_accuracy"),
        *("inference_start", "inference_stop", "scene_accuracy"),
        *("method", "method_kind", "method_source", "method_sha256", "method_options", "training_margin"),
        "experiment",
        *("opt_amsgrad", "opt_sgd_momentum", "opt_sgd_nesterov"),
        *("baselines_start", "baselines_stop", "baseline_accuracy"),
    }
    assert {event.key for event in EVENTS} - known == ours
    assert (POINT, START, STOP) == (constants.POINT_IN_TIME, constants.INTERVAL_START, constants.INTERVAL_END)
    assert set(events.OUTCOMES) == {constants.SUCCESS, constants.ABORTED}
    assert BY_KEY["epoch_start"].metadata == {constants.EPOCH_NUM: "integer"}


def test_every_interval_of_the_vocabulary_has_both_ends():
    for start, stop in events.INTERVALS.items():
        assert (BY_KEY[start].kind, BY_KEY[stop].kind) == (START, STOP)


def test_an_event_is_a_line_of_mllog_with_a_caller_relative_to_the_package(log, tmp_path):
    log.event("seed", 7)
    (line,) = (tmp_path / "result.txt").read_text().splitlines()
    assert line.startswith(':::MLLOG {"namespace": "", "time_ms": 1')
    (event,) = read_events(tmp_path / "result.txt")
    assert (event["key"], event["value"], event["event_type"]) == ("seed", 7, "POINT_IN_TIME")
    assert event["metadata"]["file"] == "tests/benchmark/record/test_eventlog.py"
    assert list(event) == ["namespace", "time_ms", "event_type", "key", "value", "metadata"]


def test_an_interval_has_a_start_and_a_stop_that_name_the_caller(log, tmp_path):
    with log.interval("staging") as staging:
        staging.at_stop |= {"scenes": 2, "patches": 40, "filled": 0, "reused": 0}
    log.start("run")
    log.stop("run", status="success")
    found = read_events(tmp_path / "result.txt")
    assert [event["key"] for event in found] == ["staging_start", "staging_stop", "run_start", "run_stop"]
    assert {event["metadata"]["file"] for event in found} == {"tests/benchmark/record/test_eventlog.py"}
    assert found[1]["metadata"]["patches"] == 40


def test_an_interval_tells_its_length_by_the_times_of_the_log(log, tmp_path):
    lengths = []
    for number in (1, 2):
        with log.interval("epoch", epoch_num=number) as epoch:
            assert log.intervals["epoch"][-1][1] is None
            time.sleep(0.005 * number)
        lengths.append(epoch.seconds)
    times = [event["time_ms"] for event in read_events(tmp_path / "result.txt")]
    assert log.intervals == {"epoch": [(times[0], times[1]), (times[2], times[3])]}
    assert lengths == [(times[1] - times[0]) / 1000, (times[3] - times[2]) / 1000]
    assert log.seconds("epoch") == (times[1] - times[0] + times[3] - times[2]) / 1000


def set_clock(monkeypatch, milliseconds):
    """Set the node's clock, which no test may, as the log sees it."""
    real = eventlog._clock_ms
    monkeypatch.setattr(eventlog, "_clock_ms", lambda: real() + milliseconds)


@pytest.mark.parametrize("milliseconds", [-3_600_000, 7200_000])
def test_a_clock_that_is_set_changes_no_time_and_the_log_says_so(log, tmp_path, monkeypatch, milliseconds):
    log.start("run")
    with log.interval("epoch", epoch_num=1) as epoch:
        set_clock(monkeypatch, milliseconds)
    log.stop("run", status="success")
    assert 0 <= epoch.seconds < 60
    assert 0 <= log.seconds("run") < 60
    found = read_events(tmp_path / "result.txt")
    times = [event["time_ms"] for event in found]
    assert times == sorted(times)
    assert times[-1] - times[0] < 60_000
    assert abs(found[-1]["metadata"]["clock_set_ms"] - milliseconds) < 1000


def test_a_clock_that_runs_on_is_not_mentioned(log, tmp_path, monkeypatch):
    log.start("run")
    set_clock(monkeypatch, 400)  # as NTP corrects it
    log.abort("x")
    assert "clock_set_ms" not in read_events(tmp_path / "result.txt")[-1]["metadata"]
    assert log.clock_set_ms() == 0


def test_a_log_is_continued_after_its_last_time_though_the_clock_was_set_back(log, tmp_path, monkeypatch):
    path = tmp_path / "result.txt"
    log.event("seed", 1)
    log.start("run")
    position, made = log.position(), log.now_ms()
    set_clock(monkeypatch, -3_600_000)
    resumed = EventLog(path, keep_log(path, *position, epoch=0, step=0, time_ms=made))
    resumed.skip(but=0)
    resumed.stop("run", status="success")
    resumed.close()
    found = read_events(path)
    assert [event["key"] for event in found] == ["seed", "run_start", "run_resumed", "run_stop"]
    times = [event["time_ms"] for event in found]
    assert times == sorted(times)
    assert 0 <= found[2]["metadata"]["lost_ms"] <= times[2] - times[1]
    assert abs(found[3]["metadata"]["clock_set_ms"] + 3_600_000) < 60_000


def test_nothing_is_logged_after_the_end_of_a_run(log, tmp_path):
    log.start("run")
    log.stop("run", status="success")
    log.abort("PermissionError: timers.txt")
    found = read_events(tmp_path / "result.txt")
    assert [event["key"] for event in found] == ["run_start", "run_stop"]
    assert found[-1]["metadata"]["status"] == "success"


def test_an_exception_leaves_the_interval_open(log, tmp_path):
    with pytest.raises(RuntimeError), log.interval("init"):
        raise RuntimeError
    assert [event["key"] for event in read_events(tmp_path / "result.txt")] == ["init_start"]
    ((_, stop_ms),) = log.intervals["init"]
    assert stop_ms is None


def test_the_stopwatch_has_a_row_for_each_interval_with_its_last_use_and_the_sum(tmp_path):
    second = 1_700_000_000_000
    intervals = {
        "init": [(second, second + 1500)],
        "run": [(second + 2000, None)],
        "epoch": [(second + 3000, second + 4000), (second + 5000, second + 5250)],
    }
    for _ in range(2):  # nothing is left of another run of this process
        write_timers(tmp_path / "timers.txt", intervals, second + 9000)
    lines = [line for line in (tmp_path / "timers.txt").read_text().splitlines() if line.startswith("# csv,")]
    rows = [line.split(",")[1:5] for line in lines]
    assert rows[0] == ["timer", "status", "time", "sum"]
    assert rows[1] == ["load", "ok", "1.5", "1.5"]
    assert rows[2][:2] == ["total", "ok"]
    assert float(rows[2][2]) == float(rows[2][3]) == 7
    assert rows[3] == ["training", "ok", "0.25", "1.25"]


def test_an_interval_that_never_began_is_not_ended(log):
    log.abort("before the clock")
    assert log.intervals == {}


@pytest.mark.parametrize(
    ("key", "value", "metadata", "told"),
    [
        ("sead", 1, {}, "not in the vocabulary"),
        ("run_start", None, {}, "kind POINT_IN_TIME is not in the vocabulary"),
        ("seed", "1", {}, "not of type integer"),
        ("seed", True, {}, "not of type integer"),
        ("eval_loss", 0.5, {}, "metadata 'epoch_num' must be of type integer"),
        ("eval_loss", 0.5, {"epoch_num": 1.0}, "metadata 'epoch_num' must be of type integer"),
        ("eval_loss", float("nan"), {"epoch_num": 1}, "Out of range float"),
        ("result", {"value": float("inf")}, {}, "Out of range float"),
    ],
)
def test_what_the_vocabulary_does_not_describe_is_refused_and_not_written(
    log, tmp_path, key, value, metadata, told
):
    with pytest.raises(ValueError, match=told):
        log.event(key, value, **metadata)
    assert (tmp_path / "result.txt").read_text() == ""


def test_an_existing_log_is_never_appended_to(log, tmp_path):
    with pytest.raises(FileExistsError):
        EventLog(tmp_path / "result.txt")


def test_a_write_that_fails_is_raised(log, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        log.event("seed", 1)
