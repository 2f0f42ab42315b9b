"""Plot the timeline of a run from its events: what it did, and when."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compliance.subjects.log import Log
from submission.figures.palette import INTERVALS, PURPLE, VERMILLION
from submission.figures.style import new_figure
from submission.runs.runs import CheckedRun
from submission.runs.statistics import intervals


def timeline(run: CheckedRun) -> Figure:
    """Plot the timeline in seconds since the start of the clock; earlier times are negative."""
    start = _time(run.log, "run_start")
    figure = new_figure(2.6)
    axes = figure.subplots()
    for row, (name, _, colour) in enumerate(INTERVALS):
        bars = [((begin - start) / 1000, (end - begin) / 1000) for begin, end in intervals(run.log, name)]
        axes.broken_barh(bars, (row - 0.36, 0.72), facecolor=colour, edgecolor=colour, linewidth=0.5)
        axes.annotate(
            f"{sum(length for _, length in bars):.1f} s",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(range(len(INTERVALS)), [words for _, words, _ in INTERVALS])
    axes.set(
        ylim=(len(INTERVALS) - 0.4, -0.6), xlabel=f"seconds since the start of the clock (seed {run.seed})"
    )
    axes.grid(axis="y", visible=False)
    _mark_moments(axes, run, start)
    return figure


def _mark_moments(axes: Axes, run: CheckedRun, start: int) -> None:
    """Draw a line at each event without a duration."""
    moments = [(0.0, "the clock starts and stops", "black", "-")]
    if run.summary.seconds is not None:
        moments.append((run.summary.seconds, "the clock starts and stops", "black", "-"))
    if run.summary.seconds_to_target is not None:
        moments.append((run.summary.seconds_to_target, "target reached in validation", VERMILLION, "--"))
    for event in (*run.log.sound("early_stop"), *run.log.sound("run_resumed")):
        words = "patience ran out" if event.key == "early_stop" else "resumed"
        if event.time_ms is not None:
            moments.append(((event.time_ms - start) / 1000, words, PURPLE, ":"))
    for seconds, words, colour, line in moments:
        axes.axvline(seconds, color=colour, linestyle=line, linewidth=1, label=words)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.figure.legend(handles.values(), handles, loc="outside upper center", ncols=len(handles))


def _time(log: Log, key: str) -> int:
    """Return the time of a complete run's event, in milliseconds."""
    event = log.one(key)
    assert event is not None  # the rules have passed
    assert event.time_ms is not None
    return event.time_ms
