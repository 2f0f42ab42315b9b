"""Terminal output of a run: progress bars on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from benchmark.core.escaping import printable_lines
from benchmark.core.files import reason_of

#: Call with the absolute progress and a note to show next to the bar.
Update = Callable[[int, str], None]


class Display:
    """Draws bars only on a terminal, so that the output file of a batch job stays readable."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(highlight=False, soft_wrap=True, quiet=quiet)
        self._warned: set[str] = set()

    def say(self, text: str) -> None:
        self.console.print(printable_lines(text), markup=False)

    def warn(self, text: str) -> None:
        """Print a warning in yellow, once: what fails in every epoch does not need a line in each."""
        if text not in self._warned:
            self._warned.add(text)
            self.console.print(f"warning: {printable_lines(text)}", style="yellow", markup=False)

    @contextlib.contextmanager
    def spared(self) -> Iterator[None]:
        """Turn failures to read or write a file that a run can do without into warnings."""
        try:
            yield
        except OSError as error:
            self.warn(f"{error.filename or 'a file'}: {reason_of(error)}; the run does without it")

    @contextlib.contextmanager
    def bar(self, title: str, total: int, *, lines: bool = False) -> Iterator[Update]:
        """Show a bar that vanishes when its block ends; yield the function that moves it.

        ``lines``: without a terminal, print a line for every tenth instead.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns, console=self.console, disable=not self.console.is_terminal, transient=True
        ) as progress:
            task = progress.add_task(title, total=total, note="")

            def update(done: int, note: str) -> None:
                progress.update(task, completed=done, note=note)
                if lines and progress.disable and 10 * done // total > 10 * (done - 1) // total:
                    self.say(f"{title} {done}/{total}")

            yield update

    @contextlib.contextmanager
    def transfer(self, title: str, done: int, total: int) -> Iterator[Callable[[int], None]]:
        """Show bytes of ``total`` with rate and time left: a bar, or a line every tenth without a terminal.

        Yields a function to call with the number of further bytes done.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        terminal = self.console.is_terminal
        first, started, tenth = done, time.monotonic(), 10 * done // max(total, 1)

        def advance(count: int) -> None:
            nonlocal done, tenth
            done += count
            progress.update(task, completed=done)
            if not terminal and (reached := 10 * done // max(total, 1)) > tenth:
                tenth = reached
                rate = (done - first) / max(time.monotonic() - started, 1e-3)
                left = timedelta(seconds=round((total - done) / rate))
                self.say(
                    f"{title}: {done / 1e9:.3g} of {total / 1e9:.3g} GB, {rate / 1e6:.3g} MB/s, {left} left"
                )

        with Progress(*columns, console=self.console, disable=not terminal, transient=True) as progress:
            task = progress.add_task(title, total=total, completed=done)
            yield advance

    def summary(self, result: dict[str, Any], run: str, folder: str) -> None:
        """Print the run's result as a table."""
        scores = result["scores"]["bayes"]
        table = Table(title=f"{run}: {result['metric']} {result['value']:.4f}", title_justify="left")
        table.add_column("")
        for name in scores:
            table.add_column(name.replace("_", " "), justify="right")
        for measure in ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall"):
            table.add_row(measure.replace("_", " "), *(_figure(part[measure]) for part in scores.values()))
        if "truth" in result["scores"]:
            truth = result["scores"]["truth"]
            table.add_row("accuracy against truth", *(_figure(truth[part]["accuracy"]) for part in scores))
        self.console.print(table)
        timing = result["timing"]
        target = "reached" if result["target_reached"] else "NOT reached"
        for line in (
            f"target      {result['quality_target']} {target}",
            *_learned(result),
            f"seconds     total {timing['total_seconds']:.1f}: staging {timing['staging_seconds']:.1f}, "
            f"training {timing['training_seconds']:.1f}, evaluation {timing['evaluation_seconds']:.1f}, "
            f"inference {timing['inference_seconds']:.1f} ({timing['seconds_per_scene']:.2f} a scene)",
            f"data        {result['data']['kind']}"
            + (
                " scenes: a demonstration, no observation of Sentinel-3"
                if result["data"]["kind"] == "synthetic"
                else ""
            ),
            f"files       {folder}",
        ):
            self.say(line)


def _learned(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about baselines and epochs; none for finished masks, which have neither."""
    if "baselines" in result:
        baselines = ", ".join(f"{name} {value:.4f}" for name, value in result["baselines"].items())
        beats = "beats them all" if result["beats_baselines"] else "DOES NOT BEAT them all"
        yield f"baselines   {baselines}: the run {beats}"
    if "epochs_run" in result:
        yield (
            f"epochs      {result['epochs_run']}, best {result['best_epoch']} "
            f"(train {result['train_accuracy']:.4f}, validation {result['validation_accuracy']:.4f})"
        )


@contextlib.contextmanager
def native_messages_to(path: Path) -> Iterator[None]:
    """Redirect what compiled code writes to standard error during the block to a file.

    TensorFlow writes a dozen lines about the machine when it loads and runs; they are worth keeping, but not
    worth showing in every run. Python exceptions are not redirected.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
