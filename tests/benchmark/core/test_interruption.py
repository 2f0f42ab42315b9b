"""Signals, and a log that continues where a checkpoint was made."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator

import pytest

from benchmark.core.errors import RunError
from benchmark.core.interruption import EXIT_RESUMABLE, SIGNALS, Interrupted, Interruption
from benchmark.record.eventlog import EventLog, keep_beginning, keep_log
from tests.support.project import read_events


@pytest.fixture
def interruption(hangup_ends):
    told = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    interruption = Interruption(told.append)
    interruption.told = told
    interruption.install()
    yield interruption
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, EXIT_RESUMABLE), (signal.SIGUSR1, EXIT_RESUMABLE), (signal.SIGINT, 130)],
)
def test_a_signal_raises_where_nothing_defers_it(interruption, number, status):
    with pytest.raises(Interrupted, match=signal.Signals(number).name) as caught:
        send(number)
    assert caught.value.exit_status == status


def deferring(interruption: Interruption, *numbers: int, error: Exception | None = None) -> Iterator[int]:
    """Send signals while they are deferred; gives the number of each that did not raise."""
    with interruption.deferred():
        for number in numbers:
            send(number)
            yield number
        if error:
            raise error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_that_arrives_twice_is_one_request(interruption, number):
    signals = deferring(interruption, number, number, number)
    assert [next(signals), next(signals), next(signals)] == [number] * 3
    assert len(interruption.told) == 1


@pytest.mark.parametrize(
    ("numbers", "seconds"),
    [
        ((signal.SIGTERM, signal.SIGTERM), 0.0),
        ((signal.SIGINT, signal.SIGINT), 5.0),
        ((signal.SIGUSR1, signal.SIGTERM), 5.0),
    ],
    ids=("later", "by a person", "another"),
)
def test_a_second_request_ends_the_run_at_once(interruption, monkeypatch, numbers, seconds):
    monkeypatch.setattr("benchmark.core.interruption.ECHO_SECONDS", seconds)
    signals = deferring(interruption, *numbers)
    next(signals)
    with pytest.raises(Interrupted, match=signal.Signals(numbers[1]).name):
        next(signals)


def test_a_run_under_nohup_outlives_its_terminal():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Interruption().install()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_deferred_signal_is_noted_reported_and_raised_at_the_end(interruption):
    signals = deferring(interruption, signal.SIGUSR1)
    assert next(signals) == interruption.requested == signal.SIGUSR1
    assert interruption.told == ["SIGUSR1: stopping at the next checkpoint; again to stop at once"]
    with pytest.raises(Interrupted, match="SIGUSR1"):
        next(signals)


def test_a_second_signal_does_not_wait(interruption):
    signals = deferring(interruption, signal.SIGTERM, signal.SIGINT)
    assert next(signals) == signal.SIGTERM
    with pytest.raises(Interrupted, match="SIGINT"):
        next(signals)


def test_an_error_within_the_block_goes_before_the_signal(interruption):
    signals = deferring(interruption, signal.SIGTERM, error=ValueError("first"))
    assert next(signals) == signal.SIGTERM
    with pytest.raises(ValueError, match="first"):
        next(signals)


def test_signals_taken_by_a_library_are_taken_back_only_if_they_were_ours(interruption):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Interruption().reinstall()
    send(signal.SIGTERM)
    interruption.reinstall()
    with pytest.raises(Interrupted):
        send(signal.SIGTERM)


# ---- the log


def tell(log: EventLog, until: str = "") -> None:
    """A short story, up to an event of the log."""
    log.event("seed", 7)
    log.start("run")
    with log.interval("staging") as staging:
        if until == "staging":
            return
        staging.at_stop |= {"scenes": 2, "patches": 40, "filled": 0, "reused": 0}
    log.event("train_samples", 40)


def epoch(log: EventLog, number: int) -> None:
    with log.interval("epoch", epoch_num=number):
        log.event("train_loss", 0.5, epoch_num=number)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.txt"


def keys(path) -> list[str]:
    return [event["key"] for event in read_events(path)]


def test_a_log_continues_where_the_checkpoint_was_made(path):
    log = EventLog(path)
    tell(log)
    epoch(log, 1)
    size, digest = log.position()
    epoch(log, 2)
    log.close()
    before = path.read_bytes()
    time_ms = read_events(path)[5]["time_ms"]
    kept = keep_log(path, size, digest, epoch=1, step=0, time_ms=time_ms - 5000)
    assert path.read_bytes() == before[:size]
    log = EventLog(path, kept)
    tell(log)
    assert path.read_bytes() == before[:size]
    log.skip(but=0)
    epoch(log, 2)
    log.close()
    assert keys(path) == [
        "seed",
        "run_start",
        "staging_start",
        "staging_stop",
        "train_samples",
        "epoch_start",
        "train_loss",
        "epoch_stop",
        "run_resumed",
        "epoch_start",
        "train_loss",
        "epoch_stop",
    ]
    resumed = read_events(path)[8]
    assert resumed["value"] == 1
    assert resumed["metadata"]["file"] == "tests/benchmark/core/test_interruption.py"
    assert (resumed["metadata"]["epochs"], resumed["metadata"]["step"]) == (1, 0)
    assert resumed["metadata"]["lost_ms"] >= 5000


def test_an_epoch_under_way_is_not_started_again(path):
    log = EventLog(path)
    tell(log)
    log._log("INTERVAL_START", "epoch_start", None, {"epoch_num": 1}, stack_offset=3)
    position = log.position()
    log.event("train_loss", 0.25, epoch_num=1)
    log.close()
    started = read_events(path)[5]["time_ms"]
    log = EventLog(path, keep_log(path, *position, epoch=0, step=3, time_ms=started))
    tell(log)
    log.skip(but=1)
    epoch(log, 1)
    log.close()
    assert keys(path)[5:] == ["epoch_start", "run_resumed", "train_loss", "epoch_stop"]
    stopped = read_events(path)[-1]["time_ms"]
    assert log.intervals["epoch"] == [(started, stopped)]
    assert log.seconds("epoch") == (stopped - started) / 1000
    assert log.seconds("run") >= (stopped - read_events(path)[1]["time_ms"]) / 1000


def test_an_epoch_that_is_interrupted_twice_has_one_start_and_two_marks(path):
    log = EventLog(path)
    tell(log)
    log._log("INTERVAL_START", "epoch_start", None, {"epoch_num": 1}, stack_offset=3)
    for step in (3, 5):
        position = log.position()
        log.close()
        log = EventLog(path, keep_log(path, *position, epoch=0, step=step, time_ms=0))
        tell(log)
        log.skip(but=1)
        log._log("INTERVAL_START", "epoch_start", None, {"epoch_num": 1}, stack_offset=3)
    log.stop("epoch", epoch_num=1)
    log.close()
    assert keys(path)[5:] == ["epoch_start", "run_resumed", "run_resumed", "epoch_stop"]
    marks = [event for event in read_events(path) if event["key"] == "run_resumed"]
    assert [(mark["value"], mark["metadata"]["step"]) for mark in marks] == [(1, 3), (2, 5)]


def test_resumptions_are_counted_even_where_they_are_cut_off(path):
    log = EventLog(path)
    tell(log)
    position = log.position()
    log.close()
    for resumed in range(3):
        log = EventLog(path, keep_log(path, *position, epoch=0, step=0, time_ms=0))
        tell(log)
        log.skip(but=0)
        if resumed == 0:
            with path.open("ab") as file:
                file.write(b':::MLLOG {"key": "run_resumed", "value": 9')  # torn by a kill
        log.close()
    assert [event["value"] for event in read_events(path) if event["key"] == "run_resumed"] == [3]


def test_a_run_killed_in_staging_keeps_its_clock(path):
    log = EventLog(path)
    tell(log)
    log.close()
    first = read_events(path)
    log = EventLog(path, keep_beginning(path))
    tell(log)
    log.close()
    assert keys(path) == [
        "seed",
        "run_start",
        "staging_start",
        "run_resumed",
        "staging_stop",
        "train_samples",
    ]
    assert read_events(path)[:3] == first[:3]
    log = EventLog(path, keep_beginning(path))  # once more: the mark itself is no part of the story
    tell(log)
    log.close()
    assert [event["value"] for event in read_events(path) if event["key"] == "run_resumed"] == [2]


@pytest.mark.parametrize("content", [b"", b':::MLLOG {"key": "seed"}\n', b':::MLLOG {"key": "staging_start"'])
def test_nothing_is_kept_of_a_run_that_had_not_come_to_staging(path, content):
    assert keep_beginning(path) is None
    path.write_bytes(content)
    assert keep_beginning(path) is None
    assert path.read_bytes() == content


def test_a_log_that_was_changed_does_not_go_on(path):
    log = EventLog(path)
    tell(log)
    size, digest = log.position()
    log.close()
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    text = path.read_text().replace('"value": 40', '"value": 41')
    path.write_text(text)
    with pytest.raises(RunError, match="a log that does not match the one saved") as caught:
        keep_log(path, size, digest, 0, 0, 0)
    assert "start again without --resume" in caught.value.remedy
    assert path.read_text() == text


def test_another_run_does_not_go_on_in_this_ones_log(path):
    log = EventLog(path)
    tell(log)
    position = log.position()
    log.close()
    log = EventLog(path, keep_log(path, *position, 0, 0, 0))
    with pytest.raises(RunError, match=r"found: +seed 8 of the run to resume") as caught:
        log.event("seed", 8)
    log.close()
    assert caught.value.expected == "seed 7, as it was before"


def test_an_abort_ends_the_log_even_in_the_middle_of_what_was_kept(path):
    log = EventLog(path)
    tell(log)
    position = log.position()
    log.close()
    log = EventLog(path, keep_log(path, *position, 0, 0, 0))
    log.event("seed", 7)
    log.abort("RunError: something")
    log.close()
    last = read_events(path)[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
    assert last["metadata"]["reason"] == "RunError: something"
    assert last["metadata"]["file"] == "tests/benchmark/core/test_interruption.py"


def test_a_worker_that_is_not_the_chief_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = EventLog(None)
    tell(log)
    log.skip(but=0)
    assert log.position()[0] == 0
    with pytest.raises(ValueError, match="not in the vocabulary"):
        log.event("no_such_key", 1)
    log.close()
    assert list(tmp_path.iterdir()) == []
