"""Complete submission trees of other programs, changes to them, and their check."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmark import ROOT
from compliance.checker import check_paths
from compliance.finding import Severity
from compliance.reports.report import Report
from compliance.rules.profiles import SCIENCE
from compliance.selection import Selection
from submission.system.description import SYSTEMS
from tests.support.written import write

FOREIGN = ROOT / "tests" / "data" / "foreign"
#: The log of uno is that of earthquake, renamed: no conforming program is known.
LOGS = {
    "cloudmask": (FOREIGN / "1-letter.log").read_text(),
    "earthquake": (FOREIGN / "9-earthquake-letter.log").read_text(),
    "stemdl": (FOREIGN / "10-stemdl-letter.log").read_text(),
    "uno": (FOREIGN / "9-earthquake-letter.log").read_text().replace("earthquake", "uno"),
}
#: As in the logs.
ORG = "Institute-of-Atmospheric-Computing"
PARAMETERS: dict[str, list[str]] = {
    "cloudmask": ["epochs", "learning_rate", "batch_size", "MIN_SST", "PATCH_SIZE", "seed"],
    "earthquake": [
        *("TFTTransformerepochs", "TFTTransformerbatch_size", "TFTTransformertestvalbatch_size"),
        *("TFTd_model", "Tseq", "TFTdropout_rate", "learning_rate", "early_stopping_patience"),
    ],
    "stemdl": ["num_epochs", "learning_rate", "batch_size"],
    "uno": ["epochs", "opt_base_learning_rate", "global_batch_size"],
}
#: The example of submit.adoc, with its spelling.
CONFIG = """\
github:
  discription: EarthQuake Prediction
  repo: https://github.com/example/quakeformer
  branch: main
  version: 1.1
  tag: 1.1
data:
- aws s3 sync s3://quakes data/
"""
CONFIG_DATA = "data:\n- aws s3 sync s3://quakes data/\n"


def logs_of(application: str) -> list[str]:
    """Return the logs of two runs, the second one later."""
    later = re.sub(r'(?<="time_ms": )\d+', lambda time: str(int(time[0]) + 10**8), LOGS[application])
    return [LOGS[application], later]


def science(root: Path, application: str = "earthquake", org: str = ORG, system: str = "h100") -> Path:
    """Write all that submit.adoc requires of an experiment, in its layout."""
    folder = root / org / application / system / "faultzone-3"
    values = "".join(f"{name}: 3\n" for name in PARAMETERS[application])
    # the version without the benchmark's name, as in the example
    version = re.search(r"-v(\d\.\d)", LOGS[application])[1]  # type: ignore[index]
    write(folder / "config.yaml", CONFIG.replace("1.1", version) + values)
    write(folder / "README.md", "Run train.slurm, once for each seed.\n")
    write(folder / "train.slurm", "#!/bin/bash\npython train.py\n", 0o755)
    write(folder / "scientific_contribution.pdf", b"%PDF-1.7\n")
    for number, text in enumerate(logs_of(application), start=1):
        write(folder / f"result-{number}.txt", text)
    return folder


def description(**changes: str | None) -> str:
    fields = json.loads((SYSTEMS / "greene-v100.json").read_text())
    fields |= {
        "submitter": "Institute of Atmospheric Computing",
        "system_name": "h100",
        "status": "Research, Development, or Internal (RDI)",
    }
    fields |= changes
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def general(root: Path, application: str = "earthquake", org: str = ORG, system: str = "h100") -> Path:
    """Write all that the general rules require of a system with results, in their layout."""
    folder = root / org
    write(folder / "systems" / f"{system}.json", description())
    implementations = folder / "benchmarks" / application / "implementations"
    write(implementations / "pytorch" / "train.py", "print('train')\n")
    write(implementations / "pytorch" / "LICENSE", "Apache License 2.0\n")
    for name in ("setup.sh", "init_datasets.sh", "run_and_time.sh"):
        write(implementations / system / name, "#!/bin/bash\n", 0o755)
    write(implementations / system / "README.md", "Run run_and_time.sh.\n")
    notes = (
        *("starting_weights_filename", "weight_transformations", "weight_data_types"),
        *("input_data_types", "retraining"),
    )
    write(
        implementations / system / f"{system}_pytorch.json", json.dumps(dict.fromkeys(notes, "none, float32"))
    )
    for number, text in enumerate(logs_of(application)):
        write(folder / "results" / system / application / f"result_{number}.txt", text)
    return folder


def check(root: Path) -> Report:
    report = check_paths([root], Selection().rule_sets())
    assert not report.failures
    assert {finding.profile for finding in report.findings} <= {SCIENCE}
    return report


def graver(report: Report, least: Severity = "error") -> list[tuple[str, str]]:
    """Return rule and ``found`` of each error, or of each error and warning."""
    kept = ("error",) if least == "error" else ("error", "warning")
    return [(each.rule, each.found) for each in report.findings if each.severity in kept]


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def renamed(name: str, to: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).rename(folder / to)

    return change


def moded(name: str, mode: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(mode)


def of(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        write(folder / name, text)

    return change
