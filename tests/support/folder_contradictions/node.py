"""Contradictions in telemetry.csv and system.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.folder_contradictions.contradiction import (
    Contradiction,
    Plant,
    both,
    cell,
    column,
    complete,
    content,
    event,
    events,
    fact,
    facts,
    removed,
    rows,
    tiny,
)
from tests.support.runs.hand_runs import V100

TELEMETRY, FORMAT = "telemetry.csv", "%Y-%m-%dT%H:%M:%S.%fZ"
LOAD, MEMORY = "process_cpu_percent", "process_memory_mb"


def moved(seconds: float) -> Callable[[str], str]:
    """Return a function that moves a time by ``seconds``."""

    def later(text: str) -> str:
        return (datetime.strptime(text, FORMAT) + timedelta(seconds=seconds)).strftime(FORMAT)[:-4] + "Z"

    return later


def energy(value: float, sources: str | None = None) -> Plant:
    """Multiply the energy of the second epoch by ``value``."""

    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["key"] == "epoch_energy" and line["metadata"]["epoch_num"] == 2:
                line["value"] *= value
                line["metadata"]["sources"] = sources or line["metadata"]["sources"]

    return events(change)


def with_energy_of_accelerators(lines: list[dict[str, Any]]) -> None:
    """Add an energy of the first epoch to a log without energies."""
    place = next(index for index, line in enumerate(lines) if line["key"] == "eval_stop")
    fields = {**lines[place], "event_type": "POINT_IN_TIME", "key": "epoch_energy", "value": 900.0}
    fields["metadata"] = {**lines[place]["metadata"], "sources": "accelerators"}
    lines.insert(place, fields)


def without_accelerators(table: list[list[str]]) -> None:
    for row in table:
        del row[9:]


def with_another_accelerator(table: list[list[str]]) -> None:
    table[0] += [name.replace("0", "1") for name in table[0][9:14]]
    for row in table[1:]:
        row += [*row[9:13], "0"]


def stretched(folder: Path) -> None:
    """Compress the times of the first start to 80 % of their length; leave its seconds unchanged."""
    lines = (folder / TELEMETRY).read_text().splitlines()
    begin = datetime.strptime(lines[1].partition(",")[0], FORMAT)
    last = 0.0
    for number, line in enumerate(lines[1:], start=1):
        time, seconds, rest = line.split(",", 2)
        if float(seconds) < last:
            break
        last = float(seconds)
        slower = begin + 0.8 * (datetime.strptime(time, FORMAT) - begin)
        lines[number] = f"{slower.strftime(FORMAT)[:-4]}Z,{seconds},{rest}"
    (folder / TELEMETRY).write_text("\n".join(lines) + "\n")


def telemetry() -> Iterator[Contradiction]:
    form = {
        "a column of its own": rows(TELEMETRY, lambda table: table[0].__setitem__(2, "load")),
        "a column too few": rows(TELEMETRY, lambda table: [row.pop() for row in table]),
        "columns in another order": rows(TELEMETRY, lambda table: table[0].reverse()),
        "a negative load": cell(TELEMETRY, 1, LOAD, "-3.0"),
        "a share of 250 %": cell(TELEMETRY, 1, "system_cpu_percent", "250.0"),
        "a word": cell(TELEMETRY, 1, MEMORY, "much"),
        "memory that is no number": cell(TELEMETRY, 1, MEMORY, "nan"),
        "a time without a date": cell(TELEMETRY, 1, "time", "12:00:00"),
        "a time that does not exist": cell(TELEMETRY, 1, "time", "2026-13-41T00:00:00.000Z"),
        "seconds before 0": cell(TELEMETRY, 1, "seconds", "-1.0"),
        "a row too short": rows(TELEMETRY, lambda table: table[1].pop()),
        "bytes of another encoding": content(TELEMETRY, b"time,\xe9\n"),
    }
    span = {
        "of a day earlier": column(TELEMETRY, "time", moved(-86_400)),
        "of a day later": column(TELEMETRY, "time", moved(86_400)),
        "of an hour later": column(TELEMETRY, "time", moved(3600)),
    }
    yield from (tiny(f"telemetry: {name}", "telemetry-form", plant) for name, plant in form.items())
    yield from (tiny(f"telemetry: {name}", "telemetry-span", plant) for name, plant in span.items())
    of_complete: list[tuple[str, str, Plant]] = [
        (
            "a sample out of its order",
            "telemetry-order",
            rows(TELEMETRY, lambda table: table.insert(9, table[3])),
        ),
        (
            "a minute and more missing",
            "telemetry-gap",
            rows(TELEMETRY, lambda table: table.__delitem__(slice(40, 60))),
        ),
        ("no end", "telemetry-gap", rows(TELEMETRY, lambda table: table.__delitem__(slice(-30, None)))),
        ("no beginning", "telemetry-gap", rows(TELEMETRY, lambda table: table.__delitem__(slice(1, 40)))),
        ("times slower than seconds", "telemetry-clock", stretched),
        (
            "nothing computed",
            "telemetry-work",
            both(
                column(TELEMETRY, LOAD, lambda text: "1.5"),
                column(TELEMETRY, "accelerator0_utilisation_percent", lambda text: "0.0"),
                event("accelerators_per_node", 0),
            ),
        ),
        (
            "an accelerator that did nothing",
            "telemetry-work",
            column(TELEMETRY, "accelerator0_utilisation_percent", lambda text: "0"),
        ),
        ("busier than all processors", "telemetry-work", column(TELEMETRY, LOAD, lambda text: "9000.0")),
        ("more memory than the node has", "telemetry-memory", cell(TELEMETRY, 7, MEMORY, "900000.0")),
        (
            "more memory free than the node has",
            "telemetry-memory",
            cell(TELEMETRY, 7, "available_memory_mb", "900000.0"),
        ),
        (
            "processors that give energy back",
            "telemetry-counters",
            cell(TELEMETRY, 20, "cpu_energy_j", "1.0"),
        ),
        (
            "an accelerator that gives energy back",
            "telemetry-counters",
            cell(TELEMETRY, 20, "accelerator0_energy_mj", "5.0"),
        ),
        ("an epoch of a tenth of the energy", "telemetry-energy", energy(0.1)),
        ("an epoch of twice the energy", "telemetry-energy", energy(2.0)),
        ("an epoch of all energy as that of the processors", "telemetry-energy", energy(1.0, "cpu")),
        (
            "an accelerator that the node has not",
            "telemetry-accelerators",
            rows(TELEMETRY, with_another_accelerator),
        ),
        (
            "no accelerator where one was used",
            "telemetry-accelerators",
            both(
                rows(TELEMETRY, without_accelerators),
                events(
                    lambda lines: lines.__setitem__(
                        slice(None), [x for x in lines if x["key"] != "epoch_energy"]
                    )
                ),
            ),
        ),
    ]
    yield from (complete(f"telemetry: {name}", rule, plant) for name, rule, plant in of_complete)
    yield tiny(
        "telemetry: energy of accelerators that were not sampled",
        "telemetry-energy",
        events(with_energy_of_accelerators),
    )
    yield tiny(
        "telemetry: less memory than the weights",
        "telemetry-memory",
        column(TELEMETRY, MEMORY, lambda text: "0.001"),
    )


def at(seconds: int, file: str = "system.json") -> Plant:
    """Measure the node ``seconds`` later."""
    form = "%Y-%m-%dT%H:%M:%SZ"

    def change(data: dict[str, Any]) -> None:
        moment = datetime.strptime(data["measured_at"], form) + timedelta(seconds=seconds)
        data["measured_at"] = moment.strftime(form)

    return facts(change, file)


def as_third_start(folder: Path) -> None:
    (folder / "system-2.json").rename(folder / "system-3.json")


def of_two_starts(folder: Path) -> None:
    (folder / "system-2.json").write_bytes((folder / "system.json").read_bytes())


def repeated_field(folder: Path) -> None:
    text = (folder / "system.json").read_text()
    (folder / "system.json").write_text(text.replace('"python"', '"number_of_nodes": 8,\n  "python"', 1))


def measured() -> Iterator[Contradiction]:
    form = {
        "no JSON": content("system.json", b"{"),
        "a list": content("system.json", b"[]"),
        "bytes of another encoding": content("system.json", b'{"os": "\xff"}'),
        "a field twice": repeated_field,
        "no format": fact("format", None),
        "another format": fact("format", "somebody-else-3"),
        "no processors": facts(lambda data: data.pop("cpu")),
        "processors as a text": fact("cpu.threads", "2"),
        "no thread": fact("cpu.threads", 0),
        "no memory": fact("memory.total_bytes", 0),
        "memory below 0": fact("memory.total_bytes", -5_000_000_000_000),
        "no node": fact("number_of_nodes", 0),
        "a processor without a name": fact("cpu.model", None),
        "an accelerator without a name": fact("accelerators", [{"memory_bytes": 5}]),
        "accelerators as a number": fact("accelerators", 4),
        "a version that is a number": fact("packages.numpy", 2.4),
        "a commit that is a number": fact("git.commit", 12),
        "changes as a text": fact("git.dirty", "no"),
        "a time that does not exist": fact("measured_at", "2026-02-30T00:00:00Z"),
        "a time of another zone": fact("measured_at", "2026-02-20T00:00:00+02:00"),
    }
    of_tiny: list[tuple[str, str, Plant]] = [
        ("another commit", "measured-code", fact("git.commit", "f" * 40)),
        ("no commit", "measured-code", fact("git.commit", None)),
        ("no TensorFlow", "measured-packages", fact("packages.tensorflow", None)),
        ("packages without TensorFlow", "measured-packages", fact("packages", {"numpy": "2.4.6"})),
        ("another processor", "measured-platform", fact("cpu.model", "Cray-1")),
        ("more cores", "measured-platform", fact("cpu.cores", 64)),
        ("an accelerator that the run did not use", "measured-platform", fact("accelerators", [V100])),
        ("measured after the run", "measured-time", at(86_400)),
        ("measured during the run", "measured-time", at(60)),
        ("measured the day before", "measured-time", at(-86_400)),
        ("two starts of a run that was not resumed", "measured-starts", of_two_starts),
    ]
    of_complete: list[tuple[str, str, Plant]] = [
        ("changes that the log has not", "measured-code", fact("git.dirty", True)),
        ("other nodes", "measured-node", fact("number_of_nodes", 4)),
        ("fewer nodes of Slurm", "measured-node", fact("slurm", {"SLURM_NNODES": "0"})),
        (
            "no accelerator where one was used",
            "measured-accelerators",
            both(
                fact("accelerators", []),
                fact("accelerators", [], "system-2.json"),
                removed(TELEMETRY),
            ),
        ),
        ("no facts of the second start", "measured-starts", removed("system-2.json")),
        ("a third start and no second", "measured-starts", as_third_start),
        ("another processor when resumed", "measured-hardware", fact("cpu.model", "Cray-1", "system-2.json")),
        ("other instructions when resumed", "measured-hardware", fact("cpu.flags", [], "system-2.json")),
        ("no TensorFlow when resumed", "measured-packages", fact("packages", {}, "system-2.json")),
        ("resumed before the run began", "measured-time", at(-7200, "system-2.json")),
        ("resumed after the run had stopped", "measured-time", at(7200, "system-2.json")),
        ("facts of the second start without a format", "measured-form", fact("format", "", "system-2.json")),
    ]
    yield from (tiny(f"measured: {name}", "measured-form", plant) for name, plant in form.items())
    yield from (tiny(f"measured: {name}", rule, plant) for name, rule, plant in of_tiny)
    yield from (complete(f"measured: {name}", rule, plant) for name, rule, plant in of_complete)


def json_of(path: Path) -> Any:
    return json.loads(path.read_text())
