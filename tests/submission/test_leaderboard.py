"""The leaderboard: what is in its tables, in which order, and what is kept out of them."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compliance.checker import check_paths
from submission import package as packager
from submission.bundle.archive import manifest_text
from submission.leaderboard import HEADINGS, Broken, Entry, cells, main, read_bundles, to_html, to_markdown
from submission.runs.statistics import spread
from tests.support.runs.checkout import make_checkout
from tests.support.runs.hand_runs import MEASURED, ORG, V100, Lines, accuracy, write_run

#: A name that would be markup somewhere.
ODD = "Universität & *Zürich* | [x](y)"
BUNDLE = "demonstration-New-York-University-cloudmask-test-node"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three bundles in a folder: of three runs, of one, and of one on accelerators that logged energy."""
    place = tmp_path_factory.mktemp("leaderboard") / "place"
    commit = make_checkout(place)

    def measured(lines: Lines) -> None:
        for epoch in (2, 1):
            at = next(
                n
                for n, line in enumerate(lines)
                if line["key"] == "eval_stop" and line["metadata"]["epoch_num"] == epoch
            )
            energy = {**lines[at - 1], "key": "epoch_energy", "value": 1800.0 * epoch}
            energy["metadata"] = {"file": "f", "lineno": 1, "epoch_num": epoch, "sources": "accelerators"}
            lines.insert(at, energy)

    for seed in (1, 2, 3):
        write_run(place / "logs/three", seed, commit)
    write_run(place / "logs/one", 4, commit, org=ODD)
    cards = MEASURED | {"accelerators": [V100] * 4}
    write_run(place / "logs/cards", 5, commit, system=cards, change=measured)
    for name in ("three", "one", "cards"):
        options = packager.Options([place / "logs" / name], place / "dist", descriptor=name, checkout=place)
        packager.package(options)
    return place / "dist"


def entry(org: str, scores: list[float], seconds: float, kind: str = "synthetic") -> Entry:
    return Entry(org, "node", "unet", kind, spread(scores), 0, seconds, (5, 5), None, Path("dist") / org)


class Page(HTMLParser):
    """The cells, links and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_the_numbers_are_those_of_the_logs_in_both_forms(bundles: Path, tmp_path: Path) -> None:
    assert main([str(bundles), "--output", str(tmp_path / "site")]) == 0
    markdown = (tmp_path / "site/leaderboard.md").read_text()
    page = Page((tmp_path / "site/leaderboard.html").read_text())
    scores = [accuracy(seed) for seed in (1, 2, 3)]
    mean = sum(scores) / 3
    deviation = (sum((score - mean) ** 2 for score in scores) / 2) ** 0.5
    row = next(row for row in page.rows if row[-1] == f"{BUNDLE}-three")
    assert row[:7] == [
        *(ORG, "test-node: 1x AMD EPYC 9B14", "unet", "3"),
        *(f"{mean:.4f}", f"{max(scores):.4f}", f"{deviation:.4f}"),
    ]
    assert row[7] == "3 of 3"
    assert row[9:11] == ["2", "–"]
    for cell in row[4:7]:
        assert f" {cell} |" in markdown
    cards = next(row for row in page.rows if row[-1] == f"{BUNDLE}-cards")
    assert cards[1] == "test-node: 4x Tesla V100-PCIE-32GB, 1x AMD EPYC 9B14"
    assert cards[6] == "–"
    assert cards[10] == f"{(1800 + 3600) / 3600:.1f}"


def test_the_time_is_that_between_start_and_stop_of_the_clock(bundles: Path) -> None:
    entries, broken = read_bundles([bundles / f"{BUNDLE}-three"])
    (listed,) = entries
    assert broken == []
    events = (bundles.parent / "logs/three/quick-seed-1/result.txt").read_text().splitlines()
    start = next(n for n, line in enumerate(events) if '"run_start"' in line)
    assert listed.seconds == len(events) - 1 - start  # the runs of the tests log one event a second


def test_links_lead_to_the_bundles(bundles: Path, tmp_path: Path) -> None:
    main([str(bundles), "--output", str(tmp_path)])
    links = Page((tmp_path / "leaderboard.html").read_text()).links
    assert sorted((tmp_path / link).resolve() for link in links) == sorted(
        path for path in bundles.iterdir() if path.is_dir()
    )


def test_the_folder_that_one_is_in_has_its_name(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle,) = bundles.glob("*-cards")
    monkeypatch.chdir(bundle)
    assert main([".", "--output", str(tmp_path)]) == 0
    assert f"[{bundle.name}](" in (tmp_path / "leaderboard.md").read_text()
    assert f">{bundle.name}</a>" in (tmp_path / "leaderboard.html").read_text()


def test_no_text_of_a_bundle_becomes_markup(bundles: Path, tmp_path: Path) -> None:
    main([str(bundles), "--output", str(tmp_path)])
    page = Page((tmp_path / "leaderboard.html").read_text())
    assert ODD in [row[0] for row in page.rows]
    markdown = (tmp_path / "leaderboard.md").read_text()
    assert "[x](y)" not in markdown
    assert "*Zürich*" not in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {len(HEADINGS) + 1}


def test_tags_in_a_name_or_a_reason_are_shown_and_not_obeyed() -> None:
    odd = "<script>alert(1)</script>"
    page = Page(to_html([entry(odd, [0.9], 10)], [Broken(Path("b"), odd)], Path()))
    assert page.rows[1][0] == odd
    assert "script" not in page.tags
    assert "<script>" not in to_markdown([entry(odd, [0.9], 10)], [Broken(Path("b"), odd)], Path())


def test_the_page_needs_no_other_file(bundles: Path, tmp_path: Path) -> None:
    main([str(bundles), "--output", str(tmp_path)])
    text = (tmp_path / "leaderboard.html").read_text()
    assert Page(text).tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "url(" not in text
    assert "http" not in text.replace("https://www.w3.org", "")


def test_the_order_is_by_mean_accuracy_then_by_time_and_each_kind_of_scenes_has_its_table() -> None:
    listed = [
        entry("slow", [0.9], 20),
        entry("fast", [0.9], 10),
        entry("best", [0.95, 0.93], 90),
        entry("real", [0.5], 1, kind="slstr"),
    ]
    from submission.leaderboard import _order

    rows = [row[0] for row in Page(to_html(sorted(listed, key=_order), [], Path())).rows if row]
    assert rows == ["Submitter", "real", "Submitter", "best", "fast", "slow"]


def test_an_archive_is_read_and_is_the_same_bundle_as_its_folder(
    bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = bundles / f"{BUNDLE}-three.tar.gz"
    assert main([str(archive), "--output", str(tmp_path)]) == 0
    assert f"[{archive.name}](" in (tmp_path / "leaderboard.md").read_text()
    capsys.readouterr()
    assert main([str(bundles), str(archive), "--output", str(tmp_path)]) == 0
    assert "[3/3]" in capsys.readouterr().out


def test_a_broken_bundle_is_named_with_its_first_error_and_not_listed(
    bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Path(shutil.copytree(bundles / f"{BUNDLE}-three", tmp_path / "broken"))
    next(broken.glob("*/cloudmask/*/*/README.md")).write_text("<i>other</i>\n")
    (tmp_path / "cut.tar.gz").write_bytes((bundles / f"{BUNDLE}-three.tar.gz").read_bytes()[:5000])
    output = tmp_path / "site"
    paths = [str(broken), str(tmp_path / "cut.tar.gz"), str(bundles / f"{BUNDLE}-cards")]
    assert main([*paths, "--output", str(output)]) == 1
    said = capsys.readouterr().err
    assert f"not listed: {broken}: [manifest-hash] broken/" in said
    assert f"not listed: {tmp_path / 'cut.tar.gz'}: [tar-" in said
    markdown = (output / "leaderboard.md").read_text()
    assert markdown.count("\n- ") == 2
    assert "## Not listed\n\n- broken: " in markdown
    assert "<h2>Not listed</h2>" in (output / "leaderboard.html").read_text()
    assert f"[{BUNDLE}-cards]" in markdown


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_bundles_is_refused(
    made: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "folder"
    if made:
        path.mkdir()
    assert main([str(path), "--output", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"found:    {'no bundle' if made else 'not there'}" in said
    assert not (tmp_path / "leaderboard.md").exists()


def test_an_unwritable_output_is_reported(
    bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    assert main([str(bundles / f"{BUNDLE}-cards"), "--output", str(tmp_path / "file")]) == 2
    assert f"error: {tmp_path / 'file'}: File exists" in capsys.readouterr().err


def test_numbers_that_are_not_there_are_dashes() -> None:
    row = dict(zip(HEADINGS, cells(entry("one", [0.9], 30)), strict=True))
    assert (row["Spread"], row["Energy (Wh)"], row["Time (min)"], row["Method"]) == ("–", "–", "0.50", "unet")
    assert "one" in to_markdown([entry("one", [0.9], 30)], [], Path())


def test_a_bundle_that_verify_refuses_is_not_listed(bundles: Path, tmp_path: Path) -> None:
    """A file was changed and the manifest made again: every rule is met, the file is not the packager's."""
    changed = Path(shutil.copytree(bundles / f"{BUNDLE}-three", tmp_path / f"{BUNDLE}-three"))
    for document in changed.glob("*/cloudmask/*/*/README.md"):
        document.write_text(document.read_text() + "This system won.\n")
    (changed / "MANIFEST.sha256").write_text(manifest_text(changed))
    assert check_paths([changed]).counts["error"] == 0
    listed, (refused,) = read_bundles([changed])
    assert (listed, refused.path) == ([], changed)
    assert refused.reason.startswith("[verify-recomputed]")
