"""Defects in a log's statements about its method and optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import OPTIMIZERS
from compliance.wording import excerpt
from tests.support.defects.defect import Defect, defect, typed
from tests.support.logs.hand_logs import COMPLETED
from tests.support.logs.log_edits import (
    fields_of,
    place_of,
    row_of,
    with_rows,
    with_value,
    without,
    without_all,
)

OPTIMIZATION = (
    *("opt_name", "opt_base_learning_rate", "learning_rate"),
    *("opt_adam_beta_1", "opt_adam_beta_2", "opt_adam_epsilon"),
    *("opt_learning_rate_warmup_steps", "opt_learning_rate_decay_schedule"),
)
DIGEST = "260d93ffbc03e3372beab01152b530fbf68f52d243715f9ff696acfc88ca6e21"
FACTS: dict[str, object] = {
    "method": "unet",
    "method_kind": "network",
    "method_source": "benchmark.methods.unet",
    "method_sha256": DIGEST,
    "method_options": {},
}
ABOUT = {"title": "U-Net", "citations": "arXiv:1505.04597", "adapted": "Nothing.", "licence": "Apache-2.0"}


def added(text: str, after: str, key: str, new: object, **metadata: object) -> str:
    """Insert an event with another key after an event, at the same time."""
    fields = fields_of(text, after)
    row = row_of(fields | {"key": key, "value": new, "metadata": {**fields["metadata"], **metadata}})
    place = place_of(text, after)
    return with_rows(text, place, text.splitlines()[place], row)


def stated(text: str) -> str:
    """Insert the statements about the method after the seed."""
    for key, value in reversed(FACTS.items()):
        text = added(text, "seed", key, value, **(ABOUT if key == "method" else {}))
    return text


def with_optimizer(text: str, name: str, *settings: object, **extras: object) -> str:
    """Turn the log into that of an experiment's run that states method, optimizer ``name`` and a margin."""
    text = with_value(without_all(stated(text), *OPTIMIZERS["adam"]), "opt_name", name)
    for key, value in reversed([*zip(OPTIMIZERS[name], settings, strict=True), *extras.items()]):
        text = added(text, "opt_base_learning_rate", key, value)
    text = added(text, "config_digest", "experiment", "five", seeds=f"0 1 7 {2**53 - 1}", sha256=DIGEST)
    return added(text, "patch_size", "training_margin", 0)


def of_kind(text: str, kind: str) -> str:
    """Turn the log into that of a method that is not trained in steps."""
    return with_value(without_all(stated(text), *OPTIMIZATION), "method_kind", kind)


def method() -> Iterator[Defect]:
    yield defect("method: blank", lambda text: with_value(stated(text), "method", " "), "method-facts")
    for source in ("", "../mine.py", "a b", "/home/ada/mine.py"):
        yield defect(
            f"method: source {source!r}",
            lambda text, source=source: with_value(stated(text), "method_source", source),
            "method-facts",
        )
    yield defect(
        "method: a short digest",
        lambda text: with_value(stated(text), "method_sha256", "0" * 63),
        "method-facts",
    )
    yield defect(
        "method: momentum of Adam",
        lambda text: added(text, "opt_adam_epsilon", "opt_sgd_momentum", 0.9),
        "method-optimizer",
    )
    yield defect(
        "method: a fit with steps",
        lambda text: with_value(with_value(stated(text), "method_kind", "fitted"), "epochs", 1),
        "method-optimizer",
        "epochs-limit",
    )
    yield defect("method: fitted in several epochs", lambda text: of_kind(text, "fitted"), "method-epochs")
    yield defect("method: masks", lambda text: of_kind(text, "masks"), "method-masks")
    yield defect(
        "method: a margin of half a patch",
        lambda text: added(text, "patch_size", "training_margin", 128),
        "training-margin",
    )


DEFECTS = (
    typed(
        "method-facts",
        without(stated(COMPLETED), "method_sha256"),
        14,
        "`method`, `method_kind`, `method_source` and `method_options` without `method_sha256`",
    ),
    typed("method-epochs", of_kind(COMPLETED, "fitted"), 27, "`epochs` 3"),
    typed(
        "method-optimizer",
        added(COMPLETED, "opt_adam_epsilon", "opt_sgd_momentum", 0.9),
        29,
        f"`opt_sgd_momentum` with opt_name {excerpt('adam')}",
    ),
    typed("method-masks", of_kind(COMPLETED, "masks"), 15, "method_kind masks"),
    typed(
        "training-margin",
        added(COMPLETED, "patch_size", "training_margin", 128),
        34,
        "margin 128 of patch 256",
    ),
)
