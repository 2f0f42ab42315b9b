"""python -m compliance.upstream.proposal.try_out COPY BUNDLE [LOG ...]: run upstream's tests and tools.

COPY is a folder that `apply` made. The tools are run one by one, on a copy of the bundle. Prints a table of
what each said, and for each log that upstream fails its messages. Exit status: 0 where the tests pass and no
tool ends with a traceback, else 1; verdicts do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import markdown_table, printable
from compliance.subjects.folders import CheckError
from compliance.subjects.parse import TOKEN
from compliance.upstream.proposal.apply import PACKAGE
from compliance.upstream.proposal.insertions import RULESET
from compliance.wording import show

SCIENCE = ("science", RULESET)
#: Far more than any tool needs for a bundle of a few runs.
TIMEOUT_SECONDS = 120.0
#: The beginnings of the compliance checker's messages.
MESSAGES = (
    "Required",
    "CHECK for",
    "failed test",
    "Failed executing",
    "Could not",
    "Log lines",
    "No log lines",
)
SCRIPT = "verify_for_v0.5_science.sh"
TESTS = (f"{PACKAGE}.mllog.test_mllog", f"{PACKAGE}.compliance_checker.test_science")


@dataclass(frozen=True)
class Trial:
    """A call of a tool, and how it ended; the status is None if the time limit stopped it."""

    tool: str
    arguments: tuple[str, ...]
    status: int | None
    output: str

    @property
    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.output

    @property
    def broken(self) -> bool:
        """Whether the tool crashed, was stopped or failed its tests. Its verdict on a log does not matter."""
        return self.status is None or self.traceback or (self.tool == "unittest" and self.status != 0)

    @property
    def last_line(self) -> str:
        """The last line of content: no line of dashes, and not the note where the output is also kept."""
        lines = (line.strip() for line in self.output.splitlines())
        said = [line for line in lines if line.strip("-") and not re.match(r"\*\*|(INFO - )?-+$", line)]
        return said[-1] if said else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m compliance.upstream.proposal.try_out", description=__doc__.split("\n")[0]
    )
    parser.add_argument("copy", type=Path, metavar="COPY", help="a folder that apply made")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder of a bundle in dist/")
    parser.add_argument("logs", type=Path, nargs="*", metavar="LOG", help="further logs")
    options = parser.parse_args(arguments)
    try:
        trials = list(try_out(options.copy, options.bundle, options.logs))
    except CloudMaskError as error:
        print(error, file=sys.stderr)
        return 2
    print(_table(trials))
    for trial in trials:
        if messages := messages_of(trial):
            print(f"\n{trial.arguments[-1]}")
            print("".join(f"- {message}\n" for message in messages), end="")
    return int(any(trial.broken for trial in trials))


def try_out(copy: Path, bundle: Path, logs: Sequence[Path] = ()) -> Iterator[Trial]:
    """Run upstream's tests, then every tool on the organisation's folder of the bundle, then the checker on
    each of the logs. The tools run in a temporary folder and do not see this project."""
    if not (copy / PACKAGE / "compliance_checker" / f"science_{RULESET}").is_dir():
        raise CheckError(
            copy,
            found="no Science ruleset",
            expected=f"a copy of {PACKAGE} with the proposal applied",
            remedy=f"make one: python -m compliance.upstream.proposal.apply {copy}",
        )
    with TemporaryDirectory(prefix="try-out-") as name:
        place = Path(name)
        organisation = shutil.copytree(_organisation(bundle), place / "organisation")
        calls = [("unittest", TESTS), *_calls(organisation), *(_checker(str(log.absolute())) for log in logs)]
        for tool, arguments in calls:
            yield run(copy, place, tool, arguments)


def run(copy: Path, place: Path, tool: str, arguments: Sequence[str]) -> Trial:
    """Call a tool of the copy once, in the folder ``place``."""
    command = {
        "unittest": [sys.executable, "-m", tool],
        SCRIPT: ["bash", str(copy.resolve() / "scripts" / SCRIPT)],
    }.get(tool, [sys.executable, "-m", f"{PACKAGE}.{tool}"])
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(copy.resolve()),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=place,
            env=environment,
            timeout=TIMEOUT_SECONDS,
        )
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as stopped:
        status, output = None, stopped.output or b""
    return Trial(tool, tuple(arguments), status, output.decode(errors="replace"))


def messages_of(trial: Trial) -> list[str]:
    """Return the compliance checker's objections to a log: each message with the value that it is about,
    but without the state of the rules that it quotes."""
    if trial.tool != "compliance_checker" or not trial.status:
        return []
    messages = []
    for block in re.split(r"^-{30}$", trial.output, flags=re.M):
        lines = [re.sub(r"^(WARNING|ERROR|INFO) - +", "", line).strip() for line in block.splitlines()]
        said = " ".join(line for line in lines if line.startswith(MESSAGES))
        quoted = re.search(rf"(?:failed in line \d+|triggered by line ?):\n{TOKEN} (.*)", block)
        if said:
            value = f" ({show(json.loads(quoted[1])['value'])})" if quoted else ""
            messages.append(printable(said) + value)
    return messages


def _organisation(bundle: Path) -> Path:
    """Return the folder of a bundle that has the layout of upstream's tools."""
    folders = [bundle, *sorted(path for path in bundle.glob("*") if path.is_dir())]
    for folder in folders:
        if (folder / "systems").is_dir() and (folder / "results").is_dir():
            return folder
    raise CheckError(
        bundle,
        found="no folder with systems/ and results/",
        expected="a bundle, or an organisation's folder in it",
        remedy="make one with `make submission`, and name its folder in dist/",
    )


def _checker(log: str) -> tuple[str, tuple[str, ...]]:
    return "compliance_checker", ("--usage", SCIENCE[0], "--ruleset", SCIENCE[1], log)


def _calls(organisation: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the calls of upstream's tools on a submission, with paths relative to its parent."""
    below = organisation.parent
    for folder in sorted(organisation.glob("results/*/*/")):
        for log in sorted(folder.glob("result_*.txt")):
            yield _checker(str(log.relative_to(below)))
    for system in sorted(organisation.glob("systems/*.json")):
        yield "system_desc_checker", (str(system.relative_to(below)), *SCIENCE)
    yield "package_checker", (organisation.name, *SCIENCE)
    yield "repo_checker", (organisation.name, *SCIENCE)
    for folder in sorted(organisation.glob("results/*/*/")):
        usage = ("--rcp_usage", SCIENCE[0], "--rcp_version", SCIENCE[1])
        yield "rcp_checker", (*usage, str(folder.relative_to(below)))
    yield "result_summarizer", (organisation.name, *SCIENCE, "--csv", "summary.csv")
    yield SCRIPT, (organisation.name,)


def _table(trials: Sequence[Trial]) -> str:
    return markdown_table(
        ("tool", "arguments", "exit status", "last line", "traceback"),
        (
            (
                trial.tool,
                " ".join(trial.arguments),
                "stopped" if trial.status is None else str(trial.status),
                trial.last_line,
                "yes" if trial.traceback else "no",
            )
            for trial in trials
        ),
        escape=lambda text: printable(text).replace("|", "\\|"),
    )


if __name__ == "__main__":
    sys.exit(main())
