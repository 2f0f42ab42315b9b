"""The verifier: a bundle as it was packaged agrees with itself, and one changed byte does not."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark import ROOT
from benchmark.core.errors import SubmissionError
from compliance.finding import Finding
from submission import package as packager
from submission.bundle.archive import manifest_text, sign, signature_path, write_archive
from submission.bundle.layout import BundleLayout
from submission.bundle.reading import find_tree, read_bundle, unpacked
from submission.figures import from_logs
from submission.figures.from_logs import draw_from_logs
from submission.verify.__main__ import main
from submission.verify.recompute import compare_with, write_again
from submission.verify.steps import verify
from tests.support.checkout import git, make_checkout
from tests.support.runs import CONFIG, write_run

BUNDLE = "demonstration-New-York-University-cloudmask-test-node-quick"
SCIENCE = "New-York-University/cloudmask/test-node/quick"
IMPLEMENTATIONS = "New-York-University/benchmarks/cloudmask/implementations"
SYSTEM = "New-York-University/systems/test-node.json"
DOCUMENT = f"{SCIENCE}/scientific_contribution.md"


def make_bundle(place: Path, *, config: str = CONFIG, lock: str = "") -> Path:
    """A bundle of two runs of a checkout with this lock."""
    make_checkout(place)
    (place / "requirements.lock").write_text(lock)
    git(place, "commit", "--quiet", "--allow-empty", "--all", "--message", "Lock")
    for seed in (1, 2):
        write_run(place / "logs", seed, git(place, "rev-parse", "HEAD"), config=config)
    options = packager.Options([place / "logs"], place / "dist", checkout=place)
    return packager.package(options)


def drawing_lock() -> str:
    """A lock of what draws the figures here, so that they are compared."""
    names = ("matplotlib", "typst", "numpy")
    return "".join(f"{name}=={importlib.metadata.version(name)} \\\n    --hash=sha256:0\n" for name in names)


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose figures are compared; not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("packaged") / "place", lock=drawing_lock())


@pytest.fixture(scope="module")
def again(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleLayout:
    """What the runs of the bundle give, written once for all tests, with figures that are drawn anew."""
    with read_bundle(find_tree(packaged)) as bundle, pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_logs, "draw_from_logs", draw_from_logs)
        return write_again(bundle, tmp_path_factory.mktemp("again"))


@pytest.fixture
def bundle(packaged: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(packaged, tmp_path / BUNDLE, symlinks=True))


@pytest.fixture
def blank_bundle(blank_figures: None, tmp_path: Path) -> Path:
    """A bundle with blank figures, which are verified in a fraction of the time."""
    return make_bundle(tmp_path / "place", lock=drawing_lock())


def restamp(root: Path) -> None:
    """Make the manifest again, as whoever changes a bundle on purpose would."""
    (root / "MANIFEST.sha256").write_text(manifest_text(root))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def errors(findings: tuple[Finding, ...], root: Path) -> list[tuple[str, str, int | None]]:
    """Rule, file and line of each error."""
    return [
        (each.rule, each.path.removeprefix(f"{root}/"), each.line)
        for each in findings
        if each.severity == "error"
    ]


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


def test_programs_get_the_report_alone_and_nobody_gets_one_where_all_agrees_if_asked(
    blank_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(blank_bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["error"] == 0
    assert main([str(blank_bundle), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    (blank_bundle / f"{SCIENCE}/README.md").write_text("Changed\n")
    assert main([str(blank_bundle), "--quiet"]) == 1
    assert "error [manifest-hash]" in capsys.readouterr().out


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


def test_folders_of_another_machine_and_names_that_were_left_out_are_known_from_the_bundle(
    blank_figures: None, tmp_path: Path
) -> None:
    config = CONFIG.replace("data/synthetic/", "/scratch/scenes/")
    assert verify(make_bundle(tmp_path / "place", config=config)).exit_code == 0


def test_figures_of_another_version_are_named_as_not_compared(
    blank_figures: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = {name: importlib.metadata.version(name) for name in ("matplotlib", "typst")}
    lock = f"matplotlib=={here['matplotlib']} \\\n    --hash=sha256:0\ntypst==0.1 \\\n    --hash=sha256:0\n"
    root = make_bundle(tmp_path / "place", lock=lock)
    document = root / SCIENCE / "scientific_contribution.pdf"
    document.write_bytes(document.read_bytes()[:-1])
    restamp(root)
    assert main([str(root)]) == 0
    names = "scientific_contribution and sientific_contribution"
    said = capsys.readouterr().out
    assert f"not compared:     {names}: typst {here['typst']} here, 0.1 in the bundle\n" in said
    assert said.count("not compared") == 1

    with read_bundle(find_tree(root)) as bundle:
        again = write_again(bundle, tmp_path / "again")
        code = root / IMPLEMENTATIONS / "tensorflow/requirements.lock"
        code.write_text("matplotlib==1.0.0 \\\n    --hash=sha256:0\n")
        names = set(compare_with(bundle, again).not_compared)
    assert names == {
        path.relative_to(root).as_posix() for path in files_of(root, f"{SCIENCE}/**/*.p[nd][gf]")
    }


def test_figures_of_scenes_are_taken_from_the_bundle_and_named(bundle: Path, tmp_path: Path) -> None:
    shutil.copyfile(
        bundle / SCIENCE / "figures/figure-2-training.png", bundle / SCIENCE / "figures/map-scene.png"
    )
    restamp(bundle)
    with read_bundle(find_tree(bundle)) as read:
        compared = compare_with(read, write_again(read, tmp_path / "again"))
    assert compared.by_reason() == {
        "made of scenes and masks, which are not in the bundle; its sha256 was checked": ["map-scene"]
    }


# ---- one changed byte


def files_of(root: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(path for path in root.glob(pattern) if path.is_file())


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
    assert (redrawn.path, redrawn.found) == (str(figure), f"{size} bytes, another one at {size - 1}")
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


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (f"{SCIENCE}/run_config.yaml", "a: [", "while parsing a flow node"),
        (f"{SCIENCE}/run_config.yaml", "text", "no mapping with data"),
        (f"{SCIENCE}/config.yaml", "a: *b", "no commit, repo and tag under github"),
        (f"{SCIENCE}/config.yaml", "github: 3", "no commit, repo and tag under github"),
        (SYSTEM, "{}", "no readable description"),
        (f"{SCIENCE}/runs/1/system.json", "{", "expecting property name"),
    ],
)
def test_a_part_that_cannot_be_read_is_a_finding(name: str, text: str, found: str, bundle: Path) -> None:
    (bundle / name).write_text(text)
    restamp(bundle)
    report = verify(bundle)
    assert report.exit_code == 1
    (unread,) = [each for each in report.findings if each.rule == "verify-recomputed"]
    assert found in unread.found
    assert unread.path == str(bundle / name)


# ---- the seals next to the bundle


def test_another_archive_than_the_published_one_is_named(blank_bundle: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"{BUNDLE}.tar.gz"
    write_archive(blank_bundle, archive, name=BUNDLE, time=0)
    archive.with_name(f"{archive.name}.sha256").write_text(f"{'0' * 64}  {archive.name}\n")
    report = verify(archive)
    assert errors(report.findings, tmp_path) == [("verify-seal", archive.name, None)]


def test_a_signature_must_be_of_the_manifest_and_must_exist_if_it_is_asked_for(
    blank_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = blank_bundle
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    signers.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    sign(bundle / "MANIFEST.sha256", key, signature_path(bundle))
    assert main([str(bundle), "--signers", str(signers)]) == 0
    assert "signed:           by ada\n" in capsys.readouterr().out

    (bundle / SCIENCE / "runs/1/metrics.csv").write_text("epoch,train_loss\n1,0.1\n")
    restamp(bundle)
    sealed = [each.found for each in verify(bundle).findings if each.rule == "verify-seal"]
    assert sealed == ["Signature verification failed: incorrect signature"]

    signature_path(bundle).unlink()
    found = verify(bundle, signers=signers).findings
    assert [each.found for each in found if each.rule == "verify-seal"] == ["no signature"]


# ---- what is no bundle


def test_a_path_that_is_no_bundle_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert "No such file or directory" in capsys.readouterr().out
    write_run(tmp_path / "logs", 1, "c0ffee" * 6 + "2026")
    assert main([str(tmp_path / "logs")]) == 2
    said = capsys.readouterr().err
    assert "no submission tree" in said
    assert "name the folder with MANIFEST.sha256 in it, or the archive" in said


def test_an_archive_that_is_not_safe_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("bundle/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    report = verify(path)
    assert report.exit_code == 1
    assert {each.path for each in report.findings} == {str(path)}


def test_an_archive_of_two_folders_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    for names in ([], ["one", "two"]):
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"{name}/file"))
        with pytest.raises(SubmissionError), unpacked(path):
            pass
    with pytest.raises(SubmissionError, match="2 files and folders at its top"), unpacked(path):
        pass
    with pytest.raises(SubmissionError, match="No such file or directory"), unpacked(tmp_path / "none"):
        pass


def test_a_tree_of_two_experiments_is_refused(bundle: Path) -> None:
    shutil.copytree(bundle / SCIENCE, bundle / f"{SCIENCE}-2")
    restamp(bundle)
    found = [each.found for each in verify(bundle).findings if each.rule == "verify-recomputed"]
    assert found == ["2 experiments"]


def test_a_link_to_a_file_outside_is_not_read(bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    shutil.copyfile(bundle / SCIENCE / "runs/1/system.json", outside)
    (bundle / SCIENCE / "runs/1/system.json").unlink()
    (bundle / SCIENCE / "runs/1/system.json").symlink_to(outside)
    report = verify(bundle)
    found = [(each.path, each.found) for each in report.findings if each.rule == "verify-recomputed"]
    assert found == [(f"{bundle}/{SCIENCE}/runs/1/system.json", "No such file or directory")]


def test_a_log_that_is_a_link_is_not_read(bundle: Path, tmp_path: Path) -> None:
    log = bundle / SCIENCE / "result-1.txt"
    log.rename(tmp_path / "log.txt")
    log.symlink_to(tmp_path / "log.txt")
    found = [(each.path, each.found) for each in verify(bundle).findings if each.rule == "verify-recomputed"]
    assert found == [(str(log), "no regular file")]


def test_a_figure_of_scenes_that_cannot_be_typeset_is_a_finding(bundle: Path) -> None:
    figures = bundle / SCIENCE / "figures"
    shutil.copyfile(figures / "figure-2-training.png", figures / "figure-6-reliability.png")
    (figures / "figure-6-reliability.pdf").write_text("no PDF")
    restamp(bundle)
    report = verify(bundle)
    assert report.exit_code == 1
    assert [each.message for each in report.findings if each.rule == "verify-recomputed"] == [
        "What the bundle says cannot be computed again."
    ]


def test_a_full_disk_is_reported(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle.parent / "file").write_text("x")
    monkeypatch.setattr("tempfile.tempdir", str(bundle.parent / "file"))
    assert main([str(bundle)]) == 2
    assert "not verified: " in capsys.readouterr().err


def test_help_comes_without_tensorflow_numpy_or_matplotlib() -> None:
    script = (
        "import sys; from submission.{} import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('tensorflow', 'numpy', 'matplotlib', 'h5py') if name in sys.modules])"
    )
    for name in ("verify.__main__", "leaderboard", "system.__main__"):
        command = [sys.executable, "-c", script.format(name)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


# ---- how the bundle was made


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
