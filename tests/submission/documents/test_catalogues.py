"""What catalogues read of a bundle: RO-Crate, Croissant Task, bill of materials; each compared with the logs.

The validators of the first two fetch contexts and shapes from the network; what they ask is asked here of the
JSON itself (docs/submission.md says what they said).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from compliance.checker import check_paths
from submission.bundle.layout import CRATE, TASK
from submission.bundle.licences import licence_list
from submission.bundle.materials import materials
from submission.bundle.reading import find_tree, read_bundle
from submission.figures.drawing import drawing
from submission.verify.recompute import NOT_YET, compare_documents
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import ORG, accuracy


def entities(path: Path) -> dict[str, dict[str, Any]]:
    """The entities of a JSON-LD file by their identifiers."""
    graph = json.loads(path.read_text())["@graph"]
    found = {entity["@id"]: entity for entity in graph}
    assert len(found) == len(graph)
    return found


def named(value: Any) -> list[str]:
    """Every identifier that a value refers to."""
    if isinstance(value, dict):
        return (
            [value["@id"]] if set(value) == {"@id"} else [n for each in value.values() for n in named(each)]
        )
    return [name for each in value for name in named(each)] if isinstance(value, list) else []


def test_the_crate_describes_files_that_are_there_with_the_digests_of_the_logs(science: Path) -> None:
    crate = entities(science / CRATE)
    root = crate["./"]
    assert crate[CRATE] == {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    parts = [part["@id"] for part in root["hasPart"]]
    assert [name for name in parts if not (science / name).exists()] == []
    there = {path.name for path in science.iterdir() if path.is_file()} - {CRATE, "DEMONSTRATION.md"}
    assert there <= set(parts)
    for n in (1, 2, 3):
        log = (science / f"result-{n}.txt").read_bytes()
        entity = crate[f"result-{n}.txt"]
        assert entity["sha256"] == hashlib.sha256(log).hexdigest()
        assert entity["contentSize"] == str(len(log))


def test_each_run_of_the_crate_has_who_ran_what_on_what_and_when(place: Path, science: Path) -> None:
    crate = entities(science / CRATE)
    for n in (1, 2, 3):
        run = crate[f"#run-{n}"]
        assert run["@type"] == "CreateAction"
        assert crate[run["agent"]["@id"]]["name"] == ORG
        assert crate[run["instrument"]["@id"]]["softwareVersion"] == git(place, "rev-parse", "HEAD")
        assert crate[f"#accuracy-{n}"]["value"] == accuracy(n)
        times = [
            json.loads(line.removeprefix(":::MLLOG "))["time_ms"] / 1000
            for line in (science / f"result-{n}.txt").read_text().splitlines()
            if '"key": "run_st' in line
        ]
        stated = [run["startTime"], run["endTime"]]
        assert [stamp(text) for text in stated] == [int(time) for time in times]
    assert [name for name in named([*crate.values()]) if name not in crate and "://" not in name] == []


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_task_links_the_benchmark_the_runs_and_their_scores(place: Path, science: Path) -> None:
    task = entities(science / TASK)
    problem, solution, evaluation = task.values()
    kinds = [each["@type"].removeprefix("croissant:") for each in task.values()]
    assert kinds == ["TaskProblem", "TaskSolution", "EvaluationTask"]
    assert problem["croissant:output"]["@type"] == "croissant:OutputSpec"
    assert solution["schema:isBasedOn"] == {"@id": problem["@id"]}
    assert solution["croissant:implementation"]["schema:version"] == git(place, "rev-parse", "HEAD")
    assert not any("Spec" in str(part.get("@type")) for part in solution.values() if isinstance(part, dict))
    assert evaluation["croissant:evaluatedSolution"] == {"@id": solution["@id"]}
    results = [
        (each["schema:name"], each["croissant:value"]["@value"])
        for each in evaluation["croissant:evaluationResults"]
    ]
    mean = sum(accuracy(n) for n in (1, 2, 3)) / 3
    assert results[:4] == [
        *((f"run {n}, seed {n}", f"{accuracy(n):.6f}") for n in (1, 2, 3)),
        ("mean of 3", f"{mean:.6f}"),
    ]
    # the shapes take decimals and integers, no doubles
    types = {each["croissant:value"]["@type"] for each in evaluation["croissant:evaluationResults"]}
    assert types == {"xsd:decimal"}


def test_the_bill_of_materials_has_code_data_and_a_model_for_each_run(bundle: Path, place: Path) -> None:
    with read_bundle(find_tree(bundle)) as read:
        of_runs, made_of = materials(read.runs, read.commit)
    listed = licence_list("", name="bundle", time=0, of_runs=of_runs, made_of=made_of)
    code, data, *models = listed["packages"]
    assert (code["name"], code["versionInfo"]) == ("cloudmask-benchmark", git(place, "rev-parse", "HEAD"))
    assert (data["name"], data["versionInfo"]) == ("cloudmask-synthetic", "seed 21")
    assert (code["licenseDeclared"], data["licenseDeclared"]) == ("Apache-2.0", "Apache-2.0")
    weights = [hashlib.sha256(str(seed).encode()).hexdigest() for seed in (1, 2, 3)]
    assert [(each["name"], each["versionInfo"]) for each in models] == [
        (f"unet-seed-{seed}", digest) for seed, digest in zip((1, 2, 3), weights, strict=True)
    ]
    made = {(each["spdxElementId"], each["relatedSpdxElement"]) for each in made_of}
    assert made == {
        (f"SPDXRef-Model-{n}", of) for n in (1, 2, 3) for of in ("SPDXRef-Code", "SPDXRef-DataSet")
    }


@pytest.mark.parametrize("name", [CRATE, TASK])
def test_a_file_for_catalogues_that_says_something_else_is_found(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    copy = shutil.copytree(bundle, tmp_path / bundle.name)
    (path,) = copy.rglob(name)
    path.write_text(path.read_text().replace(f"{accuracy(1):.4f}", "0.9999"))
    with read_bundle(find_tree(copy)) as read, drawing() as draw:
        (found,) = compare_documents(read, draw).findings
    assert (Path(found.path).name, found.rule) == (name, "verify-recomputed")
    path.write_text("[]")
    known = [each for each in check_paths([copy]).findings if each.rule == "tree-known-file"]
    assert [Path(each.path).name for each in known] == [name]


def test_a_bundle_of_a_version_that_did_not_write_them_is_verified_without(
    bundle: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(bundle, tmp_path / bundle.name)
    for name in (CRATE, TASK):
        next(copy.rglob(name)).unlink()
    (provenance,) = copy.rglob("bundle.json")
    stated = json.loads(provenance.read_text())
    provenance.write_text(json.dumps(stated | {"made_by": "0" * 64}))
    with read_bundle(find_tree(copy)) as read, drawing() as draw:
        comparison = compare_documents(read, draw)
    assert comparison.findings == ()
    assert {Path(name).name for name, why in comparison.not_compared.items() if why == NOT_YET} == {
        CRATE,
        TASK,
    }
