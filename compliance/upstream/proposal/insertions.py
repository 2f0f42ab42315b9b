"""The proposal's changes to upstream's files, as data: what to insert, and next to which text.

The anchors are the same in mlperf_logging 4.1.59 and 4.1.68; each occurs exactly once in its file. The names
of the benchmarks come from `compliance.benchmarks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compliance.benchmarks import BENCHMARKS

RULESET = "0.5.0"


@dataclass(frozen=True)
class Insertion:
    """A text to insert before, after or instead of an anchor, in a file below the copy's folder.

    ``checkout_only`` marks files that a checkout of upstream has and an installed package lacks.
    """

    file: str
    anchor: str
    where: Literal["before", "after", "instead"]
    text: str
    checkout_only: bool = False


def _lines(pattern: str) -> str:
    """Return a line for each benchmark; the pattern may use its name, its constant and its title."""
    return "".join(
        pattern.format(name=name, constant=name.upper(), title=benchmark.title)
        for name, benchmark in BENCHMARKS.items()
    )


_README_LINES = "".join(
    f"    science_{RULESET}/{name}.yaml\n"
    for name in ("common", "open_common", *(f"open_{name}" for name in BENCHMARKS))
)

INSERTIONS = (
    Insertion(
        "mlperf_logging/compliance_checker/mlp_parser/__init__.py",
        "    if ruleset == '0.6.0':\n        return parse_file_060(filename)\n",
        "after",
        "    elif ruleset == '0.5.0':  # science, whose lines are those of training 3.0.0 and later\n"
        "        return parse_file_300(filename)\n",
    ),
    Insertion(
        "mlperf_logging/benchmark_meta.py",
        "    'hpc' : {\n",
        "before",
        "    # at least so many: the best of N runs may be submitted\n    'science': {\n"
        + _lines("        '{name}': 1,\n")
        + "    },\n\n",
    ),
    Insertion(
        "mlperf_logging/benchmark_meta.py",
        "    'hpc': {\n",
        "before",
        "    'science': {\n        '0.5': [\n" + _lines("            '{name}',\n") + "        ],\n    },\n\n",
    ),
    Insertion(
        "mlperf_logging/package_checker/package_checker.py",
        "            if is_weak_scaling:\n",
        "instead",
        "            if is_weak_scaling or usage == 'science':\n",
    ),
    Insertion(
        "mlperf_logging/package_checker/package_checker.py",
        "    too_many_errors = False\n    if ruleset in {'1.0.0', ",
        "instead",
        "    too_many_errors = False\n    if ruleset in {'0.5.0', '1.0.0', ",
    ),
    Insertion(
        "mlperf_logging/repo_checker/repo_checker.py",
        "choices=['training', 'hpc'],",
        "instead",
        "choices=['training', 'hpc', 'science'],",
    ),
    Insertion(
        "mlperf_logging/repo_checker/repo_checker.py",
        "choices=['2.0.0', ",
        "instead",
        "choices=['0.5.0', '2.0.0', ",
    ),
    Insertion(
        "mlperf_logging/repo_checker/repo_checker.py",
        "help='the ruleset. 2.0.0, ",
        "instead",
        "help='the ruleset. 0.5.0 (science), 2.0.0, ",
    ),
    Insertion(
        "mlperf_logging/rcp_checker/rcp_checker.py",
        "choices=['training', 'hpc'],",
        "instead",
        "choices=['training', 'hpc', 'science'],",
    ),
    Insertion(
        "mlperf_logging/rcp_checker/rcp_checker.py",
        '    dir = dir.rstrip("/")\n',
        "before",
        "    if usage == 'science':\n"
        "        return True, 'Science has no reference convergence points', 1.0\n",
    ),
    Insertion(
        "mlperf_logging/mllog/constants.py",
        "# Constant values - benchmark name\n",
        "after",
        _lines('{constant} = "{name}"\n'),
    ),
    Insertion(
        "mlperf_logging/mllog/constants.py",
        'SUBMISSION_ENTRY = "submission_entry"\n',
        "after",
        'SUBMISSION_GITHUB_COMMIT_VERSION = "submission_github_commit_version"\n',
    ),
    Insertion(
        "mlperf_logging/mllog/constants.py",
        'SUBMISSION_STATUS = "submission_status"\n',
        "after",
        'SUBMISSION_VERSION = "submission_version"\n',
    ),
    Insertion(
        "mlperf_logging/mllog/constants.py",
        '\nSEED = "seed"\n',
        "instead",
        '\nRESULT = "result"\nSEED = "seed"\n',
    ),
    Insertion(
        "mlperf_logging/result_summarizer/config.yaml",
        '  hpc:\n    "2.0.0":\n',
        "before",
        f'  science:\n    "{RULESET}":\n'
        + _lines('      {name}: ["Benchmark results (minutes)", "{title}"]\n')
        + '      default: [" "]\n',
        checkout_only=True,
    ),
    Insertion(
        "mlperf_logging/compliance_checker/README.md",
        "### Existing config files for HPC submissions\n",
        "before",
        f"### Existing config files for Science submissions\n\n"
        f"Set --usage science --ruleset {RULESET}.\n\n{_README_LINES}\n",
        checkout_only=True,
    ),
    Insertion(
        "mlperf_logging/compliance_checker/README.md",
        "[--usage training/hpc]",
        "instead",
        "[--usage training/hpc/science]",
        checkout_only=True,
    ),
)

#: The proposal's files and their places in the copy.
FILES = {
    **{
        f"science_{RULESET}/{name}.yaml": f"mlperf_logging/compliance_checker/science_{RULESET}/{name}.yaml"
        for name in ("common", "open_common", *(f"open_{name}" for name in BENCHMARKS))
    },
    "test_science.py": "mlperf_logging/compliance_checker/test_science.py",
    "verify_for_v0.5_science.sh": "scripts/verify_for_v0.5_science.sh",
}
