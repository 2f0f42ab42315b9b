"""Describe the submission as a Croissant Task (JSON-LD): problem, solution by the runs, evaluation.

Source: tasks/README.md of github.com/mlcommons/croissant (ontology of 2026-05-04).
"""

from __future__ import annotations

from typing import Any

from submission.bundle.layout import TASK, BundleLayout
from submission.bundle.origin import BENCHMARK_URL, OBSERVED, DataSet, code_url, data_set, method_name
from submission.bundle.sources import Sources
from submission.documents.files import NO_SUBMISSION
from submission.runs.runs import CheckedRun
from submission.runs.statistics import spread
from submission.system.description import short_description

CONTEXT = {
    "croissant": "http://mlcommons.org/croissant/",
    "schema": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
PROBLEM, SOLUTION, EVALUATION = f"{BENCHMARK_URL}#task", f"{TASK}#solution", f"{TASK}#evaluation"
METRIC = "test_accuracy"


def croissant_task(layout: BundleLayout, sources: Sources) -> dict[str, Any]:
    """Return the contents of croissant-task.jsonld."""
    return {
        "@context": CONTEXT,
        "@graph": [_problem(sources), _solution(layout, sources), _evaluation(sources)],
    }


def _problem(sources: Sources) -> dict[str, Any]:
    geometry = sources.runs.config.geometry
    mask = {
        "@type": "croissant:Field",
        "@id": f"{BENCHMARK_URL}#mask/cloud",
        "schema:name": "cloud",
        "schema:description": "1 where the pixel is cloud, else 0.",
        "croissant:dataType": {"@id": "schema:Integer"},
        "croissant:isArray": True,
        "croissant:arrayShape": f"{geometry.rows},{geometry.columns}",
    }
    return {
        "@type": "croissant:TaskProblem",
        "@id": PROBLEM,
        "schema:name": "MLCommons Science CloudMask",
        "schema:description": "Classify every pixel of the inference scenes as cloud or clear. Score: the "
        "share of pixels whose class is that of the label. Training data and model are free."
        " Test data are fixed.",
        "croissant:input": _data_set(OBSERVED),
        "croissant:output": {
            "@type": "croissant:OutputSpec",
            "@id": f"{BENCHMARK_URL}#mask",
            "croissant:schema": {
                "@type": "croissant:RecordSet",
                "@id": f"{BENCHMARK_URL}#masks",
                "schema:name": "masks",
                "schema:description": "One mask for each inference scene: rows, columns.",
                "croissant:field": mask,
            },
        },
    }


def _solution(layout: BundleLayout, sources: Sources) -> dict[str, Any]:
    runs, commit = sources.runs, sources.commit
    code: dict[str, Any] = {
        "@type": "schema:SoftwareSourceCode",
        "@id": f"{TASK}#code",
        "schema:name": "cloudmask-benchmark",
        "schema:version": commit.sha,
    }
    if url := code_url(commit):
        code["schema:codeRepository"] = url
    note = f" {NO_SUBMISSION}" if layout.name.demonstration else ""
    return {
        "@type": "croissant:TaskSolution",
        "@id": SOLUTION,
        "schema:name": layout.name.folder,
        "schema:description": f"Method {method_name(runs)}.{note}",
        "schema:creator": {"@type": "schema:Organization", "schema:name": runs.org},
        "schema:isBasedOn": {"@id": PROBLEM},
        "croissant:input": _data_set(data_set(runs)),
        "croissant:implementation": code,
        "croissant:output": [_weights(number, run) for number, run in enumerate(runs.runs, start=1)],
        "croissant:execution": {
            "@type": "croissant:ExecutionInfo",
            "@id": f"{TASK}#execution",
            "schema:description": f"{short_description(sources.system)}; "
            f"seeds {', '.join(map(str, runs.seeds))}",
        },
        "croissant:evaluation": {"@id": EVALUATION},
    }


def _weights(number: int, run: CheckedRun) -> dict[str, Any]:
    return {
        "@type": "schema:Dataset",
        "@id": f"{TASK}#weights-{number}",
        "schema:name": f"weights of run {number}, seed {run.seed}",
        "schema:identifier": f"weights_sha256 {run.result['weights_sha256']}",
    }


def _evaluation(sources: Sources) -> dict[str, Any]:
    runs = sources.runs
    results = [
        _result(METRIC, value, f"run {number}, seed {seed}")
        for number, (seed, value) in enumerate(zip(runs.seeds, runs.accuracies, strict=True), start=1)
    ]
    of_all = spread(runs.accuracies)
    results.append(_result(f"mean {METRIC}", of_all.mean, f"mean of {of_all.count}"))
    if of_all.deviation is not None:
        results.append(
            _result(f"standard deviation of {METRIC}", of_all.deviation, f"sample of {of_all.count}")
        )
    return {
        "@type": "croissant:EvaluationTask",
        "@id": EVALUATION,
        "schema:name": "share of pixels whose class is the label's, over all inference scenes",
        "croissant:evaluatedSolution": {"@id": SOLUTION},
        "croissant:evaluationResults": results,
    }


def _result(metric: str, value: float, of: str) -> dict[str, Any]:
    # a JSON number would be an xsd:double, which the shapes do not accept
    number = {"@type": "xsd:decimal", "@value": f"{value:.6f}"}
    return {
        "@type": "croissant:EvaluationResult",
        "schema:name": of,
        "croissant:metric": metric,
        "croissant:value": number,
    }


def _data_set(data: DataSet) -> dict[str, Any]:
    return {
        "@type": "schema:Dataset",
        "@id": data.url or f"{TASK}#{data.name}",
        "schema:name": data.name,
        "schema:description": data.about,
    }
