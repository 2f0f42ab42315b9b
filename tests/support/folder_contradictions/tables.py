"""Contradictions in metrics.csv and timers.txt."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.folder_contradictions.contradiction import (
    Contradiction,
    Plant,
    cell,
    column,
    content,
    replaced,
    rows,
    tiny,
)

METRICS, TIMERS = "metrics.csv", "timers.txt"


def digit(text: str) -> str:
    """Change the last digit of a number."""
    return repr(math.nextafter(float(text), math.inf))


def metrics() -> Iterator[Contradiction]:
    form = {
        "another name of a column": replaced(METRICS, "train_loss", "loss"),
        "a column too few": rows(METRICS, lambda table: [row.pop() for row in table]),
        "a column too many": rows(
            METRICS, lambda table: [row.append("lr" if n == 0 else "1") for n, row in enumerate(table)]
        ),
        "two columns in each other's place": rows(METRICS, lambda table: table[0].reverse()),
        "a word in place of a number": cell(METRICS, 1, "eval_loss", "low"),
        "a loss that is no number": cell(METRICS, 1, "train_loss", "nan"),
        "an infinite loss": cell(METRICS, 2, "train_loss", "inf"),
        "a number with an underscore": cell(METRICS, 2, "training_seconds", "1_0.5"),
        "nothing in place of a number": cell(METRICS, 2, "learning_rate", ""),
        "half an epoch": cell(METRICS, 2, "epoch", "1.5"),
        "a row too short": rows(METRICS, lambda table: table[2].pop()),
        "an empty line": rows(METRICS, lambda table: table.insert(2, [])),
        "no header": rows(METRICS, lambda table: table.pop(0)),
        "nothing at all": content(METRICS, b""),
        "bytes of another encoding": content(METRICS, b"epoch,\xff\n1,2\n"),
    }
    epochs = {
        "an epoch twice": rows(METRICS, lambda table: table.insert(2, table[1])),
        "epochs in each other's place": rows(METRICS, lambda table: table.append(table.pop(1))),
        "an epoch too few": rows(METRICS, lambda table: table.pop()),
        "an epoch too many": rows(METRICS, lambda table: table.append(["3", *table[2][1:]])),
        "epochs counted from 0": column(METRICS, "epoch", lambda text: str(int(text) - 1)),
    }
    values = {
        f"{name} of epoch {epoch} with another last digit": cell(METRICS, epoch, name, digit)
        for epoch, name in ((1, "train_loss"), (2, "train_accuracy"), (1, "eval_loss"), (2, "eval_accuracy"))
    }
    values["losses rounded to four digits"] = column(METRICS, "eval_loss", lambda text: f"{float(text):.4f}")
    values["a better loss in the last epoch"] = cell(METRICS, 2, "eval_loss", "0.01")
    rates = {
        "a constant learning rate": column(METRICS, "learning_rate", lambda text: "0.001"),
        "twice the learning rate": column(METRICS, "learning_rate", lambda text: repr(2 * float(text))),
        "no learning rate at the end": cell(METRICS, 2, "learning_rate", "0.0"),
    }
    seconds = {
        "training 60 times as long": column(METRICS, "training_seconds", lambda text: repr(60 * float(text))),
        "evaluation 2 ms longer": cell(
            METRICS, 1, "evaluation_seconds", lambda text: repr(float(text) + 0.002)
        ),
        "training that took no time": cell(METRICS, 2, "training_seconds", "0"),
    }
    groups: dict[str, dict[str, Plant]] = {
        **{"metrics-form": form, "metrics-epochs": epochs, "metrics-agree": values},
        **{"metrics-rate": rates, "metrics-seconds": seconds},
    }
    for rule, plants in groups.items():
        yield from (tiny(f"metrics: {name}", rule, plant) for name, plant in plants.items())


def timer(name: str, field: int, change: str, *, table: bool = False) -> Plant:
    """Change a value in a row of the CSV part, or of the table for people."""

    def plant(folder: Path) -> None:
        mark = "| " if table else "# csv,"
        lines = (folder / TIMERS).read_text().splitlines()
        place = next(n for n, line in enumerate(lines) if line.startswith(f"{mark}{name}"))
        cells = re.split(r"(\s*[|,]\s*)", lines[place])
        cells[2 * field] = change
        lines[place] = "".join(cells)
        (folder / TIMERS).write_text("\n".join(lines) + "\n")

    return plant


def timers() -> Iterator[Contradiction]:
    form = {
        "a failed timer": replaced(TIMERS, "# csv,staging,ok", "# csv,staging,failed"),
        "a line of text": replaced(TIMERS, "# csv,load", "all good\n# csv,load"),
        "a length that is no number": timer("total", 3, "long"),
        "a start that is no time": timer("total", 5, "today"),
        "a value too few": replaced(TIMERS, "# csv,load,ok,", "# csv,load,"),
        "bytes of another encoding": content(TIMERS, b"\xff\xfe\n"),
    }
    names = {
        "a timer too few": replaced(TIMERS, "# csv,baselines,", "# csv,baseline,"),
        "a timer twice in the table": lambda folder: _repeat(folder, "| staging"),
        "a timer twice among the values": lambda folder: _repeat(folder, "# csv,staging"),
        "no values": lambda folder: _kept(folder, "|"),
        "no table": lambda folder: _kept(folder, "# csv"),
    }
    agree = {
        "the run in half of its time": timer("total", 3, "1.0"),
        "the sum of training in the table": timer("training", 4, "900.5", table=True),
        "the last evaluation": timer("evaluation", 3, "123.0"),
        "the sum of inference": timer("inference", 4, "0.001"),
        "staging a day later": timer("staging", 5, "2031-01-01 00:00:00"),
        "initialisation in the table": timer("load", 3, "0.5", table=True),
    }
    for rule, plants in {"timers-form": form, "timers-names": names, "timers-agree": agree}.items():
        yield from (tiny(f"timers: {name}", rule, plant) for name, plant in plants.items())


def _repeat(folder: Path, start: str) -> None:
    lines = (folder / TIMERS).read_text().splitlines(keepends=True)
    (folder / TIMERS).write_text("".join(line * (2 if line.startswith(start) else 1) for line in lines))


def _kept(folder: Path, start: str) -> None:
    lines = (folder / TIMERS).read_text().splitlines(keepends=True)
    (folder / TIMERS).write_text("".join(line for line in lines if line.startswith(start)))
