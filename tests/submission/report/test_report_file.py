"""The report is one file that asks nothing of a network, runs nothing of a log, and is part of the bundle."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

from PIL import Image

from submission.bundle.archive import manifest_text
from submission.package import Options, package
from submission.report.images import WIDTH
from submission.verify.steps import verify
from tests.support.runs.hand_runs import SCENES
from tests.support.submissions.report_pages import HOSTILE, Page, hostile_report, read_page

# ---- one file that asks nothing of a network and runs nothing of a log


def test_nothing_is_loaded_from_elsewhere(page: Page, report: Path) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "href", "action", "data", "poster", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/webp;base64,")), (tag, attributes)
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    text = report.read_text()
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|@font-face", style)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import|eval|innerHTML)\b", page.scripts[-1])


def test_the_policy_allows_only_what_is_inside(page: Page) -> None:
    policy = next(each["content"] for each in page.all("meta") if "http-equiv" in each)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.keys() == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    for kind in ("style-src", "script-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules[kind])


def test_names_from_elsewhere_stay_text(place: Path, tmp_path: Path) -> None:
    page = read_page(hostile_report(place, tmp_path))
    assert len(page.all("script")) == 2
    assert page.all("img") == [{"id": "scene-image", "alt": "", "hidden": ""}]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for text in (f"CloudMask, quick: {HOSTILE}", f"Submitted by {HOSTILE}, division open"):
        assert text in page.text
    assert [row for row in page.rows if row[0] == "cooling"] == [["cooling", HOSTILE]]
    assert [scene["name"] for scene in page.data["scenes"]] == [f"{HOSTILE} {scene}" for scene, _ in SCENES]


# ---- a part of the bundle like any other


def test_pictures_are_small_and_in_the_page(page: Page, science: Path) -> None:
    names = {path.stem for path in science.glob("figures/*.webp")}
    expected = {"figure-1-preprocessing", "figure-6-reliability", *(f"map-{scene}" for scene, _ in SCENES)}
    assert names == expected
    uris = [scene["image"] for scene in page.data["scenes"]]
    uris += [each["src"] for each in page.all("img") if "src" in each]
    assert len(uris) == len(names)
    for uri in uris:
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            assert (image.format, image.width) == ("WEBP", WIDTH)


def test_without_scenes_the_report_has_no_pictures_and_says_so(
    place: Path, blank_figures: None, tmp_path: Path
) -> None:
    made = package(Options([place / "logs/quick-seed-2"], tmp_path / "dist", checkout=place))
    page = read_page(next(made.glob("*/cloudmask/*/*/report.html")))
    assert [scene["image"] for scene in page.data["scenes"]] == ["", ""]
    assert "No map: scene and mask were not at hand" in page.text


def test_two_bundles_have_the_same_report(place: Path, report: Path, tmp_path: Path) -> None:
    again = package(Options([place / "logs"], tmp_path / "dist", checkout=place))
    assert next(again.glob("*/cloudmask/*/*/report.html")).read_bytes() == report.read_bytes()


def test_verify_names_the_report_if_a_number_of_it_was_changed(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / bundle.name
    shutil.copytree(bundle, copy)
    report = next(copy.glob("*/cloudmask/*/*/report.html"))
    assert verify(copy).exit_code == 0
    text = report.read_text()
    cell = r"mean of 3 runs</td>\s*<td>[^<]*</td>\s*<td class=\"number\">(0\.\d{4})"
    (score,) = set(re.findall(cell, text))
    report.write_text(text.replace(score, "0.9999", 1))
    (copy / "MANIFEST.sha256").unlink()
    (copy / "MANIFEST.sha256").write_text(manifest_text(copy))
    (finding,) = [each for each in verify(copy).findings if each.severity == "error"]
    assert (finding.rule, Path(finding.path).name) == ("verify-recomputed", "report.html")
    assert "0.9999" in finding.found
    assert score in finding.expected


def test_the_manifest_has_the_report(bundle: Path) -> None:
    names = [line.split("  ", 1)[1] for line in (bundle / "MANIFEST.sha256").read_text().splitlines()]
    assert "New-York-University/cloudmask/test-node/quick/report.html" in names
