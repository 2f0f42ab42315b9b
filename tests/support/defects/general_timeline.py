"""Defects of order, pairing, epochs and time, and of the ends of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmark.record.events import INTERVALS
from compliance.subjects.timeline import LOOP, SINGLE_INTERVALS
from tests.support.defects.defect import Defect, defect
from tests.support.log_edits import (
    OF_EPOCHS,
    edit,
    epochs_of,
    events_of,
    fields_of,
    last_epoch,
    moved,
    place_of,
    renumbered,
    require,
    retimed,
    row_of,
    with_metadata,
    with_rows,
    with_value,
    without,
    without_all,
    without_epoch,
)

# ---- order and pairing


def crossed(text: str, *keys: str) -> str:
    """The text with the first events of two keys exchanged, but for their times."""
    one, other = (fields_of(text, key) for key in keys)
    places = [place_of(text, key) for key in keys]
    one["time_ms"], other["time_ms"] = other["time_ms"], one["time_ms"]
    return with_rows(with_rows(text, places[0], row_of(other)), places[1], row_of(one))


def order() -> Iterator[Defect]:
    for start, stop in SINGLE_INTERVALS.items():
        if start != "run_start":
            yield defect(
                f"order: {stop} before {start}",
                lambda text, start=start, stop=stop: moved(text, stop, start),
                "interval-pairing",
            )
    yield defect(
        "order: init in the run", lambda text: crossed(text, "init_stop", "run_start"), "interval-pairing"
    )
    yield defect(
        "order: staging ends in training",
        lambda text: moved(text, "staging_stop", "epoch_stop"),
        "event-order",
        "result-timing",
    )
    yield defect(
        "order: inference ends in the baselines",
        lambda text: moved(text, "inference_stop", "baselines_stop"),
        "interval-pairing",
        "result-timing",
    )
    yield defect(
        "order: run_start after staging",
        lambda text: moved(text, "run_start", "train_samples"),
        "clock-covers",
        "result-timing",
    )
    yield defect(
        "order: run_start after training",
        lambda text: moved(text, "run_start", "inference_start"),
        "clock-covers",
        "result-timing",
    )
    yield defect(
        "order: staging before the clock",
        lambda text: moved(text, "staging_start", "run_start"),
        "clock-covers",
    )
    for key in ("seed", "patch_size", "quality_target"):
        yield defect(
            f"order: {key} after init",
            lambda text, key=key: moved(text, key, "run_start"),
            "init-contains-parameters",
        )
        yield defect(
            f"order: {key} before init",
            lambda text, key=key: moved(text, key, "init_start"),
            "init-contains-parameters",
        )
    yield defect(
        "order: cache_clear in init", lambda text: moved(text, "cache_clear", "seed"), "cache-clear-first"
    )
    yield defect(
        "order: cache_clear in the run",
        lambda text: moved(text, "cache_clear", "staging_start"),
        "cache-clear-first",
    )
    for key, target in {
        "rules_edition": "run_start",
        "submission_org": "run_start",
        "data_location": "run_start",
        "train_samples": "inference_start",
        "test_samples": "staging_start",
        "result": "inference_start",
        "test_accuracy": "scene_accuracy",
        "scene_accuracy": "baselines_start",
        "baseline_accuracy": "inference_stop",
        "early_stop": "epoch_start",
        "skipped_scene": "train_samples",
    }.items():
        yield defect(
            f"order: {key} before {target}",
            lambda text, key=key, target=target: moved(text, key, target),
            "event-order",
        )
    for name, key, target in (
        ("train_loss after its epoch", "train_loss", "eval_start"),
        ("train_accuracy before its epoch", "train_accuracy", "epoch_start"),
        ("eval_loss before its evaluation", "eval_loss", "eval_start"),
        ("eval_stop before its values", "eval_stop", "eval_loss"),
        ("evaluation in the epoch", "eval_start", "epoch_stop"),
        ("epoch_stop before its start", "epoch_stop", "epoch_start"),
    ):
        yield defect(
            f"order: {name}",
            lambda text, key=key, target=target: moved(text, key, target),
            "epoch-order",
        )
    yield defect(
        "order: an epoch in the evaluation of another",
        lambda text: moved(text, "eval_stop", "train_loss", 0, 1),
        "epoch-order",
    )
    yield defect(
        "order: reversed",
        lambda text: "\n".join(text.rstrip("\n").split("\n")[::-1]) + "\n",
        "after-run-stop",
        *("event-missing", "baseline-set", "interval-pairing", "one-run", "version-present"),
    )
    yield defect(
        "order: sorted by key",
        by_key,
        "time-order",
        *("after-run-stop", "clock-covers", "contact-present", "epoch-complete", "event-missing"),
        *("event-order", "init-contains-parameters", "resumed-place", "result-data", "version-present"),
    )


def by_key(text: str) -> str:
    rows = [row_of(fields) for _, fields in sorted(events_of(text), key=lambda pair: str(pair[1]["key"]))]
    return "\n".join(rows) + "\n"


# ---- epochs


def swapped_epochs(text: str, *, numbers: bool) -> str:
    """The text with its first two epochs exchanged, in their numbers or in their places."""
    if numbers:
        return renumbered(text, lambda number: {1: 2, 2: 1}.get(number, number))
    rows = text.split("\n")
    epochs = epochs_of(text)
    first, second = [rows[place] for place in epochs[1]], [rows[place] for place in epochs[2]]
    begin, end = epochs[1][0], epochs[2][-1]
    rows[begin : end + 1] = second + first
    return "\n".join(rows)


def doubled_epoch(text: str, number: int) -> str:
    rows = text.split("\n")
    places = epochs_of(text)[number]
    rows[places[-1] + 1 : places[-1] + 1] = [rows[place] for place in places]
    return "\n".join(rows)


def shifted_from(number: int, by: int) -> Callable[[str], str]:
    return lambda text: renumbered(text, lambda epoch: epoch + by if epoch >= number else epoch)


def epochs() -> Iterator[Defect]:
    numbers = "epoch-numbers"
    yield defect("epochs: the first missing", lambda text: without_epoch(text, 0), numbers)
    yield defect("epochs: the second missing", lambda text: without_epoch(text, 1), numbers)
    yield defect(
        "epochs: the last missing",
        lambda text: without_epoch(text, -1),
        "result-epochs",
        *("training-complete", "stopping-early", "stopping-event", "result-timing"),
    )
    yield defect(
        "epochs: all missing", lambda text: without_all(text, *OF_EPOCHS), "event-missing", "resumed-place"
    )
    yield defect("epochs: one doubled", lambda text: doubled_epoch(text, 2), "epoch-complete", "time-order")
    yield defect("epochs: counted from 0", shifted_from(1, -1), numbers)
    yield defect("epochs: counted from 2", shifted_from(1, 1), numbers)
    yield defect("epochs: a gap in the numbers", shifted_from(2, 1), numbers)
    yield defect("epochs: one number twice", shifted_from(2, -1), "epoch-complete")
    yield defect("epochs: negative", lambda text: renumbered(text, lambda epoch: -epoch), numbers)
    yield defect("epochs: all the same", lambda text: renumbered(text, lambda epoch: 1), "epoch-complete")
    yield defect("epochs: numbers swapped", lambda text: swapped_epochs(text, numbers=True), numbers)
    yield defect(
        "epochs: places swapped", lambda text: swapped_epochs(text, numbers=False), numbers, "time-order"
    )
    yield defect("epochs: numbers as texts", lambda text: renumbered(text, str), "metadata-type")
    yield defect("epochs: numbers as floats", lambda text: renumbered(text, float), "metadata-type")
    for key in LOOP:
        yield defect(
            f"epochs: {key} of another epoch",
            lambda text, key=key: with_metadata(text, key, 1, epoch_num=1),
            "epoch-complete",
        )
    yield defect(
        "epochs: evaluated at the end only",
        lambda text: without_evaluations(text),
        "epoch-complete",
    )
    yield defect(
        "epochs: more than stated",
        lambda text: with_value(text, "epochs", last_epoch(text) - 1),
        "epochs-limit",
    )
    yield defect("epochs: fewer than stated", fewer_than_stated, "training-complete")
    for place in ("eval_start", "train_loss", "epoch_start"):
        yield defect(
            f"epochs: epoch_energy before {place}",
            lambda text, place=place: moved(text, "epoch_energy", place, 1, 1),
            "epoch-energy",
        )
    yield defect(
        "epochs: epoch_energy below zero", lambda text: with_value(text, "epoch_energy", -0.5), "epoch-energy"
    )
    yield defect(
        "epochs: epoch_energy of another epoch",
        lambda text: with_metadata(text, "epoch_energy", 1, epoch_num=1),
        "epoch-energy",
    )
    yield defect(
        "epochs: epoch_energy of no epoch",
        lambda text: with_metadata(text, "epoch_energy", 1, epoch_num=99),
        "epoch-numbers",
    )


def resumptions() -> Iterator[Defect]:
    for name, metadata in (
        ("of more epochs", {"epochs": 2}),
        ("of fewer epochs", {"epochs": 0}),
        ("of an epoch under way that is not", {"step": 5}),
        ("of less than no step", {"step": -1}),
    ):
        yield defect(
            f"resumed: {name}",
            lambda text, metadata=metadata: with_metadata(text, "run_resumed", **metadata),
            "resumed-place",
        )
    for place in ("init_start", "run_start"):
        yield defect(
            f"resumed: before {place}",
            lambda text, place=place: moved(text, "run_resumed", place),
            "resumed-place",
            "time-order",
        )
    for value in (0, -3):
        yield defect(
            f"resumed: for the {value}th time",
            lambda text, value=value: with_value(text, "run_resumed", value),
            "resumed-count",
        )
    for milliseconds in (-1, 3_600_000):
        yield defect(
            f"resumed: {milliseconds} ms lost",
            lambda text, lost=milliseconds: with_metadata(text, "run_resumed", lost_ms=lost),
            "resumed-lost",
        )


def without_evaluations(text: str) -> str:
    for _ in range(last_epoch(text) - 1):
        for key in ("eval_start", "eval_loss", "eval_accuracy", "eval_stop"):
            text = without(text, key)
    return text


def fewer_than_stated(text: str) -> str:
    require("early_stop" not in [fields.get("key") for _, fields in events_of(text)])
    return with_value(text, "epochs", last_epoch(text) + 3)


# ---- time


def frozen(text: str, start: str, stop: str, number: int = 0) -> str:
    """The text with an interval of no length: all its events at the time of its start."""
    times = [fields["time_ms"] for _, fields in events_of(text)]
    numbers = [place for place, _ in events_of(text)]
    begin = numbers.index(place_of(text, start, number))
    end = numbers.index(place_of(text, stop, number))
    lost = times[end] - times[begin]
    return retimed(text, lambda n, time: time if n <= begin else times[begin] if n <= end else time - lost)


def delayed(text: str, key: str, milliseconds: int) -> str:
    """The text with an event, and all after it, later."""
    late = [place for place, _ in events_of(text)].index(place_of(text, key))
    return retimed(text, lambda number, time: time + milliseconds * (number >= late))


def times_of(text: str) -> list[int]:
    return [fields["time_ms"] for _, fields in events_of(text)]


def time() -> Iterator[Defect]:
    unit, plausible = "time-unit", "time-plausible"
    for name, factor in {"seconds": 1e-3, "microseconds": 1e3, "nanoseconds": 1e6}.items():
        yield defect(
            f"time: in {name}",
            lambda text, factor=factor: retimed(text, lambda _, time: int(time * factor)),
            unit,
        )
        yield defect(
            f"time: one in {name}",
            lambda text, factor=factor: edit(
                text, "epoch_start", lambda fields: fields.update(time_ms=int(fields["time_ms"] * factor))
            ),
            unit,
        )
    for name, stamp in {
        "zero": 0,
        "negative": -1,
        "before the benchmark": 1_000_000_000_000,
        "in the future": 4_102_444_800_000,
        "of the year 292278994": 2**63 - 1,
    }.items():
        yield defect(
            f"time: {name}",
            lambda text, stamp=stamp: retimed(text, lambda number, _: stamp),
            plausible,
        )
        yield defect(
            f"time: one {name}",
            lambda text, stamp=stamp: edit(text, "seed", lambda fields: fields.update(time_ms=stamp)),
            plausible,
        )
    yield defect(
        "time: one event a minute early",
        lambda text: edit(
            text, "epoch_stop", lambda fields: fields.update(time_ms=fields["time_ms"] - 60_000)
        ),
        "time-order",
    )
    yield defect(
        "time: one millisecond back",
        lambda text: edit(
            text, "seed", lambda fields: fields.update(time_ms=fields_of(text, "init_start")["time_ms"] - 1)
        ),
        "time-order",
    )
    yield defect(
        "time: an hour back in the run",
        lambda text: delayed(text, "inference_start", -3_600_000),
        "time-order",
    )
    yield defect(
        "time: backwards",
        lambda text: retimed(text, lambda n, time: 2 * times_of(text)[0] - time),
        "time-order",
    )
    yield defect(
        "time: two clocks",
        lambda text: retimed(text, lambda number, time: time - 5_000 * (number % 2)),
        "time-order",
        "result-timing",
    )
    yield defect(
        "time: an hour ahead in the run",
        lambda text: delayed(text, "inference_start", 3_600_000),
        "result-timing",
        "clock-idle",
    )
    yield defect(
        "time: a clock that was set",
        lambda text: with_metadata(text, "run_stop", clock_set_ms=-5000),
        "clock-set",
    )
    for minutes, rule in ((31, "init-long"), (241, "init-duration")):
        yield defect(
            f"time: init of {minutes} minutes",
            lambda text, minutes=minutes: delayed(text, "init_stop", minutes * 60_000),
            rule,
        )
    yield defect(
        "time: a run of no length",
        lambda text: retimed(text, lambda _, time: times_of(text)[0]),
        "interval-length",
        "result-timing",
    )
    yield defect(
        "time: ten times as fast",
        lambda text: retimed(text, lambda _, time: times_of(text)[0] + (time - times_of(text)[0]) // 10),
        "result-timing",
    )
    for start in ("staging_start", "epoch_start", "eval_start", "inference_start"):
        yield defect(
            f"time: no time from {start}",
            lambda text, start=start: frozen(text, start, INTERVALS[start]),
            "interval-length",
            "result-timing",
        )


# ---- the second run of a file, and the end of the first


def upto(text: str, key: str, number: int = 0) -> str:
    return "\n".join(text.split("\n")[: place_of(text, key, number) + 1]) + "\n"


def since(text: str, key: str) -> str:
    return "\n".join(text.split("\n")[place_of(text, key) :])


def aborted(text: str, key: str) -> str:
    """The text of a run that aborts after an event."""
    head = upto(text, key)
    stop = fields_of(text, "run_stop")
    stop["time_ms"] = fields_of(head, key)["time_ms"]
    stop["metadata"] |= {"status": "aborted", "reason": "out of memory"}
    return head + row_of(stop) + "\n"


def runs() -> Iterator[Defect]:
    one = "one-run"
    yield defect("run: appended", lambda text: text + text, one)
    yield defect("run: appended twice", lambda text: text * 3, one)
    yield defect("run: appended without identity", lambda text: text + since(text, "init_start"), one)
    yield defect("run: appended from run_start", lambda text: text + since(text, "run_start"), one)
    yield defect("run: killed, then repeated", lambda text: upto(text, "epoch_stop") + text, one, "run-stop")
    yield defect(
        "run: killed in init, then repeated", lambda text: upto(text, "seed") + text, one, "run-stop"
    )
    yield defect(
        "run: aborted, then repeated", lambda text: aborted(text, "train_loss") + text, one, "run-success"
    )
    yield defect(
        "run: two at once",
        lambda text: "\n".join(f"{row}\n{row}" for row in text.rstrip("\n").split("\n")) + "\n",
        "event-repeated",
        *("after-run-stop", "baseline-set", "epoch-complete", "resumed-count"),
        *("result-data", "result-pixels", "result-timing", "scene-count", "scene-unique"),
        "skipped-scenes",
    )
    yield defect("run: killed", lambda text: upto(text, "eval_loss", 1), "run-stop")
    yield defect("run: killed before the clock", lambda text: upto(text, "init_stop"), "run-stop")
    yield defect("run: killed after the result", lambda text: upto(text, "result"), "run-stop")
    yield defect("run: aborted", lambda text: aborted(text, "eval_stop"), "run-success")
    yield defect("run: aborted before the clock", lambda text: aborted(text, "seed"), "run-success")
    for status in ("failed", "SUCCESS", ""):
        yield defect(
            f"run: status `{status}`",
            lambda text, status=status: with_metadata(text, "run_stop", status=status),
            "run-success",
        )
    yield defect(
        "run: success of an unfinished one",
        lambda text: with_metadata(aborted(text, "eval_stop"), "run_stop", status="success"),
        "event-missing",
        *("baseline-set", "training-complete"),
    )
    for key in ("seed", "result", "eval_accuracy"):
        yield defect(
            f"run: {key} after its stop",
            lambda text, key=key: text + row_of(fields_of(text, key)) + "\n",
            "after-run-stop",
        )
