"""Describe the method in words, from what the logs state about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmark.core.escaping import escape_markdown
from benchmark.record.events import OPTIMIZERS
from submission.documents.published import MODEL_PARAMETERS, REFERENCE_SOURCE
from submission.runs.runs import RunSet

#: How weights or tables are learned, by kind of method.
_LEARNING = {
    "network": "Its weights start from random values and are trained{optimizer} on patches of "
    "{patch} x {patch} pixels. After each epoch the validation scenes are evaluated; the weights of the "
    "epoch with the lowest validation loss are scored, and the inference scenes play no part in that choice.",
    "fitted": "It is fitted once to the training scenes, and measured on the validation scenes; the "
    "inference scenes play no part in either.",
}


@dataclass(frozen=True)
class MethodText:
    """The method of a submission in words."""

    title: str
    parameters: int
    #: Whether it is the reference model.
    is_reference: bool
    #: How it learns, what was adapted, its options and its source; empty for the reference model.
    paragraphs: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()


def method_text(runs: RunSet) -> MethodText:
    """Describe the method that the logs state; the reference U-Net if they state none."""
    log = runs.first.log
    event = log.one("method")
    parameters = runs.first.result.get("parameters", MODEL_PARAMETERS)
    if event is None or runs.shared("method_source") == REFERENCE_SOURCE:  # a user's file may be called unet
        return MethodText("the benchmark's U-Net", parameters, is_reference=True)
    about: dict[str, Any] = dict(event.metadata)
    stated = runs.parameters
    kind = str(stated["method_kind"])
    optimizer = ""
    if name := stated.get("opt_name"):
        settings = [f"`{key}` {stated[key]}" for key in OPTIMIZERS.get(str(name), ()) if key in stated]
        name = escape_markdown(str(name))
        optimizer = f" with the optimizer {name} ({', '.join(settings)})" if settings else f" with {name}"
    learning = _LEARNING[kind].format(optimizer=optimizer, patch=stated["patch_size"])
    # A backtick would end the code span.
    options = json.dumps(stated["method_options"], sort_keys=True).replace("`", "'")
    source = f"`{stated['method_source']}` (sha256 `{stated['method_sha256']}`)"
    return MethodText(
        title=escape_markdown(about["title"]),
        parameters=parameters,
        is_reference=False,
        paragraphs=(
            learning,
            f"Adapted or chosen here: {escape_markdown(about['adapted'])}",
            f"Options: `{options}`. Source: {source}, licence {escape_markdown(about['licence'])}.",
        ),
        citations=tuple(escape_markdown(each) for each in about["citations"].split("\n") if each),
    )
