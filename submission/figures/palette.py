"""Colours, lines and words shared by figures and report. Imports no drawing package."""

from __future__ import annotations

import re

#: Okabe and Ito's colours, which colour-blind readers can distinguish; yellow is too pale for lines.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#666666"
#: Runs differ in colour and in line style, so that a grey copy is readable.
RUN_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
RUN_LINES = ("-", "--", "-.", ":")

PERIODS = {"day": ORANGE, "night": BLUE}
PERIOD_MARKS = {"day": "o", "night": "s"}

#: Names of the two splits in the log and in words.
SPLITS = {"train": "training", "eval": "validation"}
MEASURES = {"loss": "binary cross-entropy", "accuracy": "pixel accuracy"}
#: Runs with more epochs get a solid line: dashes would look like the jumps of hundreds of epochs.
MARKED_EPOCHS = 20

#: The intervals of a run from top to bottom: name in the log, name in words, colour.
INTERVALS = (
    ("init", "initialisation", GREY),
    ("staging", "staging", PURPLE),
    ("epoch", "training epochs", BLUE),
    ("eval", "validation", ORANGE),
    ("inference", "inference", GREEN),
    ("baselines", "baselines", SKY),
)


def short_name(scene: str) -> str:
    """Return the start of sensing (``2019-10-01 11:32:21``) if the name contains it, else the name."""
    match = re.search(r"_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)_", scene)
    return "{}-{}-{} {}:{}:{}".format(*match.groups()) if match else scene
