"""Describe the experiment's folder as an RO-Crate 1.1, profile Process Run Crate 0.5: who ran what on what.

Files of the runs have their sha256 here; MANIFEST.sha256 has the sha256 of every file.
Sources: w3id.org/ro/crate/1.1, w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from submission.bundle.layout import (
    CONFIG,
    CONTRIBUTION,
    CONTRIBUTION_PDFS,
    CRATE,
    FIGURES,
    PROVENANCE,
    README,
    REPORT,
    RUN_CONFIG,
    SCRIPTS,
    TASK,
    BundleLayout,
)
from submission.bundle.origin import LICENCE, code_url, data_set, method_name
from submission.bundle.sources import Sources
from submission.documents.files import NO_SUBMISSION, method_file
from submission.runs.runs import CheckedRun
from submission.system.description import short_description

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
ORGANISATION, SYSTEM = "#organisation", "#system"

#: Files of the folder, with their type and description.
FILES = {
    README: ("text/markdown", "how to repeat the runs and make this tree again"),
    CONFIG: ("application/yaml", "code, data, seeds, hyperparameters and configuration"),
    RUN_CONFIG: ("application/yaml", "configuration of the runs, as the program reads it"),
    PROVENANCE: ("application/json", "how the bundle was made"),
    TASK: ("application/ld+json", "problem, solution and evaluation as a Croissant Task"),
    CONTRIBUTION: ("text/markdown", "scientific contribution"),
    **dict.fromkeys(CONTRIBUTION_PDFS, ("application/pdf", "scientific contribution, typeset")),
    REPORT: ("text/html", "scientific contribution for reading, with curves and scenes"),
    **dict.fromkeys(SCRIPTS, ("application/x-sh", "script to repeat the runs")),
}


def ro_crate(layout: BundleLayout, sources: Sources) -> dict[str, Any]:
    """Return the contents of ro-crate-metadata.json."""
    runs = sources.runs
    numbered = list(enumerate(runs.runs, start=1))
    parts = [*_files(sources), _folder(f"{FIGURES}/", "figures of the scientific contribution")]
    for number, run in numbered:
        parts += [_log(layout, number, run), _folder(f"runs/{number}/", f"what run {number} measured")]
    actions = [action for number, run in numbered for action in _action(layout, sources, number, run)]
    return {"@context": CONTEXT, "@graph": [*_head(layout, sources, parts), *parts, *actions]}


def _head(layout: BundleLayout, sources: Sources, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the description of the crate, its root, and the entities that the actions refer to."""
    runs, commit = sources.runs, sources.commit
    data = data_set(runs)
    note = f" {NO_SUBMISSION}" if layout.name.demonstration else ""
    count = len(runs.runs)
    url = code_url(commit)
    return [
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": SPECIFICATION},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "conformsTo": {"@id": PROFILE},
            "name": layout.name.folder,
            "description": f"{count} {'run' if count == 1 else 'runs'} of the MLCommons Science benchmark "
            f"CloudMask by {runs.org} with the method {method_name(runs)}: mean test accuracy "
            f"{runs.mean:.4f}.{note}",
            # not the time of packaging, so that the same runs give the same bytes
            "datePublished": max(_times(run)[1] for run in runs.runs)[:10],
            "license": {"@id": LICENCE},
            "author": {"@id": ORGANISATION},
            "publisher": {"@id": ORGANISATION},
            "hasPart": [{"@id": part["@id"]} for part in parts],
            "mentions": [{"@id": f"#run-{number}"} for number in range(1, count + 1)],
        },
        {
            "@id": PROFILE,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": PROFILE.rpartition("/")[2],
        },
        {"@id": LICENCE, "@type": "CreativeWork", "name": "Apache License 2.0", "identifier": "Apache-2.0"},
        {"@id": ORGANISATION, "@type": "Organization", "name": runs.org},
        {
            "@id": _program(sources),
            "@type": "SoftwareApplication",
            "name": "cloudmask-benchmark",
            "description": "The code is next to this folder, below benchmarks/, with the text of its commit",
            "softwareVersion": commit.sha,
            **({"url": url} if url else {}),
        },
        {
            "@id": data.url or f"#{data.name}",
            "@type": "Dataset",
            "name": data.name,
            "description": data.about,
        },
        {
            "@id": SYSTEM,
            "@type": "Thing",
            "name": layout.name.system,
            "description": short_description(sources.system),
        },
    ]


def _program(sources: Sources) -> str:
    return code_url(sources.commit) or "#program"


def _files(sources: Sources) -> Iterator[dict[str, Any]]:
    files = dict(FILES)
    if name := method_file(sources.runs):
        files[name] = ("text/x-python", "the method")
    for name, (kind, about) in files.items():
        yield {"@id": name, "@type": "File", "name": about, "encodingFormat": kind}


def _folder(name: str, about: str) -> dict[str, Any]:
    return {"@id": name, "@type": "Dataset", "name": about, "description": about}


def _log(layout: BundleLayout, number: int, run: CheckedRun) -> dict[str, Any]:
    return {
        "@id": layout.results(number)[0].name,
        "@type": "File",
        "name": f"MLLOG log of run {number}",
        "encodingFormat": "text/plain",
        "contentSize": str(run.log.bytes),
        "sha256": run.log.sha256,
    }


def _action(layout: BundleLayout, sources: Sources, number: int, run: CheckedRun) -> Iterator[dict[str, Any]]:
    """Yield a run's action and its results other than files."""
    start, end = _times(run)
    data = data_set(sources.runs)
    yield {
        "@id": f"#run-{number}",
        "@type": "CreateAction",
        "name": f"run {number}, seed {run.seed}",
        "description": f"python -m benchmark.run --config {RUN_CONFIG} --seed {run.seed}",
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "startTime": start,
        "endTime": end,
        "agent": {"@id": ORGANISATION},
        "instrument": {"@id": _program(sources)},
        "location": {"@id": SYSTEM},
        "object": [{"@id": RUN_CONFIG}, {"@id": data.url or f"#{data.name}"}],
        "result": [
            {"@id": layout.results(number)[0].name},
            {"@id": f"runs/{number}/"},
            {"@id": f"#accuracy-{number}"},
            {"@id": f"#weights-{number}"},
        ],
    }
    yield {
        "@id": f"#accuracy-{number}",
        "@type": "PropertyValue",
        "name": "test_accuracy",
        "value": run.test_accuracy,
    }
    yield {
        "@id": f"#weights-{number}",
        "@type": "PropertyValue",
        "name": "weights_sha256",
        "value": run.result["weights_sha256"],
    }


def _times(run: CheckedRun) -> tuple[str, str]:
    """Return start and stop of a run's clock, in UTC."""
    times = [run.log.one(key) for key in ("run_start", "run_stop")]
    start, stop = (
        datetime.fromtimestamp(event.time_ms / 1000 if event and event.time_ms else 0, timezone.utc)
        for event in times
    )
    return start.isoformat(timespec="seconds"), stop.isoformat(timespec="seconds")
