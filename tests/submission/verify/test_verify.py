"""The verifier: a bundle as it was packaged agrees with itself, and one changed byte does not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.finding import Finding
from submission.bundle.layout import BundleLayout
from submission.bundle.reading import find_tree, read_bundle
from submission.figures import from_logs
from submission.figures.drawing import drawing
from submission.figures.from_logs import draw_from_logs
from submission.verify.__main__ import main
from submission.verify.recompute import compare_with, write_again
from submission.verify.steps import verify
from tests.support.submissions.bundles import (
    BUNDLE,
    DOCUMENT,
    IMPLEMENTATIONS,
    SCIENCE,
    SYSTEM,
    edit,
    errors,
    files_of,
    restamp,
)


@pytest.fixture(scope="module")
def again(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleLayout:
    """What the runs of the bundle give, written once for all tests, with figures that are drawn anew."""
    with read_bundle(find_tree(packaged)) as bundle, pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_logs, "draw_from_logs", draw_from_logs)
        with drawing() as draw:
            return write_again(bundle, tmp_path_factory.mktemp("again"), draw)


def differences(root: Path, again: BundleLayout) -> list[Finding]:
    with read_bundle(find_tree(root)) as bundle:
        return list(compare_with(bundle, again).findings)


# ---- as it was packaged


def test_a_bundle_and_its_archive_agree_with_themselves(
    packaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (packaged, packaged.with_name(f"{BUNDLE}.tar.gz")):
        assert main([str(path)]) == 0
        said = capsys.readouterr().out
        assert "hashes and rules: 0 errors, 0 warnings\n" in said
        assert re.search(r"computed again: +\d\d files as the runs give them\n", said)
        assert ("archive:" in said) == path.is_file()
        assert "not compared" not in said
        assert said.endswith("- passed\n")


def test_every_text_and_figure_of_the_bundle_is_made_again(packaged: Path, again: BundleLayout) -> None:
    made = {path.relative_to(again.root).as_posix() for path in again.root.rglob("*") if path.is_file()}
    given = {
        path.relative_to(packaged).as_posix()
        for path in packaged.rglob("*")
        if path.is_file() and f"{IMPLEMENTATIONS}/tensorflow" not in path.as_posix()
    }
    taken = {
        "MANIFEST.sha256",
        *(f"{IMPLEMENTATIONS}/test-node/{name}" for name in ("licences.spdx.json", "commit.txt", "tree.txt")),
        *(f"{SCIENCE}/result-{n}.txt" for n in (1, 2)),
        *(f"New-York-University/results/test-node/cloudmask/result_{n}.txt" for n in (0, 1)),
        *(f"{SCIENCE}/runs/{n}/{name}" for n in (1, 2) for name in ("system.json", "metrics.csv")),
    }
    assert given - made == taken
    assert made - given == set()
    with read_bundle(find_tree(packaged)) as bundle:
        compared = compare_with(bundle, again)
    assert (compared.findings, compared.same, compared.not_compared) == ((), len(made), {})


def test_figures_of_scenes_are_taken_from_the_bundle_and_named(bundle: Path, tmp_path: Path) -> None:
    shutil.copyfile(
        bundle / SCIENCE / "figures/figure-2-training.png", bundle / SCIENCE / "figures/map-scene.png"
    )
    restamp(bundle)
    with read_bundle(find_tree(bundle)) as read, drawing() as draw:
        compared = compare_with(read, write_again(read, tmp_path / "again", draw))
    assert compared.by_reason() == {
        "drawn from scenes and masks, which are not in the bundle; only the manifest vouches for them": [
            "map-scene"
        ]
    }


# ---- one changed byte


def test_a_changed_byte_is_named_by_its_file(bundle: Path) -> None:
    changed = list(
        files_of(
            bundle,
            *(f"{SCIENCE}/result-1.txt", "New-York-University/results/test-node/cloudmask/result_1.txt"),
            *(f"{SCIENCE}/figures/figure-2*", f"{SCIENCE}/scientific_contribution.*"),
            *(f"{SCIENCE}/config.yaml", f"{SCIENCE}/README.md", f"{SCIENCE}/setup.sh", SYSTEM),
            *(f"{SCIENCE}/runs/1/system.json", f"{SCIENCE}/runs/2/metrics.csv"),
            *(f"{IMPLEMENTATIONS}/test-node/licences.spdx.json", f"{IMPLEMENTATIONS}/tensorflow/benchmark/*"),
        )
    )
    assert len(changed) == 14
    for path in changed:
        contents = bytearray(path.read_bytes())
        contents[len(contents) // 2] ^= 1
        path.write_bytes(contents)
    report = verify(bundle)
    assert report.exit_code == 1
    named = {file for rule, file, _ in errors(report.findings, bundle) if rule == "manifest-hash"}
    assert named == {path.relative_to(bundle).as_posix() for path in changed}


@pytest.mark.parametrize(
    "name",
    [
        DOCUMENT,
        f"{SCIENCE}/README.md",
        f"{SCIENCE}/config.yaml",
        f"{SCIENCE}/run_and_time.sh",
        f"{IMPLEMENTATIONS}/test-node/test-node_tensorflow.json",
    ],
)
def test_a_changed_line_under_a_new_manifest_is_named_with_both_texts(
    name: str, bundle: Path, again: BundleLayout
) -> None:
    path = bundle / name
    lines = path.read_text().splitlines(keepends=True)
    number = len(lines) - 2
    changed = lines[number - 1].rstrip("\n") + "0\n"
    path.write_text("".join([*lines[: number - 1], changed, *lines[number:]]))
    restamp(bundle)
    (found,) = [each for each in differences(bundle, again) if each.path.endswith(name)]
    assert (found.rule, found.line) == ("verify-recomputed", number)
    assert found.found.removeprefix("…") in changed
    assert found.expected.removeprefix("…") in (lines[number - 1].rstrip("\n") or "an empty line")


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_digit_of_the_document_that_is_changed_is_found_at_its_line(
    data: st.DataObject, packaged: Path, again: BundleLayout
) -> None:
    path = again.root / DOCUMENT
    original = path.read_text()
    at = data.draw(st.sampled_from([match.start() for match in re.finditer(r"\d", original)]))
    digit = data.draw(st.sampled_from([each for each in "0123456789" if each != original[at]]))
    # What was made again and what is in the bundle change places: their difference is the same.
    path.write_text(original[:at] + digit + original[at + 1 :])
    try:
        (found,) = differences(packaged, again)
    finally:
        path.write_text(original)
    assert found.line == original.count("\n", 0, at) + 1


def test_a_figure_that_was_redrawn_or_added_is_named(bundle: Path, again: BundleLayout) -> None:
    figure = next(files_of(bundle, f"{SCIENCE}/figures/*.png"))
    figure.write_bytes(figure.read_bytes() + b"x")
    shutil.copyfile(figure, figure.with_name("figure-9-better.png"))
    restamp(bundle)
    redrawn, added = differences(bundle, again)
    size = figure.stat().st_size
    assert (redrawn.path, redrawn.found) == (
        str(figure),
        f"another picture: {size} bytes, the first different one at {size - 1}",
    )
    assert (added.path, added.found) == (str(figure.with_name("figure-9-better.png")), "a figure")


def test_a_document_that_is_missing_is_named(bundle: Path, again: BundleLayout) -> None:
    (bundle / f"{SCIENCE}/init_datasets.sh").unlink()
    restamp(bundle)
    (found,) = differences(bundle, again)
    assert (found.path, found.found) == (str(bundle / f"{SCIENCE}/init_datasets.sh"), "not there")


def test_a_description_with_more_memory_than_was_measured_is_named(bundle: Path, again: BundleLayout) -> None:
    edit(bundle / SYSTEM, "23.5 GiB", "235 GiB")
    (found,) = [each for each in differences(bundle, again) if each.message.startswith("The description")]
    assert (found.found, found.expected) == ("host_memory_capacity 235 GiB", "23.5 GiB")


def test_licences_of_other_packages_than_the_locked_ones_are_named(bundle: Path, again: BundleLayout) -> None:
    path = bundle / f"{IMPLEMENTATIONS}/test-node/licences.spdx.json"
    listed = json.loads(path.read_text())
    version = listed["packages"][1]["versionInfo"]
    listed["packages"][1]["versionInfo"] = "0.0"
    path.write_text(json.dumps(listed))
    (found,) = differences(bundle, again)
    assert (found.found, found.expected) == ("typst 0.0", f"typst {version} as in requirements.lock")
    listed["packages"][1]["versionInfo"] = version
    weights = listed["packages"][-1]["versionInfo"]
    listed["packages"][-1]["versionInfo"] = "0" * 64
    path.write_text(json.dumps(listed))
    (found,) = differences(bundle, again)
    assert (found.found, found.expected) == (f"unet-seed-2 {'0' * 64}", f"unet-seed-2 {weights}")
    for broken in ("[]", "{", '{"packages": [1, {"name": 2}]}'):
        path.write_text(broken)
        (found,) = differences(bundle, again)
        assert found.found == "no package "


def test_a_better_score_in_every_log_and_document_is_found(blank_bundle: Path) -> None:
    bundle = blank_bundle
    for path in files_of(bundle, f"{SCIENCE}/result-1.txt", "New-York-University/results/*/*/result_0.txt"):
        edit(path, '"key": "test_accuracy", "value": 0.9', '"key": "test_accuracy", "value": 0.99')
    restamp(bundle)
    report = verify(bundle)
    assert report.exit_code == 1
    assert any(each.path.endswith("result_0.txt") for each in report.findings if each.severity == "error")


def test_a_configuration_that_did_not_run_is_found(bundle: Path) -> None:
    edit(bundle / f"{SCIENCE}/run_config.yaml", "batch_size: 8", "batch_size: 16")
    restamp(bundle)
    found = [each for each in verify(bundle).findings if each.rule == "verify-recomputed"]
    assert [(each.path, each.found) for each in found] == [
        (f"{bundle}/{SCIENCE}/run_config.yaml", "another configuration than the log's")
    ]
