"""List the locked packages and their licences as an SPDX 2.3 document (ISO/IEC 5962) in JSON.

Licences are read from the metadata of the installed packages, and only if the installed version is
the locked one, so that the same lock and environment give the same document. An ambiguous licence
(`BSD` is two licences) becomes NOASSERTION, with the package's words.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from email.message import Message
from typing import Any, NamedTuple

#: Name of the document in a bundle, and of the lock in the code.
LICENCES = "licences.spdx.json"
LOCK = "requirements.lock"

UNKNOWN = "NOASSERTION"

_LOCKED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]+\])?==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?\n")

#: Unambiguous names of licences that do not follow SPDX's grammar.
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "gpl2+": "GPL-2.0-or-later",
    **{each.lower(): each for each in ("AFL-2.1", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")},
    **{each.lower(): each for each in ("MIT", "MPL-2.0")},
}
_CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
#: Maximum number of characters quoted from a package.
_QUOTED = 100


class Locked(NamedTuple):
    """A package of the lock; ``marker`` says where it is needed, empty for everywhere."""

    name: str
    version: str
    marker: str


def locked_packages(lock: str) -> list[Locked]:
    """Return the packages of a requirements file with hashes, in its order."""
    found = (_LOCKED.match(line) for line in lock.splitlines(keepends=True))
    return [Locked(match[1], match[2], match[3] or "") for match in found if match]


def licence_list(
    lock: str,
    *,
    name: str,
    time: int,
    of_runs: Sequence[dict[str, Any]] = (),
    made_of: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """Return the SPDX document of the packages in ``lock`` (the text of requirements.lock), the packages
    ``of_runs``, and the relationships ``made_of`` between them (materials.py).

    ``name`` is the bundle's name, ``time`` the time of the commit (seconds since 1970).
    """
    digest = hashlib.sha256((lock + json.dumps([*of_runs])).encode()).hexdigest()
    packages = [*(_package(package) for package in locked_packages(lock)), *of_runs]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {
            "created": datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: cloudmask-benchmark"],
        },
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": package["SPDXID"],
            }
            for package in packages
        ]
        + [*made_of],
    }


def _package(package: Locked) -> dict[str, Any]:
    declared, comment = _declared(package)
    entry: dict[str, Any] = {
        "SPDXID": _identifier(package),
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": declared,
        "copyrightText": UNKNOWN,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:pypi/{package.name}@{package.version}",
            }
        ],
    }
    if package.marker:
        entry["comment"] = f"needed where {package.marker}"
    if comment:
        entry["licenseComments"] = comment
    return entry


def _identifier(package: Locked) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{package.name}-{package.version}")


def _declared(package: Locked) -> tuple[str, str]:
    """Return the SPDX expression of a package and, if it is unknown, the reason."""
    try:
        metadata = importlib.metadata.metadata(package.name)
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN, "not installed where the bundle was made"
    if metadata["Version"] != package.version:
        return UNKNOWN, "another version was installed where the bundle was made"
    return declared_licence(metadata)


def declared_licence(metadata: importlib.metadata.PackageMetadata | Message) -> tuple[str, str]:
    """Return the SPDX expression that a package's metadata declare or, if unknown, the package's words."""
    if "License-Expression" in metadata:
        return metadata["License-Expression"], ""
    # Some packages put the whole licence here: the first line is its title.
    stated = metadata["License"].strip().partition("\n")[0].strip() if "License" in metadata else ""
    if expression := _expression(stated):
        return expression, ""
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    if len(classifiers) == 1 and (known := _CLASSIFIERS.get(classifiers[0])):
        return known, ""
    words = [stated[:_QUOTED], *(each.split(" :: ")[-1] for each in classifiers)]
    said = ", ".join(dict.fromkeys(word for word in words if word))
    return UNKNOWN, f"the package says: {said}" if said else "the package says nothing"


def _expression(stated: str) -> str:
    """Convert a licence such as ``MPL-2.0 AND MIT`` or ``Apache 2.0`` to SPDX, or to "" if unknown."""
    parts = re.split(r" (AND|OR) ", stated)
    known = [part if part in ("AND", "OR") else _WORDS.get(part.lower()) for part in parts]
    return " ".join(part for part in known if part) if all(known) else ""
