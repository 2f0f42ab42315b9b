"""Write the bundle's own files: configurations, scripts, README, notes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmark.config.schema import Geometry
from benchmark.core.errors import SubmissionError
from benchmark.core.escaping import markdown_line
from submission.bundle.layout import (
    CONFIG,
    IMPLEMENTATION,
    MANIFEST,
    README,
    RUN_CONFIG,
    SCRIPTS,
    BundleLayout,
)
from submission.bundle.provenance import to_json
from submission.bundle.repository import NO_BRANCH, Commit
from submission.bundle.sources import Sources
from submission.documents.published import REFERENCE_SOURCE
from submission.documents.templating import environment
from submission.runs.files import text_of
from submission.runs.runs import RunSet

TEMPLATES = environment(Path(__file__).parent / "templates")

#: The statement in a bundle of synthetic scenes.
NO_SUBMISSION = (
    "This bundle is a demonstration, not a submission. Its runs were made on synthetic scenes; the test data "
    "of the benchmark is fixed, and is the observed scenes of cloud_slstr_ds1."
)

#: Where scripts put the data if the runs read it from a folder outside their working directory.
OWN_FOLDER = {"slstr": "data/cloud_slstr_ds1", "synthetic": "data/synthetic"}


def run_config(runs: RunSet) -> dict[str, Any]:
    """Return the runs' configuration without the seed, with folders that exist on other machines.

    An absolute path exists only on the original machine; the data folders are not part of
    the configuration's digest.
    """
    config = runs.config.to_dict()
    del config["seed"]
    if runs.config.method.name.endswith(".py"):
        config["method"]["name"] = method_file(runs)
    data = config["data"]
    folders = [Path(data[split]) for split in ("training", "inference")]
    private = any(folder.is_absolute() or ".." in folder.parts for folder in folders)
    together = folders == [folders[0].parent / split for split in ("training", "inference")]
    if private or not together:  # like downloads and synthetic scenes
        for split in ("training", "inference"):
            data[split] = f"{OWN_FOLDER[data['kind']]}/{split}"
    return config


def method_file(runs: RunSet) -> str:
    """Return the name of the method's source if it is the submitter's file, else ""."""
    source = runs.shared("method_source")
    return source if source.endswith(".py") and Path(source).name == source else ""


def moved_folders(runs: RunSet) -> bool:
    """Whether the runs read their data from folders other than those in run_config.yaml."""
    ours, theirs = run_config(runs)["data"], runs.config.data
    return (ours["training"], ours["inference"]) != (theirs.training, theirs.inference)


def data_commands(runs: RunSet) -> list[str]:
    """Return the commands that make or fetch the data (S3), to be run in the folder with ``data/``.

    Raises SubmissionError for synthetic scenes that cannot be reproduced.
    """
    data = run_config(runs)["data"]
    if data["kind"] != "synthetic":
        return [f"python -m benchmark.download --dest {shlex.quote(str(Path(data['training']).parent))}"]
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
    """Return the contents of config.yaml (S3)."""
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
    """Return the contents of <system>_<implementation>.json (G 'model-info')."""
    computing = {"mixed_bfloat16": "bf16", "mixed_float16": "fp16"}.get(str(runs.parameters["precision"]))
    computed = f" (convolutions compute in {computing})" if computing else ""
    initial = (
        " (he_normal)" if runs.parameters.get("method_source", REFERENCE_SOURCE) == REFERENCE_SOURCE else ""
    )
    weights = f"none: random initial weights{initial} from the seed in each log"
    scored = "weights of the epoch with the lowest validation loss"
    if runs.parameters.get("method_kind", "network") != "network":
        weights, scored = "none: fitted, not trained", "fitted to the training scenes"
    return {
        "starting_weights_filename": weights,
        "weight_transformations": "No",
        "weight_data_types": f"fp32{computed}",
        "input_data_types": "fp32 (fp16 where patches are kept on disk)",
        "retraining": "No",
        "notes": f"Implementation {IMPLEMENTATION}, configuration {runs.config.name}; {scored}.",
    }


def write_documents(layout: BundleLayout, sources: Sources) -> None:
    """Write system description, notes, configurations, scripts and README into the bundle."""
    runs = sources.runs
    write_json(layout.system_description, sources.system)
    write_json(layout.implementation_notes, implementation_notes(runs))
    write_text(layout.science / CONFIG, _yaml(science_config(runs, sources.commit)))
    write_json(layout.provenance, to_json(sources.provenance))
    if layout.name.demonstration:
        write_text(layout.demonstration, f"# Demonstration\n\n{NO_SUBMISSION}\n")
    values = _values(layout, sources)
    for folder in layout.script_folders:
        path = folder.relative_to(layout.root)
        values |= {"here": path.as_posix(), "to_bundle": "/".join([".."] * len(path.parts))}
        write_text(folder / RUN_CONFIG, _yaml(run_config(runs)))
        if (name := method_file(runs)) and runs.first.folder.method.is_file():
            write_text(folder / name, text_of(runs.first.folder.method))
        for name in (README, *SCRIPTS):
            write_text(folder / name, TEMPLATES.get_template(name).render(values))
        for script in SCRIPTS:
            (folder / script).chmod(0o755)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    path.chmod(0o644)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(dict(value), indent=2, ensure_ascii=False) + "\n")


def _values(layout: BundleLayout, sources: Sources) -> dict[str, object]:
    """Return the values of the templates, except the file's own location."""
    runs, provenance = sources.runs, sources.provenance
    total = [run.result["timing"]["total_seconds"] for run in runs.runs]
    return {
        "code": layout.code.relative_to(layout.root).as_posix(),
        "commit": sources.commit.described,
        "data_commands": data_commands(runs),
        "data_moved": provenance.data_moved,
        "descriptor": layout.name.descriptor,
        "left_out": provenance.left_out,
        "method_file": method_file(runs),
        "manifest": MANIFEST,
        "name": runs.config.series,
        "org": markdown_line(runs.org),
        "org_folder": layout.name.org,
        "os": markdown_line(sources.system["operating_system"]),
        "package_options": provenance.options,
        "python": markdown_line(runs.first.system["python"]),
        "run_config": RUN_CONFIG,
        "runs": runs.runs,
        "science": layout.science.relative_to(layout.root).as_posix(),
        "seconds": f"{min(total):.0f} to {max(total):.0f}" if len(total) > 1 else f"{total[0]:.0f}",
        "seeds": runs.seeds,
        "synthetic": runs.synthetic,
        "system": layout.name.system,
    }


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=110)
