"""Rules on the method: what a log states about it, and what its kind implies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmark.record.events import METHOD, OPTIMIZATION, OPTIMIZER_EXTRAS, OPTIMIZERS
from compliance.registry import Problem, log_rule, problem
from compliance.subjects.log import Log
from compliance.subjects.timeline import SETTINGS
from compliance.wording import excerpt, listing, show

#: A dotted name of a module, or the name of a file.
_SOURCE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@log_rule(
    "method-facts",
    clause="house",
    expected="name, kind, source, sha256 and options of the method, or none of them (the reference U-Net)",
    remedy="log all five as `python -m benchmark.run` does",
)
def method_facts(log: Log) -> Iterator[Problem]:
    """A log must say which method ran, from which source, with which options. The policy requires the
    algorithm to be documented and archived, so its name alone is not enough."""
    stated = [key for key in METHOD if log.all(key)]
    missing = [key for key in METHOD if not log.all(key)]
    if stated and missing and log.all("init_stop"):
        found = f"{listing(f'`{key}`' for key in stated)} without {listing(f'`{key}`' for key in missing)}"
        yield problem(found, log.all(stated[0])[0].line)
    name, event = log.text("method"), log.one("method")
    if event and name is not None and not name.strip():
        yield problem("`method` is blank", event.line, "a name")
    source, event = log.text("method_source"), log.one("method_source")
    is_masks = log.text("method_kind") == "masks"
    if event and source is not None and not is_masks and not _SOURCE.fullmatch(source):
        found = f"`method_source` {excerpt(source)}"
        yield problem(found, event.line, "a module such as benchmark.methods.unet, or a file such as mine.py")
    digest, event = log.text("method_sha256"), log.one("method_sha256")
    if event and digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
        yield problem(f"`method_sha256` {excerpt(digest)}", event.line, "64 hexadecimal digits (sha256)")


@log_rule(
    "method-optimizer",
    clause="house",
    expected="the settings of the optimizer that `opt_name` names, and no other's",
    remedy="log the settings that the optimizer has",
)
def method_optimizer(log: Log) -> Iterator[Problem]:
    """The settings in a log must be those of its optimizer. A method that is not trained in steps has no
    optimizer, no learning rate and no schedule."""
    kind, name = log.text("method_kind") or "network", log.text("opt_name")
    if kind == "network":
        if name is None or name.strip().lower() not in OPTIMIZERS:
            return  # an optimizer of the user's own may have any settings
        wrong = [key for key in SETTINGS - set(OPTIMIZERS[name.strip().lower()]) if log.all(key)]
        whose = f"opt_name {excerpt(name)}"
    else:
        wrong = [key for key in (*OPTIMIZATION, *SETTINGS, *OPTIMIZER_EXTRAS) if log.all(key)]
        whose = f"method_kind {excerpt(kind)}"
    for key in sorted(wrong):
        yield problem(f"`{key}` with {whose}", log.all(key)[0].line)


@log_rule(
    "method-epochs",
    clause="house",
    expected="`epochs` 1: a method that is fitted once is a run of one epoch",
    remedy="make the run with `python -m benchmark.run`, which logs it so",
)
def method_epochs(log: Log) -> Iterator[Problem]:
    """A method that is fitted once must log one epoch: its fit, and the evaluation of that fit."""
    epochs, event = log.integer("epochs"), log.one("epochs")
    if log.text("method_kind") == "fitted" and event and epochs is not None and epochs != 1:
        yield problem(f"`epochs` {epochs}", event.line)


@log_rule(
    "method-masks",
    clause="T-open, T-run",
    expected="a method that the run itself trained or fitted",
    remedy="use this log for comparison only; to submit, run the method (docs/methods.md)",
)
def method_masks(log: Log) -> Iterator[Problem]:
    """A submission must be of a method that the run itself trained or fitted. The policy requires the
    algorithm and its training to be documented and repeatable; a score of finished masks shows neither."""
    event = log.one("method_kind")
    if event and event.value == "masks":
        yield problem("method_kind masks", event.line)


@log_rule(
    "training-margin",
    clause="house",
    expected="a margin that leaves pixels of a patch to train on",
    remedy="log the margin that the method states",
)
def training_margin(log: Log) -> Iterator[Problem]:
    """The margin that training leaves out must be smaller than half a patch."""
    margin, patch, event = (
        log.integer("training_margin"),
        log.integer("patch_size"),
        log.one("training_margin"),
    )
    if event and margin is not None and patch is not None and 2 * margin >= patch > 0:
        yield problem(f"margin {show(margin)} of patch {show(patch)}", event.line)
