"""What describes the software to others says the same everywhere."""

from __future__ import annotations

import json
import re
import sys

import pytest
import yaml

from tests.support.project import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RATED = ("software", "specification", "dataset", "metrics", "reference_solution", "documentation")


def test_codemeta_and_citation_agree_with_the_package() -> None:
    codemeta = json.loads((ROOT / "codemeta.json").read_text())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (codemeta["name"], codemeta["description"]) == (PROJECT["name"], PROJECT["description"])
    assert codemeta["keywords"] == citation["keywords"] == PROJECT["keywords"]
    assert codemeta["license"].endswith(f"/{PROJECT['license']}")
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in codemeta["author"]] == [each["name"] for each in citation["authors"]]
    # what an archive asks of a file that is to get a DOI
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_catalogue_entry_rates_every_category_and_says_why() -> None:
    (entry,) = yaml.safe_load((ROOT / "docs" / "catalogue-entry.yaml").read_text())
    assert tuple(entry["ratings"]) == RATED
    for rated in entry["ratings"].values():
        assert 0 <= rated["rating"] <= 5
        assert rated["reason"].strip()
    for name in ("domain", "keywords", "ai_capability_measured", "metrics", "models", "ml_motif", "cite"):
        assert all(isinstance(each, str) for each in entry[name])
        assert entry[name]


def test_the_changelog_begins_with_what_is_unreleased_and_its_versions_descend() -> None:
    headings = re.findall(
        r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert headings[0] == ("Unreleased", "")
    versions = [tuple(map(int, name.split("."))) for name, date in headings[1:] if date]
    assert len(versions) == len(headings) - 1
    assert versions == sorted(versions, reverse=True)


@pytest.mark.parametrize("package", ["benchmark", "cloudmask", "compliance", "submission"])
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
