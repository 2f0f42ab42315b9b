"""Logs broken in what they state of their method and its optimizer."""

from __future__ import annotations

from typing import Any

from compliance.wording import excerpt
from tests.support.defects.broken import Broken
from tests.support.hand_logs import (
    COMPLETED,
    edit,
    event,
    line_of,
    with_line,
    with_value,
    without,
    without_all,
)

OPTIMIZATION = (
    *("opt_name", "opt_base_learning_rate", "opt_adam_beta_1", "opt_adam_beta_2", "opt_adam_epsilon"),
    *("opt_learning_rate_warmup_steps", "opt_learning_rate_decay_schedule"),
)
FACTS: dict[str, object] = {
    "method": "unet",
    "method_kind": "network",
    "method_source": "benchmark.methods.unet",
    "method_sha256": "260d93ffbc03e3372beab01152b530fbf68f52d243715f9ff696acfc88ca6e21",
    "method_options": {},
}
ABOUT = {"title": "U-Net", "citations": "arXiv:1505.04597", "adapted": "Nothing.", "licence": "Apache-2.0"}


def added(text: str, after: str, key: str, new: object, **metadata: object) -> str:
    """The text with an event of another key behind one, at the same time."""
    line = text.splitlines()[line_of(text, after) - 1]

    def change(fields: dict[str, Any]) -> None:
        fields.update(key=key, value=new, metadata={**fields["metadata"], **metadata})

    return with_line(text, line_of(text, after), line, edit(line + "\n", after, change).rstrip("\n"))


def stated(text: str) -> str:
    """The text with what a log states of its method, behind the seed."""
    for key, value in reversed(FACTS.items()):
        text = added(text, "seed", key, value, **(ABOUT if key == "method" else {}))
    return text


STATED = stated(COMPLETED)
#: The log of a method that is fitted, but for its epochs.
FITTED = with_value(without_all(STATED, *OPTIMIZATION), "method_kind", "fitted")


def at(key: str, text: str = STATED) -> int:
    return line_of(text, key)


def value(rule: str, key: str, new: object, found: str, expected: str | None = None, *also: str) -> Broken:
    return Broken(rule, with_value(STATED, key, new), at(key), found, expected, also)


BROKEN = [
    Broken(
        "method-facts",
        without(STATED, "method_sha256"),
        at("method"),
        "`method`, `method_kind`, `method_source` and `method_options` without `method_sha256`",
    ),
    value("method-facts", "method", " ", "`method` is blank", "a name"),
    value("method-facts", "method_source", "", "`method_source` is blank", "a name"),
    value(
        "method-facts",
        "method_sha256",
        "abc",
        f"`method_sha256` {excerpt('abc')}",
        "64 hexadecimal digits (sha256)",
    ),
    Broken(
        "method-optimizer",
        added(STATED, "opt_adam_epsilon", "opt_sgd_momentum", 0.9),
        at("opt_adam_epsilon") + 1,
        f"`opt_sgd_momentum` with opt_name {excerpt('adam')}",
    ),
    Broken(
        "method-epochs",
        FITTED,
        at("epochs", FITTED),
        f"`epochs` {event(FITTED, at('epochs', FITTED))['value']}",
    ),
    Broken(
        "method-masks",
        with_value(FITTED, "method_kind", "masks"),
        at("method_kind"),
        "method_kind masks",
    ),
    Broken(
        "training-margin",
        added(STATED, "patch_size", "training_margin", 128),
        at("patch_size") + 1,
        "margin 128 of patch 256",
    ),
]
