"""The report for reading: its numbers recomputed from raw log lines, and the page in a real browser."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from compliance.checker import check_paths
from submission.bundle.archive import manifest_text
from submission.bundle.layout import BundleLayout, BundleName
from submission.bundle.provenance import Provenance
from submission.bundle.repository import find_commit
from submission.bundle.sources import Sources
from submission.documents.contribution import contribution
from submission.documents.files import write_json, write_text
from submission.figures.palette import RUN_COLOURS
from submission.package import Options, package
from submission.report.images import WIDTH
from submission.report.page import write_report
from submission.report.timeline import Scale
from submission.runs.runs import read_runs
from submission.system.description import DEFAULT_SITE, describe_measured, read_site
from submission.verify.steps import verify
from tests.support.browser import Tab
from tests.support.checkout import git
from tests.support.facts import Facts, expected_tables, facts, mean
from tests.support.run_changes import stopped_early
from tests.support.runs import ORG, SCENES, Lines, make_place, write_run
from tests.support.scene_files import add_scenes

SEEDS = (1, 2, 3)
#: The run of the highest accuracy: 2_000 right pixels for each ``seed * 5 % 7``.
BEST = 1
CURVES = ("train_loss", "eval_loss", "train_accuracy", "eval_accuracy")
HOSTILE = "Evil </script><script>boom()</script><img src=x onerror=boom()> & \"Co\" 'Ltd'"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    make_place(place)
    add_scenes(place, BEST)
    return place


@pytest.fixture(scope="module")
def report(science: Path) -> Path:
    return science / "report.html"


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return read_page(report)


@pytest.fixture(scope="module")
def runs(place: Path) -> list[Facts]:
    return facts(place / "logs")


class Page(HTMLParser):
    """What a page holds: its elements, the rows of its tables, its scripts and its visible words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in ("meta", "img", "input", "wbr"):
            self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.words.append(data)
        if {"td", "th"} & set(self._inside):
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])


def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def plain(row: str) -> list[str]:
    """The cells of a row of Markdown, as a page shows them."""
    return [cell.replace("**", "").replace("`", "") for cell in row.strip("| ").split(" | ")]


def repackaged(place: Path, folder: Path, **run: Any) -> Path:
    """The report of a bundle of one run that is written with these arguments."""
    write_run(folder / "logs", 1, git(place, "rev-parse", "HEAD"), **run)
    made = package(Options([folder / "logs"], folder / "dist", checkout=place))
    return next(made.glob("*/cloudmask/*/*/report.html"))


# ---- numbers


def test_every_row_of_the_documents_tables_is_in_the_report(page: Page, runs: list[Facts]) -> None:
    for row in expected_tables(runs):
        assert plain(row) in page.rows


def test_every_other_row_is_the_documents_a_scenes_or_a_finding(
    page: Page, science: Path, runs: list[Facts]
) -> None:
    document = (science / "scientific_contribution.md").read_text().splitlines()
    known = [plain(line) for line in document if line.startswith("| ")] + scene_rows(runs)
    others = [row for row in page.rows if row not in known and row[0] not in ("error", "warning", "note")]
    assert others == [
        ["Scene", "Period", "Mean accuracy", "Seed 1", "Seed 2", "Seed 3"],
        ["Severity", "Rule", "Place", "Found", "Expected", "What to do"],
    ]


def scene_rows(runs: list[Facts]) -> list[list[str]]:
    rows = []
    for scene, period in SCENES:
        values = [
            e["value"] for run in runs for e in run.of("scene_accuracy") if e["metadata"]["scene"] == scene
        ]
        rows.append([scene, period, f"{mean(values):.4f}", *(f"{value:.4f}" for value in values)])
    return rows


def test_the_table_of_scenes_has_every_accuracy(page: Page, runs: list[Facts]) -> None:
    assert [row for row in page.rows if row[0] in dict(SCENES)] == scene_rows(runs)


def test_the_curves_are_those_of_the_logs(page: Page, runs: list[Facts]) -> None:
    assert page.data["target"] == {"value": 0.9, "text": "0.9"}
    assert [run["name"] for run in page.data["runs"]] == ["seed 1", "seed 2", "seed 3"]
    for shown, run in zip(page.data["runs"], runs, strict=True):
        assert shown["best"] == run.best_epoch
        for key in CURVES:
            events = run.of(key)
            assert shown["series"][key] == {
                "epochs": [event["metadata"]["epoch_num"] for event in events],
                "values": [event["value"] for event in events],
                "texts": [f"{event['value']:.4f}" for event in events],
            }


def test_the_scenes_of_the_browser_are_those_of_the_logs(page: Page, runs: list[Facts]) -> None:
    shown = page.data["scenes"]
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    wrong = [
        f"{event['metadata']['pixels'] - event['metadata']['correct']:,} of {event['metadata']['pixels']:,}"
        for event in best.of("scene_accuracy")
    ]
    rows = [[scene["name"], scene["period"], scene["mean"], *scene["accuracies"]] for scene in shown]
    assert rows == scene_rows(runs)
    assert [scene["errors"] for scene in shown] == wrong


def test_the_timeline_is_that_of_the_best_runs_events(page: Page, runs: list[Facts]) -> None:
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    parts = ("init", "staging", "epoch", "eval", "inference", "baselines")
    words = ("initialisation", "staging", "training epochs", "validation", "inference", "baselines")
    text = re.sub(r"\d[\d.]* to [\d.]+ s ", "", page.text.partition("Timeline The best run")[2])
    text = re.sub(r"-?\d[\d.]* to -?[\d.]+ s ?", "", text)
    for name, word in zip(parts, words, strict=True):
        assert f"{word} {best.seconds(name):.1f} s" in " ".join(text.split())
    assert f"the clock starts: 0.0 s the clock stops: {best.seconds('run'):.1f} s" in page.text


def test_bars_lie_where_their_events_do(report: Path, runs: list[Facts]) -> None:
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    start = best.of("run_start")[0]["time_ms"]
    first = (best.of("init_start")[0]["time_ms"] - start) / 1000
    span = best.seconds("run") - first
    expected = []
    for begin, end in zip(best.of("epoch_start"), best.of("epoch_stop"), strict=True):
        left, length = (begin["time_ms"] - start) / 1000, (end["time_ms"] - begin["time_ms"]) / 1000
        expected.append((f"{100 * (left - first) / span:.3f}%", f"{100 * length / span:.3f}%"))
    part = report.read_text().partition("<span>training epochs</span>")[2].partition("</div>")[0]
    assert re.findall(r'<rect x="([^"]+)" y="10%" height="80%" width="([^"]+)"', part) == expected


def test_a_timeline_of_no_length_has_a_scale() -> None:
    assert Scale(2.0, 2.0).percent(2.0) == "0.000%"


def test_the_findings_are_those_of_the_checker(page: Page, science: Path, bundle: Path) -> None:
    logs = [*science.glob("result-*.txt")]
    checked = check_paths([*logs, next(bundle.glob("*/systems/*.json"))]).findings
    expected = sorted([f.severity, f.rule, f.found, f.expected, f.remedy] for f in checked)
    shown = [row for row in page.rows if row[0] in ("error", "warning", "note")]
    assert sorted([row[0], row[1], *row[3:]] for row in shown) == expected
    assert expected
    assert {row[2].partition(":")[0] for row in shown} <= {log.name for log in logs} | {"test-node.json"}


def test_a_run_that_stopped_early_says_when(place: Path, blank_figures: None, tmp_path: Path) -> None:
    report = repackaged(place, tmp_path, change=stopped_early)
    (run,) = facts(tmp_path / "logs")
    seconds = (run.of("early_stop")[0]["time_ms"] - run.of("run_start")[0]["time_ms"]) / 1000
    page = read_page(report)
    assert f"patience ran out: {seconds:.1f} s" in page.text
    assert page.data["runs"][0]["best"] == 1


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


def hostile_report(place: Path, folder: Path) -> Path:
    """The report of a run whose organisation, system and scenes are named to break out of a page.

    The packager refuses such an organisation, so the report is made without it.
    """

    def rename(lines: Lines) -> None:
        for line in lines:
            if line["key"] == "scene_accuracy":
                line["metadata"]["scene"] = f"{HOSTILE} {line['metadata']['scene']}"

    sha = git(place, "rev-parse", "HEAD")
    write_run(folder / "logs", 1, sha, org=HOSTILE, change=rename)
    runs = read_runs([folder / "logs"])
    system = describe_measured(
        [run.system for run in runs.runs],
        read_site(DEFAULT_SITE) | {"cooling": HOSTILE},
        name="test-node",
        org=runs.org,
        status=runs.status,
    )
    layout = BundleLayout(folder, BundleName("evil", "test-node", "quick"))
    commit = find_commit(place, sha, ignore=[place / "logs", place / "dist"])
    write_json(layout.system_description, system)
    write_text(layout.contribution, contribution(layout, Sources(runs, commit, system, Provenance())))
    write_report(layout, runs)
    return layout.report


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


# ---- in a browser


@pytest.fixture
def wide(browser: Tab, report: Path) -> Tab:
    browser.open(report, 1400)
    return browser


def readout(runs: list[Facts], key: str, epoch: int) -> list[str]:
    return [f"seed {run.value('seed')}: {run.at_epoch(key, epoch):.4f}" for run in runs]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_loads_without_a_complaint_and_fits(
    browser: Tab, report: Path, width: int, dark: bool, tmp_path: Path
) -> None:
    browser.open(report, width, dark=dark)
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith("data:image/webp")] == [report.as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate(SMALLEST_TEXT) >= 12
    assert browser.evaluate(TOO_PALE) == []
    image = browser.screenshot()
    image.save(tmp_path / f"report-{width}{'-dark' * dark}.png")
    assert image.width == width
    assert len(image.convert("RGB").getcolors(1 << 24)) > 100


#: Size in pixels of the smallest letters that stand on the page.
SMALLEST_TEXT = """Math.min(...[...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && [...each.childNodes].some((node) => node.nodeType === 3
    && node.textContent.trim()))
  .map((each) => parseFloat(getComputedStyle(each).fontSize)))"""

#: Words whose colour is less than 4.5 times as light or dark as the ground that they stand on (WCAG AA).
TOO_PALE = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && node.parentElement ? ground(node.parentElement) : colour;
  };
  return [...document.querySelectorAll("p, li, span, td, th, a, h1, h2, dt, dd, text, label, option")]
    .filter((each) => each.checkVisibility() && each.textContent.trim())
    .filter((each) => {
      const style = getComputedStyle(each);
      const colour = each instanceof SVGElement ? style.fill : style.color;
      const [a, b] = [light(colour), light(ground(each))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    })
    .map((each) => each.textContent);
})()"""


def test_each_chart_has_a_curve_for_each_run_in_its_own_colour(wide: Tab) -> None:
    colours = (
        "[...document.querySelectorAll('#chart-eval_loss .curve')].map((e) => getComputedStyle(e).stroke)"
    )
    shown = [*dict.fromkeys(wide.evaluate(colours))]
    expected = [tuple(int(each[at : at + 2], 16) for at in (1, 3, 5)) for each in RUN_COLOURS[: len(SEEDS)]]
    assert shown == [f"rgb({red}, {green}, {blue})" for red, green, blue in expected]
    for key in CURVES:
        assert wide.texts(f"#chart-{key} g[data-run]") == ["", "", ""]


def test_pointing_at_an_epoch_shows_its_values_in_all_charts(wide: Tab, runs: list[Facts]) -> None:
    for share, epoch in ((0.2, 1), (0.9, 2)):
        wide.point_at("#chart-train_loss > svg", share)
        assert wide.texts("#epoch-text") == [f"{epoch} of 2"]
        for key in CURVES:
            assert wide.texts(f"#chart-{key} .values li") == readout(runs, key, epoch)


def test_the_slider_obeys_the_keyboard(wide: Tab, runs: list[Facts]) -> None:
    wide.evaluate("document.getElementById('epoch').focus()")
    wide.press("ArrowLeft")
    assert wide.evaluate("document.getElementById('epoch').getAttribute('aria-valuetext')") == "epoch 1 of 2"
    assert wide.texts("#chart-eval_loss .values li") == readout(runs, "eval_loss", 1)
    wide.press("End")
    assert wide.texts("#chart-eval_loss .values li") == readout(runs, "eval_loss", 2)


def test_a_run_can_be_taken_away_and_brought_back_with_the_space_bar(wide: Tab, runs: list[Facts]) -> None:
    seen = "[...document.querySelectorAll('#chart-eval_loss g[data-run]')].map((e) => e.dataset.run)"
    wide.evaluate("document.querySelector('#runs input').focus()")
    wide.press("Space")
    assert wide.evaluate(seen) == ["seed 2", "seed 3"]
    assert wide.texts("#chart-eval_loss .values li") == readout(runs, "eval_loss", 2)[1:]
    wide.evaluate("document.querySelector('#runs input').click()")
    assert wide.evaluate(seen) == ["seed 1", "seed 2", "seed 3"]


def test_without_any_run_the_charts_are_empty_and_say_nothing_wrong(wide: Tab) -> None:
    wide.evaluate("document.querySelectorAll('#runs input').forEach((box) => box.click())")
    assert wide.texts(".values li") == []
    assert wide.complaints == []


def test_charts_are_drawn_again_when_the_width_changes(wide: Tab) -> None:
    view = "document.querySelector('#chart-eval_loss > svg').viewBox.baseVal.width"
    before = wide.evaluate(view)
    wide.page.set_viewport_size({"width": 400, "height": 900})
    wide.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    assert wide.evaluate(view) < before
    assert wide.evaluate("document.documentElement.scrollWidth") == 400


def test_scenes_are_chosen_with_the_arrow_keys(wide: Tab) -> None:
    names = [scene for scene, _ in SCENES]
    keys: list[tuple[str, Callable[[], object]]] = [
        ("scene-list", lambda: wide.press("ArrowDown")),
        ("scene", lambda: wide.press("ArrowRight")),
    ]
    for element, press in keys:
        wide.evaluate("document.getElementById('scene-list').selectedIndex = 0")
        wide.evaluate("document.getElementById('scene-list').dispatchEvent(new Event('change'))")
        assert wide.texts("#scene-name") == [names[0]]
        wide.evaluate(f"document.getElementById('{element}').focus()")
        press()
        assert wide.texts("#scene-name") == [names[1]]
    assert wide.evaluate("document.getElementById('next').disabled")
    wide.press("ArrowRight")
    assert wide.texts("#scene-name") == [names[1]]


def test_the_chosen_scene_shows_its_picture_and_values(wide: Tab, runs: list[Facts]) -> None:
    assert wide.evaluate("document.getElementById('scene-image').naturalWidth") == WIDTH
    (day, _) = scene_rows(runs)
    assert wide.texts("#scene-values dd")[:-1] == day[1:]


def test_scenes_are_filtered_by_day_and_night(wide: Tab) -> None:
    shown = "[...document.querySelectorAll('#scene-list option')].map((each) => each.value)"
    for period, expected in (
        ("night", ["S3A_night"]),
        ("day", ["S3A_day"]),
        ("all", ["S3A_day", "S3A_night"]),
    ):
        wide.evaluate(f"document.querySelector('input[value={period}]').click()")
        assert wide.evaluate(shown) == expected
        assert wide.texts("#scene-count") == [f"{len(expected)} of 2"]
        assert wide.texts("#scene-name") == ["S3A_night" if period == "night" else "S3A_day"]


def test_the_tab_key_reaches_everything_and_the_focus_is_seen(wide: Tab) -> None:
    reached = set()
    for _ in range(60):
        wide.press("Tab")
        name, outline = wide.evaluate(
            "((at) => [at.id || at.name || at.type || at.className || at.tagName,"
            " getComputedStyle(at).outlineStyle + getComputedStyle(at).outlineWidth])(document.activeElement)"
        )
        if name == "BODY":
            break
        reached.add(name)
        assert outline == "solid3px", name
    wanted = {"skip", "checkbox", "epoch", "period", "scene-list", "next", "scene", "wide", "SUMMARY"}
    assert wanted <= reached


def test_everything_that_is_operated_has_a_name(wide: Tab) -> None:
    operated = {"checkbox", "radio", "slider", "listbox", "button", "link", "image"}
    shown = [(node["role"]["value"], node["name"]["value"]) for node in wide.accessibility()]
    assert [each for each in shown if each[0] in operated and not each[1]] == []
    assert operated <= {role for role, _ in shown}


def test_names_from_elsewhere_run_nothing_in_a_browser(browser: Tab, place: Path, tmp_path: Path) -> None:
    browser.open(hostile_report(place, tmp_path), 1400)
    assert browser.complaints == []
    assert browser.evaluate("typeof boom") == "undefined"
    assert browser.evaluate("document.scripts.length") == 2
    assert browser.texts("#scene-name") == [f"{HOSTILE} {SCENES[0][0]}"]
    assert ORG not in browser.texts("title")[0]


def test_it_prints_on_pages(wide: Tab) -> None:
    pdf = wide.pdf()
    assert pdf.startswith(b"%PDF-")
    import pypdfium2

    pages = pypdfium2.PdfDocument(pdf)
    words = " ".join(page.get_textpage().get_text_range() for page in pages)
    assert "Validation accuracy" in words
    assert "Checker" in words
