"""Logs broken in order and time: the timeline, the epochs, the end of training."""

from __future__ import annotations

import json

from tests.support.defects.broken import Broken
from tests.support.hand_logs import (
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

#: What is found in the early-stopped log as it is.
ALSO = ("cache-cleared", "contact-present", "data-synthetic")

LINES = COMPLETED.splitlines()
END = len(LINES)


def at(key: str, number: int = 0) -> int:
    return line_of(COMPLETED, key, number)


def early(key: str, number: int = 0) -> int:
    return line_of(EARLY_STOPPED, key, number)


def rescaled(factor: float) -> str:
    """The completed log with its times in another unit."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    return "".join(TOKEN + json.dumps(e | {"time_ms": int(e["time_ms"] * factor)}) + "\n" for e in events)


def shifted(milliseconds: int) -> str:
    """The completed log at another date."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    return "".join(TOKEN + json.dumps(e | {"time_ms": e["time_ms"] + milliseconds}) + "\n" for e in events)


def slow_init() -> str:
    """The completed log with all that follows init_start 31 minutes later."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in LINES]
    late = [
        e | {"time_ms": e["time_ms"] + (31 * 60_000 if n >= at("seed") else 0)}
        for n, e in enumerate(events, 1)
    ]
    return "".join(TOKEN + json.dumps(e) + "\n" for e in late)


def renumbered(epoch: int, new: int) -> str:
    """The completed log with another number for an epoch."""
    text = COMPLETED
    for line in range(1, END + 1):
        fields = event(text, line)
        if fields["metadata"].get("epoch_num") == epoch:
            fields["metadata"]["epoch_num"] = new
            text = with_line(text, line, TOKEN + json.dumps(fields))
    return text


TIME = [
    Broken("time-unit", rescaled(1e-3), 1, "1732428000, which is in seconds; 82 such times"),
    Broken("time-unit", rescaled(1e3), 1, "1732428000000000, which is in microseconds; 82 such times"),
    Broken("time-unit", rescaled(1e6), 1, "1732428000000000000, which is in nanoseconds; 82 such times"),
    Broken(
        "time-unit",
        with_time(COMPLETED, "seed", 1732428000),
        at("seed"),
        "1732428000, which is in seconds; 1 such time",
    ),
    Broken("time-plausible", shifted(-(10**12)), 1, "time_ms an integer (732428000000); 82 such times"),
    Broken("time-plausible", shifted(10**13), 1, "time_ms an integer (11732428000000); 82 such times"),
    Broken(
        "time-order",
        with_time(COMPLETED, "train_loss", 1732428009000),
        at("train_loss"),
        f"330 ms before the event on line {at('epoch_start')}",
    ),
    Broken("init-duration", slow_init(), at("init_stop"), "31.1 minutes"),
    Broken(
        "interval-length",
        with_time(COMPLETED, "eval_start", 1732428025231),
        at("eval_stop"),
        "0 ms from eval_start to eval_stop for 1310720 pixels",
        also=("result-timing", "time-order"),
    ),
]

RUN = [
    Broken("run-stop", without(COMPLETED, "run_stop"), END - 1, "the log ends after `result`"),
    Broken("run-stop", upto(COMPLETED, "submission_org"), 2, "the log ends after `submission_org`"),
    Broken(
        "run-stop", upto(COMPLETED, "eval_start", 1), at("eval_start", 1), "the log ends after `eval_start`"
    ),
    Broken(
        "run-success",
        aborted(COMPLETED, "train_loss", reason="no space left on device"),
        at("train_loss") + 1,
        "status `aborted`: `no space left on device`",
    ),
    Broken(
        "run-success",
        with_metadata(COMPLETED, "run_stop", status="done"),
        END,
        "status `done`",
        "status success or aborted",
    ),
    Broken("one-run", COMPLETED + COMPLETED, END + 1, "a second run begins with `submission_benchmark`"),
    Broken(
        "one-run",
        upto(COMPLETED, "eval_loss") + COMPLETED,
        at("eval_loss") + 1,
        "a second run begins with `submission_benchmark`",
        also=("run-stop",),
    ),
    Broken(
        "one-run",
        COMPLETED + "".join(f"{line}\n" for line in LINES[at("run_start") - 1 :]),
        END + 1,
        "a second run begins with `run_start`",
    ),
    Broken(
        "one-run",
        upto(COMPLETED, "seed") + COMPLETED,
        at("seed") + 1,
        "a second run begins with `submission_benchmark`",
        also=("run-stop",),
    ),
    Broken("after-run-stop", COMPLETED + LINES[at("seed") - 1] + "\n", END + 1, "1 event: `seed`"),
]

ORDER = [
    Broken(
        "interval-pairing",
        without(COMPLETED, "init_stop"),
        at("init_start"),
        "`init_start` without `init_stop`",
    ),
    Broken(
        "interval-pairing",
        without(COMPLETED, "staging_start"),
        at("staging_stop") - 1,
        "`staging_stop` without `staging_start`",
    ),
    Broken(
        "interval-pairing",
        without(COMPLETED, "run_start"),
        END - 1,
        "`run_stop` without `run_start`",
    ),
    Broken(
        "interval-pairing",
        moved(COMPLETED, "baselines_stop", "baselines_start"),
        at("baselines_start"),
        f"`baselines_stop` before `baselines_start` on line {at('baselines_start') + 1}",
    ),
    Broken(
        "interval-pairing",
        moved(COMPLETED, "inference_stop", "baselines_stop"),
        at("baselines_stop") - 1,
        "`inference_stop` before `baselines_stop`, whose interval began inside",
    ),
    Broken(
        "clock-covers",
        moved(COMPLETED, "staging_start", "run_start"),
        at("run_start"),
        "before `run_start`: `staging_start`",
    ),
    Broken(
        "clock-covers",
        moved(COMPLETED, "run_start", "train_samples"),
        at("run_start"),
        "before `run_start`: `staging_start` and `staging_stop`",
        also=("result-timing",),
    ),
    Broken(
        "init-contains-parameters",
        moved(COMPLETED, "patch_size", "train_samples"),
        at("train_samples") - 1,
        "`patch_size` outside init",
    ),
    Broken(
        "init-contains-parameters",
        moved(COMPLETED, "seed", "submission_org"),
        at("submission_org"),
        "`seed` outside init",
    ),
    Broken(
        "cache-clear-first",
        moved(COMPLETED, "cache_clear", "run_start"),
        at("run_start") - 1,
        f"first after `init_start` on line {at('init_start') - 1}",
    ),
    Broken(
        "event-order",
        moved(COMPLETED, "submission_org", "run_start"),
        at("run_start") - 1,
        f"`submission_org` after `init_stop` on line {at('init_stop') - 1}",
        "`submission_org` before `init_start`",
    ),
    Broken(
        "event-order",
        moved(COMPLETED, "result", "train_samples"),
        at("train_samples"),
        f"`result` before `train_samples` on line {at('train_samples') + 1}",
        "`result` after `baselines_stop` and before `run_stop`",
    ),
    Broken(
        "event-order",
        moved(COMPLETED, "test_accuracy", "scene_accuracy"),
        at("scene_accuracy"),
        f"`test_accuracy` before `scene_accuracy` on line {at('scene_accuracy') + 1}",
        "`test_accuracy` after `scene_accuracy` and before `inference_stop`",
    ),
    Broken(
        "event-order",
        moved(COMPLETED, "eval_samples", "epoch_start", before_number=1),
        at("epoch_start", 1) - 1,
        f"`eval_samples` after `eval_stop` on line {at('eval_stop') - 1}",
        "`eval_samples` after `staging_stop` and before `epoch_start`",
    ),
]

EPOCHS = [
    Broken("epoch-numbers", renumbered(3, 4), at("epoch_start", 2), "epoch 4", "epoch 3"),
    Broken("epoch-numbers", renumbered(1, 0), at("epoch_start"), "epoch 0", "epoch 1"),
    Broken(
        "epoch-complete",
        without(COMPLETED, "eval_loss", 1),
        at("eval_stop", 1) - 1,
        "epoch 2: no `eval_loss`",
    ),
    Broken(
        "epoch-complete",
        without(COMPLETED, "epoch_start", 1),
        at("eval_stop", 1) - 1,
        "epoch 2: no `epoch_start`",
    ),
    Broken(
        "epoch-complete",
        with_line(COMPLETED, at("train_loss"), *[LINES[at("train_loss") - 1]] * 2),
        at("eval_stop") + 1,
        "epoch 1: `train_loss` 2 times",
    ),
    Broken("epoch-complete", renumbered(3, 2), at("eval_stop", 2), "epoch 2: all its events 2 times"),
    Broken(
        "epoch-order",
        moved(COMPLETED, "train_loss", "eval_start"),
        at("epoch_stop") - 1,
        f"epoch 1: `epoch_stop` before `train_loss` on line {at('epoch_stop')}",
    ),
    Broken(
        "epoch-order",
        moved(COMPLETED, "eval_stop", "eval_loss", 1, 1),
        at("eval_loss", 1),
        f"epoch 2: `eval_stop` before `eval_loss` on line {at('eval_loss', 1) + 1}",
    ),
    Broken(
        "epoch-order",
        moved(COMPLETED, "eval_stop", "train_loss", 0, 1),
        at("epoch_start", 1) - 1,
        f"epoch 2 begins before `eval_stop` on line {at('epoch_start', 1)}",
    ),
    Broken(
        "epoch-energy",
        with_value(EARLY_STOPPED, "epoch_energy", -1.5),
        early("epoch_energy"),
        "epoch 1: -1.5 J",
        also=ALSO,
    ),
    Broken(
        "epoch-energy",
        with_metadata(EARLY_STOPPED, "epoch_energy", 1, epoch_num=1),
        early("epoch_energy", 1),
        "epoch 1: again",
        also=ALSO,
    ),
    Broken(
        "epoch-energy",
        moved(EARLY_STOPPED, "epoch_energy", "eval_start", 2, 2),
        early("eval_start", 2),
        "epoch 3: outside its evaluation",
        also=ALSO,
    ),
]


def more_epochs() -> str:
    """The early-stopped log with a patience that had run out an epoch earlier."""
    return with_value(EARLY_STOPPED, "early_stopping_patience", 1)


STOPPING = [
    Broken("epochs-limit", with_value(COMPLETED, "epochs", 2), at("epoch_start", 2), "3 epochs", "at most 2"),
    Broken(
        "training-complete",
        with_value(COMPLETED, "epochs", 5),
        END,
        "3 epochs of 5, and no `early_stop`",
    ),
    Broken(
        "training-complete",
        with_result(without(EARLY_STOPPED, "early_stop"), "stopped_by", "epochs"),
        early("run_stop") - 1,
        "4 epochs of 10, and no `early_stop`",
        also=ALSO,
    ),
    Broken(
        "stopping-late",
        more_epochs(),
        early("eval_loss", 3),
        "epoch 4 was trained",
        "the end after epoch 3, 1 epoch after the best, 2",
        ALSO,
    ),
    Broken(
        "stopping-early",
        with_value(EARLY_STOPPED, "early_stopping_patience", 3),
        early("early_stop"),
        "2 epochs after the best, 2",
        "3 epochs after the best",
        ALSO,
    ),
    Broken(
        "stopping-event",
        with_metadata(EARLY_STOPPED, "early_stop", best_epoch=4),
        early("early_stop"),
        "value 4, best_epoch 4",
        "value 4, best_epoch 2",
        ALSO,
    ),
]


# ---- runs that were interrupted and resumed


def resumed(key: str, number: int = 0, after: int = 2, value: object = 1, **metadata: object) -> str:
    """The completed log with a mark behind an event, so many milliseconds later."""
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
    """A second mark behind the one on a line."""
    mark = event(text, line)
    return with_line(text, line, text.splitlines()[line - 1], TOKEN + json.dumps(mark | changes))


#: Logs of resumed runs in which nothing is wrong.
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
    Broken(
        "resumed-place",
        resumed("seed", after=0),
        at("seed") + 1,
        "outside the run",
        "between `run_start` and `run_stop`",
    ),
    Broken(
        "resumed-place",
        resumed("eval_stop", epochs=2),
        at("eval_stop") + 1,
        "epochs 2",
        "1, as many `eval_stop` are above",
    ),
    Broken(
        "resumed-place",
        resumed("epoch_start", step=0),
        at("epoch_start") + 1,
        "step 0 after `epoch_start`",
        "at least 1",
    ),
    Broken(
        "resumed-place",
        resumed("eval_stop", epochs=1, step=4),
        at("eval_stop") + 1,
        "step 4 after `eval_stop`",
        "0",
    ),
    Broken("resumed-count", resumed("test_samples", value=0), at("test_samples") + 1, "0"),
    Broken(
        "resumed-count",
        again(resumed("test_samples"), at("test_samples") + 1),
        at("test_samples") + 2,
        "1 after 1",
    ),
    Broken(
        "resumed-lost",
        resumed("test_samples", lost_ms=-1),
        at("test_samples") + 1,
        "lost_ms -1",
        "from 0 to 2",
    ),
    Broken(
        "resumed-lost",
        resumed("test_samples", lost_ms=1500),
        at("test_samples") + 1,
        "lost_ms 1500",
        "from 0 to 2",
    ),
    Broken(
        "staging-reused",
        with_metadata(COMPLETED, "staging_stop", reused=4),
        at("staging_stop"),
        "4 scenes of 5 staged before",
    ),
]

BROKEN = [*TIME, *RUN, *ORDER, *EPOCHS, *STOPPING, *RESUMED]
