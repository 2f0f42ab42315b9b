"""bundle.json: how a bundle was made, for the verifier, which makes its documents again."""

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
    """What the packager did that the runs do not say.

    Without ``made_by`` the bundle is of an earlier version of the program, which wrote no bundle.json.
    """

    #: The packager's options that make the bundle again.
    options: str = ""
    #: Whether the system was described by a file (--system), not by what its runs measured.
    described_by_hand: bool = False
    #: Files of the commit that are not in the bundle.
    left_out: tuple[str, ...] = ()
    #: Whether the runs read their data from other folders than run_config.yaml names.
    data_moved: bool = False
    #: Whether the runs were made on synthetic scenes, so that the bundle is no submission.
    demonstration: bool = False
    #: The editions of the rules that the bundle was checked by.
    rules_edition: str = ""
    #: sha256 of the archive with the masks, where one was made next to the bundle.
    masks_sha256: str = ""
    #: Digest of the program's own documents and what fills them in.
    made_by: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this program writes every document with the same words."""
        return self.made_by == documents_digest()


@functools.cache
def documents_digest() -> str:
    """sha256 of the packager's modules and templates: equal where documents are worded alike."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "submission").rglob("*")):
        if path.suffix in (".py", ".md", ".sh", ".html", ".css", ".js"):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def to_json(provenance: Provenance) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(provenance)}


def from_json(value: object, where: str) -> Provenance:
    """The provenance that a bundle.json states. Raises SubmissionError for anything else."""
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
