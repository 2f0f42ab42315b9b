"""The number of steps of a run, derived from its log."""

from __future__ import annotations

from typing import NamedTuple

from compliance.subjects.log import Log
from compliance.subjects.result_fields import lookup


class Steps(NamedTuple):
    """The steps of an epoch, and those of all epochs as planned for the learning rate."""

    epoch: int
    planned: int


def steps_of(log: Log) -> Steps | None:
    """Return the steps of a network's run; None if the log does not state enough to derive them.

    The plan includes skipped scenes, because it is made before they are read.
    """
    patches, batch = log.integer("train_samples"), log.integer("global_batch_size")
    epochs = log.integer("epochs")
    if (log.text("method_kind") or "network") != "network" or not patches or not batch or not epochs:
        return None
    planned = patches
    if skipped := log.all("skipped_scene").facts("split").count("training"):
        scenes = lookup(log.value("result"), "data", "training_scenes")
        if type(scenes) is not int or scenes < 1 or patches % scenes:
            return None
        planned = patches // scenes * (scenes + skipped)
    if min(patches, batch, epochs) < 1 or patches < batch:
        return None
    return Steps(patches // batch, planned // batch * epochs)
