"""Logs with wrong order and times: the timeline, the epochs, the end of training."""

from __future__ import annotations

import json

from tests.support.defects.defect import typed
from tests.support.logs.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    TOKEN,
    aborted,
    event,
    line_of,
    moved,
    upto,
    with_line,
    with_metadata,
    with_result,
    with_time,
    with_value,
    without,
)

LINES = COMPLETED.splitlines()
END = len(LINES)


def at(key: str, number: int = 0) -> int:
    return line_of(COMPLETED, key, number)


def early(key: str, number: int = 0) -> int:
    return line_of(EARLY_STOPPED, key, number)


def rescaled(factor: float) -> str:
    """Return the completed log with times in another unit."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    return "".join(TOKEN + json.dumps(e | {"time_ms": int(e["time_ms"] * factor)}) + "\n" for e in events)


def shifted(milliseconds: int) -> str:
    """Return the completed log at another date."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    return "".join(TOKEN + json.dumps(e | {"time_ms": e["time_ms"] + milliseconds}) + "\n" for e in events)


def slow_init(minutes: int) -> str:
    """Return the completed log with everything after init_start delayed by ``minutes``."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    late = [
        e | {"time_ms": e["time_ms"] + (minutes * 60_000 if n >= at("seed") else 0)}
        for n, e in enumerate(events, 1)
    ]
    return "".join(TOKEN + json.dumps(e) + "\n" for e in late)


def renumbered(epoch: int, new: int) -> str:
    """Return the completed log with another number for an epoch."""
    text = COMPLETED
    for line in range(1, END + 1):
        fields = event(text, line)
        if fields["metadata"].get("epoch_num") == epoch:
            fields["metadata"]["epoch_num"] = new
            text = with_line(text, line, TOKEN + json.dumps(fields))
    return text


TIME = [
    typed(
        "time-unit",
        with_time(COMPLETED, "seed", 1732428000),
        at("seed"),
        "1732428000, which is in seconds; 1 such time",
    ),
    typed("time-plausible", shifted(-(10**12)), 1, "time_ms an integer (732428000000); 179 such times"),
    typed("time-plausible", shifted(10**13), 1, "time_ms an integer (11732428000000); 179 such times"),
    typed(
        "time-order",
        with_time(COMPLETED, "train_loss", 1732428009000),
        at("train_loss"),
        f"330 ms before the event on line {at('epoch_start')}",
    ),
    typed(
        "clock-set",
        with_metadata(COMPLETED, "run_stop", clock_set_ms=-3_600_250),
        END,
        "clock_set_ms -3600250",
    ),
    typed("init-long", slow_init(31), at("init_stop"), "31.1 minutes"),
    typed("init-duration", slow_init(241), at("init_stop"), "241.1 minutes"),
    typed(
        "interval-length",
        with_time(COMPLETED, "eval_start", 1732428025231),
        at("eval_stop"),
        "0 ms from eval_start to eval_stop for 1310720 pixels",
        also=("result-timing", "time-order"),
    ),
]

RUN = [
    typed("run-stop", upto(COMPLETED, "submission_org"), 2, "the log ends after `submission_org`"),
    typed(
        "run-stop", upto(COMPLETED, "eval_start", 1), at("eval_start", 1), "the log ends after `eval_start`"
    ),
    typed(
        "run-success",
        aborted(COMPLETED, "train_loss", reason="no space left on device"),
        at("train_loss") + 1,
        "status `aborted`: `no space left on device`",
    ),
    typed(
        "run-success",
        with_metadata(COMPLETED, "run_stop", status="done"),
        END,
        "status `done`",
        "status success or aborted",
    ),
    typed(
        "one-run",
        upto(COMPLETED, "eval_loss") + COMPLETED,
        at("eval_loss") + 1,
        "a second run begins with `submission_benchmark`",
        also=("run-stop",),
    ),
    typed(
        "one-run",
        EARLY_STOPPED + EARLY_STOPPED,
        early("run_stop") + 1,
        "a second run begins with `rules_edition`",
        log=EARLY_STOPPED,
    ),
]

ORDER = [
    typed(
        "init-contains-parameters",
        moved(COMPLETED, "patch_size", "train_samples"),
        at("train_samples") - 1,
        "`patch_size` outside init",
    ),
    typed(
        "init-contains-parameters",
        moved(COMPLETED, "seed", "submission_org"),
        at("submission_org"),
        "`seed` outside init",
    ),
    typed(
        "cache-clear-first",
        moved(COMPLETED, "cache_clear", "run_start"),
        at("run_start") - 1,
        f"first after `init_start` on line {at('init_start') - 1}",
    ),
    typed(
        "event-order",
        moved(COMPLETED, "result", "train_samples"),
        at("train_samples"),
        f"`result` before `train_samples` on line {at('train_samples') + 1}",
        "`result` after `baselines_stop` and before `run_stop`",
    ),
    typed(
        "event-order",
        moved(COMPLETED, "eval_samples", "epoch_start", before_number=1),
        at("epoch_start", 1) - 1,
        f"`eval_samples` after `eval_stop` on line {at('eval_stop') - 1}",
        "`eval_samples` after `staging_stop` and before `epoch_start`",
    ),
]

EPOCHS = [
    typed("epoch-numbers", renumbered(3, 4), at("epoch_start", 2), "epoch 4", "epoch 3"),
    typed("epoch-numbers", renumbered(1, 0), at("epoch_start"), "epoch 0", "epoch 1"),
    typed(
        "epoch-complete",
        without(COMPLETED, "eval_loss", 1),
        at("eval_stop", 1) - 1,
        "epoch 2: no `eval_loss`",
    ),
    typed(
        "epoch-complete",
        without(COMPLETED, "epoch_start", 1),
        at("eval_stop", 1) - 1,
        "epoch 2: no `epoch_start`",
    ),
    typed("epoch-complete", renumbered(3, 2), at("eval_stop", 2), "epoch 2: all its events 2 times"),
    typed(
        "epoch-order",
        moved(COMPLETED, "eval_stop", "eval_loss", 1, 1),
        at("eval_loss", 1),
        f"epoch 2: `eval_stop` before `eval_loss` on line {at('eval_loss', 1) + 1}",
    ),
    typed(
        "epoch-energy",
        with_value(EARLY_STOPPED, "epoch_energy", -1.5),
        early("epoch_energy"),
        "epoch 1: -1.5 J",
        log=EARLY_STOPPED,
    ),
    typed(
        "epoch-energy",
        moved(EARLY_STOPPED, "epoch_energy", "eval_start", 2, 2),
        early("eval_start", 2),
        "epoch 3: outside its evaluation",
        log=EARLY_STOPPED,
    ),
]


STOPPING = [
    typed(
        "training-complete",
        with_value(COMPLETED, "epochs", 5),
        END,
        "3 epochs of 5, and no `early_stop`",
    ),
    typed(
        "training-complete",
        with_result(without(EARLY_STOPPED, "early_stop"), "stopped_by", "epochs"),
        early("run_stop") - 1,
        "4 epochs of 10, and no `early_stop`",
        log=EARLY_STOPPED,
    ),
    typed(
        "stopping-early",
        with_value(EARLY_STOPPED, "early_stopping_patience", 3),
        early("early_stop"),
        "2 epochs after the best, 2",
        "3 epochs after the best",
        log=EARLY_STOPPED,
    ),
    typed(
        "stopping-event",
        with_metadata(EARLY_STOPPED, "early_stop", best_epoch=4),
        early("early_stop"),
        "value 4, best_epoch 4",
        "value 4, best_epoch 2",
        log=EARLY_STOPPED,
    ),
]


# ---- runs that were interrupted and resumed


def resumed(key: str, number: int = 0, after: int = 2, value: object = 1, **metadata: object) -> str:
    """Return the completed log with run_resumed inserted ``after`` milliseconds after an event."""
    line = at(key, number)
    above = event(COMPLETED, line)
    source = {name: above["metadata"][name] for name in ("file", "lineno")}
    facts = {"epochs": 0, "step": 0, "lost_ms": 1} | metadata
    mark = above | {
        "key": "run_resumed",
        "event_type": "POINT_IN_TIME",
        "time_ms": above["time_ms"] + after,
        "value": value,
        "metadata": source | facts,
    }
    return with_line(COMPLETED, line, LINES[line - 1], TOKEN + json.dumps(mark))


def again(text: str, line: int, **changes: object) -> str:
    """Insert a second run_resumed after the one on a line."""
    mark = event(text, line)
    return with_line(text, line, text.splitlines()[line - 1], TOKEN + json.dumps(mark | changes))


#: Logs of resumed runs without defects.
RESUMED_WELL = [
    resumed("staging_start"),
    resumed("test_samples"),
    resumed("epoch_start", step=3),
    resumed("epoch_start", 1, epochs=1, step=1, lost_ms=0),
    resumed("eval_stop", epochs=1),
    resumed("eval_stop", 1, epochs=2, value=7),
    again(resumed("epoch_start", step=3), at("epoch_start") + 1, value=4),
]

RESUMED = [
    typed(
        "resumed-place",
        resumed("seed", after=0),
        at("seed") + 1,
        "outside the run",
        "between `run_start` and `run_stop`",
    ),
    typed(
        "resumed-place",
        resumed("eval_stop", epochs=2),
        at("eval_stop") + 1,
        "epochs 2",
        "1, as many `eval_stop` are above",
    ),
    typed(
        "resumed-place",
        resumed("epoch_start", step=0),
        at("epoch_start") + 1,
        "step 0 after `epoch_start`",
        "at least 1",
    ),
    typed(
        "resumed-place",
        resumed("eval_stop", epochs=1, step=4),
        at("eval_stop") + 1,
        "step 4 after `eval_stop`",
        "0",
    ),
    typed("resumed-count", resumed("test_samples", value=0), at("test_samples") + 1, "0"),
    typed(
        "resumed-count",
        again(resumed("test_samples"), at("test_samples") + 1),
        at("test_samples") + 2,
        "1 after 1",
    ),
    typed(
        "resumed-lost",
        resumed("test_samples", lost_ms=-1),
        at("test_samples") + 1,
        "lost_ms -1",
        "from 0 to 2",
    ),
    typed(
        "resumed-lost",
        resumed("test_samples", lost_ms=1500),
        at("test_samples") + 1,
        "lost_ms 1500",
        "from 0 to 2",
    ),
    typed(
        "staging-reused",
        with_metadata(COMPLETED, "staging_stop", reused=4),
        at("staging_stop"),
        "4 scenes of 5 staged before",
    ),
]

DEFECTS = [*TIME, *RUN, *ORDER, *EPOCHS, *STOPPING, *RESUMED]
