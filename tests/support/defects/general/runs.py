"""Defects in the ends of runs: killed, aborted, and several runs in one file."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import fields_of, place_of, row_of, with_metadata


def upto(text: str, key: str, number: int = 0) -> str:
    return "\n".join(text.split("\n")[: place_of(text, key, number) + 1]) + "\n"


def since(text: str, key: str) -> str:
    return "\n".join(text.split("\n")[place_of(text, key) :])


def aborted(text: str, key: str) -> str:
    """Abort the run after an event."""
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
