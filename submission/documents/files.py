"""The files of a bundle that are written for it: configurations, scripts, README, notes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmark.config.schema import Geometry
from benchmark.core.errors import SubmissionError
from submission.bundle.layout import CONFIG, IMPLEMENTATION, MANIFEST, README, RUN_CONFIG, SCRIPTS, Layout
from submission.bundle.repository import NO_BRANCH, Commit
from submission.documents.published import DATASET_BUCKET, DATASET_ENDPOINT
from submission.runs.runs import RunSet

TEMPLATES = Path(__file__).parent / "templates"

#: What README says where the scripts put the data elsewhere than the runs had it.
MOVED = (
    "The runs read their data from other folders of their machine; these are the ones that "
    "`init_datasets.sh` fills."
)
#: Where the scripts put the data if the runs read it from a folder outside their working directory.
OWN_FOLDER = {"slstr": "data/cloud_slstr_ds1", "synthetic": "data/synthetic"}


def run_config(runs: RunSet) -> dict[str, Any]:
    """The configuration of the runs without its seed, with folders that exist for whoever repeats them.

    An absolute path is of the machine that ran; the data's place is no part of the
    configuration's digest.
    """
    config = runs.config.to_dict()
    del config["seed"]
    data = config["data"]
    folders = [Path(data[split]) for split in ("training", "inference")]
    if any(folder.is_absolute() or ".." in folder.parts for folder in folders):
        for split in ("training", "inference"):
            data[split] = f"{OWN_FOLDER[data['kind']]}/{split}"
    return config


def moved_folders(runs: RunSet) -> bool:
    """Whether the runs read their data from folders that run_config.yaml does not name."""
    ours, theirs = run_config(runs)["data"], runs.config.data
    return (ours["training"], ours["inference"]) != (theirs.training, theirs.inference)


def data_commands(runs: RunSet) -> list[str]:
    """The commands that make or fetch the data (S3), run in the folder that holds ``data/``.

    Raises SubmissionError for synthetic scenes that nobody could make again.
    """
    data = run_config(runs)["data"]
    if data["kind"] != "synthetic":
        return [
            f"aws s3 --no-sign-request --endpoint-url {DATASET_ENDPOINT} sync "
            f"{DATASET_BUCKET}/{split} {shlex.quote(data[split])}"
            for split in ("training", "inference")
        ]
    made, geometry = runs.config.data.synthetic, runs.config.geometry
    if made is None:
        raise SubmissionError(
            runs.first.folder.config,
            found="synthetic scenes given with --data, whose seed the configuration does not state",
            expected="data.synthetic with the seed and number of scenes, so that others can make them",
            remedy="make the runs with a configuration that has data.synthetic, without --data",
        )
    folder = shlex.quote(str(Path(data["training"]).parent))
    command = f"python -m benchmark.synthesis --output {folder} --seed {made.seed}"
    command += f" --training {made.training_scenes} --inference {made.inference_scenes}"
    if (geometry.rows, geometry.columns) != (Geometry().rows, Geometry().columns):
        command += f" --rows {geometry.rows} --columns {geometry.columns}"
    return [command]


def science_config(runs: RunSet, commit: Commit) -> dict[str, Any]:
    """The contents of config.yaml (S3)."""
    return {
        "name": runs.config.name,
        "description": runs.config.description,
        "github": {
            "description": "MLCommons Science CloudMask: reference training on Sentinel-3 SLSTR scenes",
            "repo": commit.repo,
            "branch": runs.first.system["git"].get("branch") or NO_BRANCH,
            "version": runs.shared("submission_version"),
            "tag": commit.tag,
            "commit": commit.sha,
        },
        "data": data_commands(runs),
        "seeds": runs.seeds,
        "hyperparameters": runs.parameters,
        "parameters": run_config(runs),
    }


def implementation_notes(runs: RunSet) -> dict[str, str]:
    """The contents of <system>_<implementation>.json (G 'model-info')."""
    mixed = runs.parameters["precision"] == "mixed_bfloat16"
    computed = " (convolutions compute in bf16)" if mixed else ""
    return {
        "starting_weights_filename": "none: random initial weights (he_normal) from the seed in each log",
        "weight_transformations": "No",
        "weight_data_types": f"fp32{computed}",
        "input_data_types": "fp32 (fp16 where patches are kept on disk)",
        "retraining": "No",
        "notes": f"Implementation {IMPLEMENTATION}, configuration {runs.config.name}; "
        f"weights of the epoch with the lowest validation loss.",
    }


def write_documents(
    layout: Layout,
    runs: RunSet,
    commit: Commit,
    system: Mapping[str, str],
    *,
    left_out: Sequence[str],
    options: str,
) -> None:
    """Write system description, notes, configurations, scripts and README into the bundle.

    ``left_out`` are files of the commit that are not in it, ``options`` those of the packager.
    """
    write_json(layout.system_description, dict(system))
    write_json(layout.implementation_notes, implementation_notes(runs))
    write_text(layout.science / CONFIG, _yaml(science_config(runs, commit)))
    values = _values(layout, runs, commit, system) | {
        "LEFT_OUT": ", ".join(f"`{name}`" for name in left_out) or "none",
        "PACKAGE_OPTIONS": options,
    }
    for folder in layout.script_folders:
        values["HERE"] = folder.relative_to(layout.root).as_posix()
        values["TO_BUNDLE"] = "/".join([".."] * len(folder.relative_to(layout.root).parts))
        write_text(folder / RUN_CONFIG, _yaml(run_config(runs)))
        write_text(folder / README, fill("README.md", values))
        for script in SCRIPTS:
            write_text(folder / script, fill(script, values))
            (folder / script).chmod(0o755)


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with every ``@NAME@`` replaced by its value."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(0o644)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _values(layout: Layout, runs: RunSet, commit: Commit, system: Mapping[str, str]) -> dict[str, str]:
    """What the templates name, except where the file lies."""
    count = len(runs.runs)
    total = [run.result["timing"]["total_seconds"] for run in runs.runs]
    config = runs.config
    name = config.name
    moved = f"\n  {MOVED}" if moved_folders(runs) else ""
    kind = "synthetic" if runs.synthetic else "observed"
    return {
        "CODE": layout.code.relative_to(layout.root).as_posix(),
        "COMMIT": commit.described,
        "DATA_COMMANDS": "\n".join(data_commands(runs)),
        "DATA_SENTENCE": "**The data are synthetic scenes, not observations.**"
        if runs.synthetic
        else "The data are the observed Sentinel-3 SLSTR scenes of the benchmark (about 180 GB).",
        "DATA_SUMMARY": f"the {kind} scenes of the submitted runs.",
        "DESCRIPTOR": layout.descriptor,
        "FIRST_SEED": str(runs.seeds[0]),
        "MANIFEST": MANIFEST,
        "NAME": name,
        "ORG": runs.org,
        "ORG_FOLDER": layout.org,
        "OS": system["operating_system"],
        "PATH_NOTE": moved,
        "PYTHON": str(runs.first.system["python"]),
        "RUN_COMMANDS": "\n".join(
            f'python -m benchmark.run --config "$config" --seed {seed}' for seed in runs.seeds
        ),
        "RUN_CONFIG": RUN_CONFIG,
        "RUN_COUNT": f"{count} runs" if count > 1 else "one run",
        "RUN_ROWS": "\n".join(
            f"| result-{number}.txt | {run.seed} | {run.test_accuracy:.4f} |"
            for number, run in enumerate(runs.runs, start=1)
        ),
        "SCIENCE": layout.science.relative_to(layout.root).as_posix(),
        "SECONDS": f"{min(total):.0f} to {max(total):.0f}" if count > 1 else f"{total[0]:.0f}",
        "SEEDS": ", ".join(map(str, runs.seeds)),
        "SYSTEM": layout.system,
    }


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=110)
