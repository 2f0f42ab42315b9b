"""The timeline of the best run in HTML: a track for each part, as wide as the page is."""

from __future__ import annotations

import html
from dataclasses import dataclass

from submission.runs.runs import Run
from submission.runs.statistics import intervals

#: About so many numbers stand on the axis.
TICKS = 6


@dataclass(frozen=True)
class Scale:
    """Seconds since the start of the clock -> percent of the width."""

    first: float
    last: float

    def percent(self, seconds: float) -> str:
        return f"{100 * (seconds - self.first) / ((self.last - self.first) or 1):.3f}%"


def timeline_html(run: Run) -> str:
    """The tracks, the axis and the moments of a run whose clock was started."""
    from submission.figures.timeline import ROWS

    event = run.log.one("run_start")
    start = event.time_ms if event is not None and event.time_ms is not None else 0
    bars = {
        name: [((begin - start) / 1000, (end - start) / 1000) for begin, end in intervals(run.log, name)]
        for name, _, _ in ROWS
    }
    moments = _moments(run, start)
    times = [time for part in bars.values() for bar in part for time in bar]
    times += [seconds for seconds, _ in moments]
    scale = Scale(min(times), max(times))
    rows = [_row(number, words, bars[name], scale, moments) for number, (name, words, _) in enumerate(ROWS)]
    return (
        f'<div class="timeline">\n{"".join(rows)}{_axis(scale)}</div>\n<ul class="moments">\n'
        + "".join(f"<li>{html.escape(words)}: {seconds:.1f} s</li>\n" for seconds, words in moments)
        + "</ul>\n"
    )


def _moments(run: Run, start: int) -> list[tuple[float, str]]:
    """What happened at one moment, in seconds since the start of the clock."""
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


def _row(
    number: int,
    words: str,
    bars: list[tuple[float, float]],
    scale: Scale,
    moments: list[tuple[float, str]],
) -> str:
    length = sum(end - begin for begin, end in bars)
    rectangles = "".join(
        f'<rect x="{scale.percent(begin)}" y="10%" height="80%" '
        f'width="{scale.percent(scale.first + end - begin)}"><title>{begin:.1f} to {end:.1f} s</title></rect>'
        for begin, end in bars
    )
    lines = "".join(
        f'<line x1="{scale.percent(at)}" x2="{scale.percent(at)}" y1="0" y2="100%"/>' for at, _ in moments
    )
    return (
        f'<div class="part part-{number}"><span>{html.escape(words)}</span>'
        f'<svg aria-hidden="true">{rectangles}{lines}</svg><span class="number">{length:.1f} s</span></div>\n'
    )


def _axis(scale: Scale) -> str:
    """Round numbers of seconds below the tracks."""
    rough = (scale.last - scale.first) / TICKS or 1
    unit = 10 ** len(str(int(rough))) / 10 if rough >= 1 else 0.1
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    first = -int(-scale.first // step)
    numbers = []
    while first * step <= scale.last:
        numbers.append(f'<text x="{scale.percent(first * step)}" y="1em">{first * step:g}</text>')
        first += 1
    return (
        f'<div class="part"><span>seconds</span><svg aria-hidden="true">{"".join(numbers)}</svg>'
        '<span class="number"></span></div>\n'
    )
