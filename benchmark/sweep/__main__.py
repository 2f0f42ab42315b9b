"""python -m benchmark.sweep plan|submit|status|logs|stop|resume|collect|clean EXPERIMENT [--site NAME|FILE].

Exit 0: done, 1: runs failed or logs have errors, 2: the command itself failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, ConfigError, RunError, os_failure
from benchmark.core.escaping import printable
from benchmark.core.files import write_text
from benchmark.record.code.provenance import code_facts, not_submittable
from benchmark.sweep import efficiency
from benchmark.sweep.clean import clean
from benchmark.sweep.experiment import PlannedRun, experiment_path, load_experiment
from benchmark.sweep.folder import check_submitted, experiment_folder
from benchmark.sweep.site import load_site
from benchmark.sweep.status import RunStatus, last_words
from benchmark.sweep.submit import Sweep, command_line, current_statuses, resume, stop, submit
from benchmark.sweep.table import COLUMNS, check_logs, point_tables, shown, to_csv, to_markdown


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        site = load_site(options.site)
        experiment = load_experiment(experiment_path(options.experiment), site)
        named = "" if options.site == "local" else options.site
        sweep = Sweep(experiment, site, experiment_folder(experiment, site.output), Display(), named)
        if not sweep.display.console.is_terminal:
            sweep.display.console.width = 10_000  # tables in a file are as wide as they need to be
        if options.verb == "logs":
            return _logs(sweep, options.run)
        verbs: dict[str, Callable[[Sweep], int]] = {
            "plan": _plan,
            "submit": _submit,
            "status": lambda sweep: _status(sweep, as_json=options.json, every=options.watch),
            "stop": lambda sweep: _stop(sweep, options.runs),
            "resume": lambda sweep: _with_table(sweep, resume(sweep, _chosen(sweep, options.runs))),
            "collect": _collect,
            "clean": lambda sweep: clean(sweep, remove=options.yes),
        }
        return verbs[options.verb](sweep)
    except (CloudMaskError, OSError) as error:
        if isinstance(error, OSError):
            expected = "room and permission for the files of the experiment"
            remedy = "look at the disk and the folder's permissions, and try again"
            error = os_failure(RunError, error, "output", expected=expected, remedy=remedy)
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if options.verb != "status":
            print("stopped (SIGINT); `status` shows what is there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.sweep",
        description="Plan, submit, watch, stop, resume and collect all runs of an experiment file.",
        epilog="Exit status: 0 done, 1 runs failed or logs have errors, 2 the command itself failed.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, description in (
        ("plan", "show the runs and what they ask for; write nothing"),
        ("submit", "write the runs' folders, and submit them as a job array or run them here"),
        ("status", "show the state of every run"),
        ("logs", "show what the runs wrote to their terminal"),
        ("stop", "stop the runs of this experiment; each makes a checkpoint"),
        ("resume", "submit again what is missing, failed or was stopped; never what is complete"),
        ("collect", "check the logs and make the tables"),
        ("clean", "show what complete runs keep that no result needs, and remove it with --yes"),
    ):
        add = verbs.add_parser(verb, help=description, description=description).add_argument
        add(
            "experiment",
            metavar="EXPERIMENT",
            help="YAML file, or the name of a shipped experiment, for example quickstart",
        )
        if verb == "logs":
            add("run", nargs="?", metavar="RUN", help="all lines of this run (default: the last one of each)")
        if verb == "status":
            add("--json", action="store_true", help="print the states as one JSON object")
            add(
                "--watch",
                nargs="?",
                type=_seconds,
                const=10.0,
                metavar="SECONDS",
                help="show them again every 10 (or SECONDS) seconds until no run is waiting or running",
            )
        if verb in ("stop", "resume"):
            add("runs", nargs="*", metavar="RUN", help="these runs only (default: all)")
        if verb == "clean":
            add("--yes", action="store_true", help="remove what is shown (default: only show it)")
        add(
            "--site",
            default="local",
            metavar="NAME|FILE",
            help="where the runs are computed (default: local)",
        )
    return parser


# ---- plan


def _plan(sweep: Sweep) -> int:
    runs = sweep.experiment.runs
    fields = list(dict.fromkeys(name for run in runs for name in run.varied))
    table = Table(title=f"{sweep.experiment.name} on {sweep.site.name}", title_justify="left")
    for name in texts("run", *fields, "seed", "nodes", "GPUs", "cores", "hours", "limit"):
        table.add_column(name, justify="left" if name.plain == "run" else "right")
    for run in runs:
        wanted = run.resources
        gpus = f"{wanted.gpus} {wanted.gpu_type or ''}".strip()
        hours = f"{wanted.hours_to_expect:g}", f"{wanted.hours:g}"
        values = (run.varied.get(name, "") for name in fields)
        counts = map(str, (run.config.seed, wanted.nodes, gpus, wanted.cores))
        table.add_row(*texts(run.name, *values, *counts, *hours))
    sweep.display.console.print(table)
    for line in _totals(sweep):
        sweep.display.say(line)
    _warn_of_missing_scenes(sweep)
    _warn_of_code(sweep)
    return 0


def _submit(sweep: Sweep) -> int:
    _warn_of_code(sweep)
    return _with_table(sweep, submit(sweep))


def _warn_of_code(sweep: Sweep) -> None:
    if reason := not_submittable(code_facts()):
        sweep.display.warn(f"these runs cannot be submitted to MLCommons: {reason}")


def _totals(sweep: Sweep) -> list[str]:
    experiment, wanted = sweep.experiment, [run.resources for run in sweep.experiment.runs]
    expected, most = (
        sum(getattr(each, name) * each.nodes for each in wanted) for name in ("hours_to_expect", "hours")
    )
    at_once = f", at most {experiment.at_once} at the same time" if experiment.at_once else ""
    return [
        f"runs        {len(wanted)}{at_once}",
        f"node-hours  {expected:.4g} expected, {most:.4g} at the limits",
        f"folder      {sweep.folder.root}",
    ]


def _warn_of_missing_scenes(sweep: Sweep) -> None:
    data = [run.config.data for run in sweep.experiment.runs if run.config.data.synthetic is None]
    for path in sorted({path for each in data for path in (each.training, each.inference)}):
        if not Path(path).is_dir():
            sweep.display.warn(f"no folder {path} here: the runs would find no scenes (docs/dataset.md)")


# ---- what is there


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 86_400:
        raise ValueError
    return seconds


def _status(sweep: Sweep, *, as_json: bool, every: float | None) -> int:
    check_submitted(sweep.folder, sweep.experiment, sweep.site.name, command_line(sweep, "submit"))
    show = _print_json if as_json else _print_table
    found = current_statuses(sweep)
    while every is not None and any(each.state in ("waiting", "running") for each in found):
        if sweep.display.console.is_terminal and not as_json:
            sweep.display.console.clear()
        show(sweep, found)
        time.sleep(every)
        found = current_statuses(sweep)
    show(sweep, found)
    return 1 if {"failed", "killed"} & {each.state for each in found} else 0


def _print_json(sweep: Sweep, found: Sequence[RunStatus]) -> None:
    """Print one line, so that a monitoring program can read line by line."""
    runs = [
        {
            "name": each.run.name,
            "seed": each.run.config.seed,
            "varied": dict(each.run.varied),
            "state": each.state,
            "detail": each.detail,
            "job": each.job,
            "epoch": each.progress.epochs,
            "epochs": each.run.config.training.epochs,
            "eval_accuracy": each.progress.eval_accuracy,
            "test_accuracy": each.progress.test_accuracy,
            "hours_left": each.hours_left,
        }
        for each in found
    ]
    print(
        json.dumps({"experiment": sweep.experiment.name, "site": sweep.site.name, "runs": runs}), flush=True
    )


def _print_table(sweep: Sweep, found: Sequence[RunStatus]) -> None:
    table = Table(title=f"{sweep.experiment.name} on {sweep.site.name}", title_justify="left")
    for name in ("run", "state", "epoch", "accuracy", "hours left", ""):
        table.add_column(name, justify="right" if name in ("epoch", "accuracy", "hours left") else "left")
    for each in found:
        progress = each.progress
        is_tested = progress.test_accuracy is not None
        accuracy = progress.test_accuracy if is_tested else progress.eval_accuracy
        cells = (
            each.run.name,
            each.state,
            f"{progress.epochs}/{each.run.config.training.epochs}",
            "" if accuracy is None else f"{accuracy:.4f} {'test' if is_tested else 'validation'}",
            "" if each.hours_left is None else f"{each.hours_left:.2f}",
            each.detail,
        )
        table.add_row(*texts(*cells))
    sweep.display.console.print(table)
    states = [each.state for each in found]
    sweep.display.say(", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


def _logs(sweep: Sweep, name: str | None) -> int:
    check_submitted(sweep.folder, sweep.experiment, sweep.site.name, command_line(sweep, "submit"))
    for run in _chosen(sweep, [name] if name else []):
        output = sweep.folder.output(run)
        text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        lines = text.splitlines() if name else [last_words(output)] if text else []
        sweep.display.say(f"{run.name}: {output}")
        for line in lines or ["nothing yet"]:
            sweep.display.say(f"    {line}")
    return 0


def _stop(sweep: Sweep, names: list[str]) -> int:
    check_submitted(sweep.folder, sweep.experiment, sweep.site.name, command_line(sweep, "submit"))
    cancelled, left = stop(sweep, _chosen(sweep, names))
    if not cancelled:
        sweep.display.say("no runs are waiting or running: nothing to stop")
        return 0
    jobs = listed([each.job for each in cancelled if each.job])
    ended = len(cancelled) - len(left)
    sweep.display.say(f"{ended} of {len(cancelled)} runs stopped{jobs}; `resume` continues them")
    if left:
        runs = {run.index: run.name for run in sweep.experiment.runs}
        there = ", ".join(f"{runs[each.index]} ({each.state} {each.job})".replace(" )", ")") for each in left)
        sweep.display.warn(f"still there: {there}; `status` shows when they have ended")
    return 1 if left else 0


def listed(jobs: list[str], most: int = 20) -> str:
    """Return some job numbers in parentheses, or nothing."""
    if not jobs:
        return ""
    return f" (jobs {', '.join(jobs[:most])}{f' and {len(jobs) - most} more' if len(jobs) > most else ''})"


def _chosen(sweep: Sweep, names: list[str]) -> list[PlannedRun]:
    """Return the runs with these names, or all. Raises ConfigError."""
    runs = {run.name: run for run in sweep.experiment.runs}
    for name in names:
        if name not in runs:
            raise ConfigError(
                "RUN",
                found=repr(name),
                expected="a run of the experiment: " + ", ".join([*runs][:20]),
                remedy="take its name from `status`",
            )
    return [runs[name] for name in names] or [*runs.values()]


def _collect(sweep: Sweep) -> int:
    check_submitted(sweep.folder, sweep.experiment, sweep.site.name, command_line(sweep, "submit"))
    found = current_statuses(sweep)
    logs: dict[str, list[Path]] = {}
    for each in found:
        if each.state == "complete":  # an unfinished log breaks rules on finished ones
            logs.setdefault(each.run.config.name, []).append(sweep.folder.run(each.run).log)
    with sweep.display.bar("checking", len(logs)) as advance:
        errors = check_logs(logs, advance)
    tables = point_tables(found)
    write_text(sweep.folder.table_markdown, to_markdown(sweep.experiment.name, tables))
    write_text(sweep.folder.table_csv, to_csv(tables))
    for each_table in tables:
        (title,) = texts(each_table.title or sweep.experiment.name)
        table = Table(title=title, title_justify="left")
        for name in ("run", *COLUMNS):
            table.add_column(name, justify="left" if name == "run" else "right")
        for row in each_table.rows:
            table.add_row(*texts(row.run, *shown(row.figures)))
        table.add_section()
        for label, figures in each_table.summary():
            table.add_row(label, *shown(figures))
        sweep.display.console.print(table)
    sweep.display.say(f"written to {sweep.folder.table_markdown} and {sweep.folder.table_csv.name}")
    if measured := efficiency.rows(found, sweep.folder):
        write_text(sweep.folder.efficiency_markdown, efficiency.to_markdown(sweep.experiment.name, measured))
        write_text(sweep.folder.efficiency_csv, efficiency.to_csv(measured))
        sweep.display.say(f"load, energy and hours: {sweep.folder.efficiency_markdown}")
    for error in errors:
        sweep.display.warn(error)
    incomplete = sum(each.state != "complete" for each in found)
    if incomplete:
        sweep.display.warn(f"{incomplete} of {len(found)} runs are not complete and not in the table")
    return 1 if errors or incomplete else 0


def texts(*cells: str) -> list[Text]:
    """Return cells of a terminal table, in which nothing is markup and nothing moves the cursor."""
    return [Text(printable(cell)) for cell in cells]


def _with_table(sweep: Sweep, status: int) -> int:
    """Show the table if a command has waited for all runs to end, as it does on this machine."""
    return _collect(sweep) if sweep.is_local and status == 0 else status


if __name__ == "__main__":
    sys.exit(main())
