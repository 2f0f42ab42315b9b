"""python -m tests.support.fuzz --minutes 10: does any input make the checker fail, hang or grow?

Feeds damaged logs, damaged system descriptions and random bytes to the parser, to every rule
on logs, sets and descriptions, and to every form of report, until the time is over. Stops at
the first input that crashes a rule, raises an exception, takes more than five seconds or
makes the process grow beyond a limit, and writes it to a file. Input N of a seed is always
the same.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmark import ROOT
from benchmark.record.events import BY_KEY
from compliance import registry
from compliance.finding import Finding
from compliance.reports.annotations import to_annotations
from compliance.reports.junit import to_junit
from compliance.reports.markdown_report import to_markdown
from compliance.reports.report import Report, summarise, to_json
from compliance.reports.sarif import to_sarif
from compliance.reports.text import to_text
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import profile_of
from compliance.subjects.log import condense
from compliance.subjects.strict_json import read_json
from tests.support.defects.catalogue import GENERAL
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, parsed
from tests.support.logs.log_edits import TOKEN, as_bytes

#: An input that takes longer counts as a hang.
HANG_SECONDS = 5.0
#: Maximum increase of peak memory by one input; inputs are below three megabytes.
MEMORY_MIB = 400
PROGRESS_SECONDS = 5.0

GOOD_LOGS = (COMPLETED, EARLY_STOPPED)
GOOD_RUN = condense(parsed(COMPLETED, "logs/other/result.txt"))
SYSTEMS = [path.read_bytes() for path in sorted((ROOT / "submission" / "system" / "systems").glob("*.json"))]

#: Pieces that are meaningful to a parser, so worth inserting anywhere.
PIECES: tuple[bytes, ...] = (
    *(TOKEN.encode(), b":::ML", b"\n", b"\r\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80"),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"\\ud800", b",", b":", b" ", b"null", b"true", b"NaN"),
    *(b"-Infinity", b"1e999", b"-0.0", b"9" * 40, b"9" * 5000, b"[" * 3000, b'{"a":' * 2000, b"x" * 70_000),
    *(f'"{key}"'.encode() for key in BY_KEY),
)


class Hang(BaseException):
    """An input takes too long. Not an Exception, which the registry would turn into a finding."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise Hang if a block takes longer."""

    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- inputs


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change, remove or repeat some bytes, or mix them with others."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        begin = chance.randrange(len(data) + 1)
        end = min(len(data), begin + chance.choice((1, 4, 40, 400)))
        change = chance.randrange(6)
        if change == 0:
            data[begin:end] = chance.randbytes(end - begin)
        elif change == 1:
            del data[begin:end]
        elif change == 2:
            data[begin:begin] = data[begin:end] * chance.choice((1, 2, 50))
        elif change == 3:
            data[begin:begin] = chance.choice(PIECES)
        elif change == 4:
            data[begin:end] = chance.choice(PIECES)
        else:
            del data[begin:]
            data += chance.choice(PIECES)
    return bytes(data)


def log_of(chance: random.Random) -> bytes:
    """Return a good log with up to four planted defects, and often damaged bytes too."""
    text = chance.choice(GOOD_LOGS)
    for defect in chance.sample(GENERAL, chance.randrange(5)):
        text = defect(text) or text
    content = as_bytes(text)
    return damaged(content, chance) if chance.random() < 0.7 else content


def noise_of(chance: random.Random) -> bytes:
    """Return random bytes, or random pieces of logs."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(2000))
    return TOKEN.encode() + b"".join(chance.choices(PIECES, k=chance.randrange(40)))


def system_of(chance: random.Random) -> bytes:
    """Return a damaged system description."""
    content = chance.choice(SYSTEMS)
    if chance.random() < 0.5:
        fields = json.loads(content)
        for name in chance.sample(sorted(fields), min(len(fields), chance.randrange(1, 6))):
            fields[name] = chance.choice(
                (None, 0, -1, 1e400, "", " ", "TODO", [], {}, True, "9" * 400, "2 x 64")
            )
        content = json.dumps(fields).encode()
    return damaged(content, chance) if chance.random() < 0.7 else content


# ---- judging


def judge_log(content: bytes) -> list[Finding]:
    """Return all findings for a log, alone and with another run; render all forms of report."""
    log = parsed(content)
    findings = registry.run("log", log, RULE_BY_ID)
    if log.events:
        findings += registry.run("set", [condense(log), GOOD_RUN], RULE_BY_ID)
    report = Report(tuple(findings), logs=(summarise(log, profile_of(log)),))
    json.dumps(to_json(report), allow_nan=False)
    json.dumps(to_sarif(report, "note"), allow_nan=False)
    for text in (
        to_text(report),
        to_junit(report, "note"),
        to_markdown(report, "note"),
        to_annotations(report),
    ):
        text.encode()
    return findings


def judge_system(content: bytes) -> list[Finding]:
    """Return all findings for a system description."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(content)
        file.flush()
        described = read_json(Path(file.name))
    return registry.run("json", described, RULE_BY_ID) + registry.run("system", described, RULE_BY_ID)


Kind = tuple[Callable[[random.Random], bytes], Callable[[bytes], list[Finding]]]
KINDS: dict[str, Kind] = {
    "logs": (log_of, judge_log),
    "noise": (noise_of, judge_log),
    "system descriptions": (system_of, judge_system),
}


def fault_of(judge: Callable[[bytes], list[Finding]], content: bytes) -> str | None:
    """Return what goes wrong when an input is checked, or None."""
    before = peak_mib()
    try:
        with at_most(HANG_SECONDS):
            findings = judge(content)
    except Hang:
        return f"takes more than {HANG_SECONDS:.0f} s\n{traceback.format_exc()}"
    except Exception:
        return traceback.format_exc()
    if crashes := [finding.found for finding in findings if finding.rule == registry.CRASHED.id]:
        return crashes[0]
    more = peak_mib() - before
    return f"{more} MiB of memory" if more > MEMORY_MIB else None


def peak_mib() -> int:
    """Return the peak memory of the process, in MiB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used // (2**20 if sys.platform == "darwin" else 2**10)


def fuzz(seconds: float, seed: int, folder: Path) -> int:
    """Check inputs until the time is over; return the exit status."""
    counts: Counter[str] = Counter()
    start = shown = time.monotonic()
    slowest = 0.0
    while (begin := time.monotonic()) - start < seconds:
        chance = random.Random(f"{seed}-{counts.total()}")
        kind = chance.choice(("logs", "logs", "logs", "noise", "system descriptions"))
        make, judge = KINDS[kind]
        content = make(chance)
        if fault := fault_of(judge, content):
            path = folder / f"fuzz-{seed}-{counts.total()}.bin"
            path.write_bytes(content)
            print(f"input {counts.total()} of seed {seed} ({kind}), written to {path}:\n{fault}")
            return 1
        counts[kind] += 1
        now = time.monotonic()
        slowest = max(slowest, now - begin)
        if now - shown > PROGRESS_SECONDS:
            shown = now
            print(f"{now - start:6.0f} s  {counts.total():8d} inputs  {peak_mib():4d} MiB", flush=True)
    each = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    print(f"{counts.total()} inputs ({each}) of seed {seed}: no crash, no hang")
    print(f"the slowest took {slowest:.2f} s; peak memory {peak_mib()} MiB")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other inputs (default: 1)")
    options = parser.parse_args(arguments)
    return fuzz(60 * options.minutes, options.seed, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
