"""The timeline of the best run: a track for each part, as wide as the page."""

from __future__ import annotations

from dataclasses import dataclass

from submission.figures.palette import INTERVALS
from submission.runs.runs import CheckedRun
from submission.runs.statistics import intervals

#: Approximate number of labels on the axis.
TICKS = 6


@dataclass(frozen=True)
class Scale:
    """Converts seconds since the start of the clock to percent of the width."""

    first: float
    last: float

    def percent(self, seconds: float) -> str:
        return f"{100 * (seconds - self.first) / ((self.last - self.first) or 1):.3f}%"


@dataclass(frozen=True)
class Timeline:
    """The timeline to draw, in seconds since the start of the clock."""

    #: Name and bars (start, end) of each part of the run.
    tracks: list[tuple[str, list[tuple[float, float]]]]
    #: Time and name of each event without a duration.
    moments: list[tuple[float, str]]
    scale: Scale

    @property
    def ticks(self) -> list[float]:
        """Round numbers for the axis."""
        first, last = self.scale.first, self.scale.last
        rough = (last - first) / TICKS or 1
        unit = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 0.1
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        return [number * step for number in range(-int(-first // step), int(last // step) + 1)]


def timeline(run: CheckedRun) -> Timeline:
    """Return the timeline of a run whose clock has started."""
    event = run.log.one("run_start")
    start = event.time_ms if event is not None and event.time_ms is not None else 0
    tracks = [
        (words, [((begin - start) / 1000, (end - start) / 1000) for begin, end in intervals(run.log, name)])
        for name, words, _ in INTERVALS
    ]
    moments = _moments(run, start)
    times = [time for _, bars in tracks for bar in bars for time in bar]
    times += [seconds for seconds, _ in moments]
    return Timeline(tracks, moments, Scale(min(times), max(times)))


def _moments(run: CheckedRun, start: int) -> list[tuple[float, str]]:
    """List the events without a duration, in seconds since the start of the clock."""
    moments = [(0.0, "the clock starts")]
    if run.summary.seconds_to_target is not None:
        moments.append((run.summary.seconds_to_target, "target reached in validation"))
    for event in (*run.log.sound("early_stop"), *run.log.sound("run_resumed")):
        if event.time_ms is not None:
            words = "patience ran out" if event.key == "early_stop" else "resumed"
            moments.append(((event.time_ms - start) / 1000, words))
    if run.summary.seconds is not None:
        moments.append((run.summary.seconds, "the clock stops"))
    return sorted(moments)
