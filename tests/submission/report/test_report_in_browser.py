"""The report in a real browser: its charts, its scenes, the keyboard and the printer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from submission.figures.palette import RUN_COLOURS
from submission.report.images import WIDTH
from tests.support.runs.hand_runs import ORG, SCENES
from tests.support.runs.scene_files import SEEDS
from tests.support.submissions.facts import Facts
from tests.support.submissions.report_pages import CURVES, HOSTILE, hostile_report, scene_rows
from tests.support.surroundings.browser import Tab


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
