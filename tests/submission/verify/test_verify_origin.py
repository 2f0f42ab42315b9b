"""The verifier: a bundle says which version of the program made it, and what that allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from submission.verify.steps import verify
from tests.support.submissions.bundles import SCIENCE, edit, restamp


def other_version(bundle: Path) -> Path:
    """Let the bundle say that another version of the program wrote its documents; returns its bundle.json."""
    path = bundle / SCIENCE / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_by": "0" * 64}))
    return path


def test_documents_of_another_version_may_differ_in_words_but_not_in_numbers(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_version(bundle)
    edit(bundle / SCIENCE / "README.md", "Submission of", "Entry of")
    restamp(bundle)
    assert verify(bundle).exit_code == 0
    assert "README" in capsys.readouterr().out.partition("worded by another version")[0].splitlines()[-1]
    edit(bundle / SCIENCE / "README.md", "| result-1.txt | 1 |", "| result-1.txt | 9 |")
    restamp(bundle)
    (finding,) = [each for each in verify(bundle).findings if each.severity == "error"]
    assert (finding.rule, "README.md" in finding.path) == ("verify-recomputed", True)


def test_words_of_this_version_are_compared_to_the_letter(bundle: Path) -> None:
    edit(bundle / SCIENCE / "README.md", "Submission of", "Entry of")
    restamp(bundle)
    assert [each.rule for each in verify(bundle).findings if each.severity == "error"] == [
        "verify-recomputed"
    ]


def test_a_bundle_of_before_bundle_json_still_verifies(bundle: Path) -> None:
    (bundle / SCIENCE / "bundle.json").unlink()
    restamp(bundle)
    assert verify(bundle).exit_code == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", "no object of this format"),
        ('{"format": "other"}', "no object of this format"),
        ('{"format": "cloudmask-bundle-1", "options": 1}', "options: 1"),
    ],
)
def test_a_bundle_json_that_says_nothing_is_an_error(bundle: Path, text: str, found: str) -> None:
    (bundle / SCIENCE / "bundle.json").write_text(text)
    restamp(bundle)
    errors = [each for each in verify(bundle).findings if each.severity == "error"]
    assert [(each.rule, each.found) for each in errors] == [("verify-recomputed", found)]
    assert "bundle.json" in errors[0].path
