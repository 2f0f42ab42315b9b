"""bundle.json: how a bundle was made, for the verifier, which writes the documents again."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmark import ROOT
from benchmark.core.errors import SubmissionError

FORMAT = "cloudmask-bundle-1"
REMEDY = "ask the submitter for the bundle again; bundle.json is written by the packager, not by hand"


@dataclass(frozen=True)
class Provenance:
    """How the packager made the bundle, as far as the runs do not say.

    Without ``made_by`` the bundle is from an earlier version of the program, which wrote no bundle.json.
    """

    #: The packager's options that reproduce the bundle.
    options: str = ""
    #: Whether a file (--system) described the system, not the measurements of its runs.
    described_by_hand: bool = False
    #: Files of the commit that are not in the bundle.
    left_out: tuple[str, ...] = ()
    #: Whether the runs read their data from folders other than those in run_config.yaml.
    data_moved: bool = False
    #: Whether the runs used synthetic scenes, so that the bundle is not a submission.
    demonstration: bool = False
    #: The editions of the rules that the bundle was checked against.
    rules_edition: str = ""
    #: sha256 of the archive of the masks, if there is one next to the bundle.
    masks_sha256: str = ""
    #: Digest of the program's document templates and of the code that fills them in.
    made_by: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this program words every document in the same way."""
        return self.made_by == documents_digest()


@functools.cache
def documents_digest() -> str:
    """Return the sha256 of the packager's modules and templates: if equal, documents are worded alike."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "submission").rglob("*")):
        if path.suffix in (".py", ".md", ".sh", ".html", ".css", ".js"):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def to_json(provenance: Provenance) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(provenance)}


def from_json(value: object, where: str) -> Provenance:
    """Return the provenance in a bundle.json. Raises SubmissionError for anything else."""
    expected = {
        "options": str,
        "described_by_hand": bool,
        "left_out": list,
        "data_moved": bool,
        "demonstration": bool,
        "rules_edition": str,
        "masks_sha256": str,
        "made_by": str,
    }
    # the first bundle.json had none of them
    if isinstance(value, Mapping):
        value = {"demonstration": False, "rules_edition": "", "masks_sha256": "", **value}
    found = None
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        found = "no object of this format"
    elif wrong := [name for name, kind in expected.items() if type(value.get(name)) is not kind]:
        found = f"{wrong[0]}: {value.get(wrong[0])!r}"
    elif not all(isinstance(name, str) for name in value["left_out"]):
        found = f"left_out: {value['left_out']!r}"
    if found is not None:
        raise SubmissionError(
            where, found=found[:200], expected=f"{FORMAT} with {', '.join(expected)}", remedy=REMEDY
        )
    assert isinstance(value, Mapping)
    fields = {name: value[name] for name in expected}
    return Provenance(**{**fields, "left_out": tuple(fields["left_out"])})
