"""The AI bill of materials: code, dataset and models of a bundle as packages of its SPDX document.

SPDX 2.3 has no models or datasets, so they are packages whose comment says what they are. The AI and
dataset profiles of SPDX 3 have no validator that readers could run offline.
"""

from __future__ import annotations

from typing import Any

from submission.bundle.licences import UNKNOWN
from submission.bundle.origin import DataSet, code_url, data_set, method_name
from submission.bundle.repository import Commit
from submission.runs.runs import RunSet

CODE, DATA = "SPDXRef-Code", "SPDXRef-DataSet"


def materials(runs: RunSet, commit: Commit) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the packages of code, dataset and each run's model, and the relationships between them."""
    packages, relationships = [_code(commit), _data(data_set(runs))], []
    for number, run in enumerate(runs.runs, start=1):
        model = f"SPDXRef-Model-{number}"
        learned = f"model: weights of run {number}; its version is the sha256 of its weights (weights_sha256)"
        packages.append(
            _package(
                model,
                f"{method_name(runs)}-seed-{run.seed}",
                str(run.result["weights_sha256"]),
                "OTHER",
                f"{learned}; test accuracy {run.test_accuracy:.4f}",
            )
        )
        relationships += [_relationship(model, "GENERATED_FROM", made_of) for made_of in (CODE, DATA)]
    return packages, relationships


def _code(commit: Commit) -> dict[str, Any]:
    url = code_url(commit)
    package = _package(CODE, "cloudmask-benchmark", commit.sha, "SOURCE", "code of the runs, in this bundle")
    return package | {"licenseDeclared": "Apache-2.0"} | ({"downloadLocation": url} if url else {})


def _data(data: DataSet) -> dict[str, Any]:
    package = _package(DATA, data.name, data.version, "OTHER", f"data set: {data.about}")
    stated = {"downloadLocation": data.url, "licenseDeclared": data.licence}
    return package | {key: value for key, value in stated.items() if value}


def _package(identifier: str, name: str, version: str, purpose: str, comment: str) -> dict[str, Any]:
    return {
        "SPDXID": identifier,
        "name": name,
        "versionInfo": version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "primaryPackagePurpose": purpose,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "comment": comment,
    }


def _relationship(element: str, kind: str, related: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related}
