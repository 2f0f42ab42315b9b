"""The profiles for logs of MLPerf HPC and Training: on published logs they judge as upstream does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from compliance.rules.foreign.keys import HPC, TRAINING
from compliance.rules.foreign.published import demands_on
from tests.support.logs.hand_logs import (
    TOKEN,
    edit,
    event,
    line_of,
    parsed,
    with_line,
    with_value,
    without_all,
)
from tests.support.logs.published_logs import (
    COSMOFLOW,
    DEEPCAM,
    LLAMA,
    OC20,
    OPENFOLD,
    Case,
    findings,
    published,
)

#: The rule files that upstream has for the round of a log, by the profile that is ours.
RULE_FILES = {"hpc": "hpc_3.0.0", "training": "training_4.1.0"}

#: Judges logs with upstream's engine. The rule files are read once by the faster of YAML's readers;
#: for a log that it ends on with a traceback, upstream has no verdict.
UPSTREAM = """
import functools, json, logging, sys
from pathlib import Path
from mlperf_logging.compliance_checker import mlp_compliance as upstream

logging.disable(logging.CRITICAL)
load = upstream.yaml.load
fast = getattr(upstream.yaml, "CBaseLoader", upstream.yaml.BaseLoader)
cached = functools.cache(lambda text: load(text, Loader=fast))
upstream.yaml.load = lambda stream, Loader: cached(stream.read())
verdicts = []
for files, path in json.load(sys.stdin):
    usage, ruleset = files.split("_")
    upstream.enqueued_configs.clear()
    checker = upstream.make_checker(usage, ruleset, quiet=True, werror=False)
    try:
        passes = checker.check_file(path, str(Path(upstream.__file__).with_name(files) / "common.yaml"))
        verdicts.append("passes" if passes else "fails")
    except Exception:
        verdicts.append("crashed")
print(json.dumps(verdicts))
"""


def our_verdict(case: Case) -> str:
    return "fails" if any(each.severity == "error" for each in findings(*case)) else "passes"


def upstream_verdicts(cases: list[Case], folder: Path) -> list[str]:
    """Upstream's verdicts, all from one process."""
    asked = []
    for number, case in enumerate(cases):
        path = folder / f"{number}.txt"
        path.write_text(case.text)
        asked.append((RULE_FILES[case.profile], str(path)))
    command = [sys.executable, "-I", "-c", UPSTREAM]
    answer = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    verdicts: list[str] = json.loads(answer.stdout)
    return verdicts


def test_published_logs_get_the_verdict_that_upstream_gives_them(tmp_path: Path) -> None:
    cases = published()
    verdicts = dict(zip(cases, upstream_verdicts(list(cases.values()), tmp_path), strict=True))
    assert {name: our_verdict(case) for name, case in cases.items()} == verdicts
    assert [name for name, verdict in verdicts.items() if verdict != "passes"] == ["bert-4.1"]


def changed() -> Iterator[tuple[str, Case]]:
    """Every published log in both divisions, and with every key that is asked for left out, without
    value, below its range, without metadata, stated twice with two values, or moved to either end."""
    for profile, text in [
        *(("hpc", log) for log in (DEEPCAM, COSMOFLOW, OPENFOLD, OC20)),
        ("training", LLAMA),
    ]:
        divisions = (
            ("closed", "open") if profile == "hpc" else ("closed",)
        )  # a benchmark of 4.1's closed one only
        for base in (with_value(text, "submission_division", division) for division in divisions):
            yield "unchanged", Case(profile, base)
            for key in demands_on(log := parsed(base), HPC if profile == "hpc" else TRAINING):
                if not log.all(key):
                    continue
                yield f"no {key}", Case(profile, without_all(base, key))
                yield f"{key} empty", Case(profile, with_value(base, key, ""))
                yield f"{key} negative", Case(profile, with_value(base, key, -1))
                yield f"{key} bare", Case(profile, edit(base, key, lambda fields: fields.update(metadata={})))
                twice = event(with_value(base, key, "another"), line_of(base, key))
                yield f"{key} twice", Case(profile, base + TOKEN + json.dumps(twice) + "\n")
                line = line_of(base, key)
                one, rest = base.splitlines(keepends=True)[line - 1], with_line(base, line)
                yield f"{key} first", Case(profile, one + rest)
                yield f"{key} last", Case(profile, rest + one)


def test_changed_logs_get_the_verdict_that_upstream_gives_them(tmp_path: Path) -> None:
    names, cases = zip(*changed(), strict=True)
    verdicts = upstream_verdicts(list(cases), tmp_path)
    assert {"passes", "fails", "crashed"} == set(verdicts)
    differ = [
        (name, case.profile, parsed(case.text).text("submission_benchmark"), verdict)
        for name, case, verdict in zip(names, cases, verdicts, strict=True)
        if verdict not in (our_verdict(case), "crashed")
    ]
    llama = ("training", "llama2_70b_lora")
    assert differ == [
        # Upstream knows the limit of the initialisation only once it has read the division.
        ("submission_division last", *llama, "fails"),
        # Upstream's table of this benchmark drops the range that its common rules set.
        ("gradient_accumulation_steps empty", *llama, "passes"),
        ("gradient_accumulation_steps negative", *llama, "passes"),
    ]
