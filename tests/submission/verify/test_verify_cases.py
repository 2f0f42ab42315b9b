"""What goes wrong with submissions, each as a reviewer would want it: refused when packaged, or found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from submission.bundle.archive import manifest_text
from submission.package import Options, main, package
from submission.verify.steps import verify
from tests.support.runs.checkout import git, make_checkout
from tests.support.runs.hand_runs import MEASURED, V100, Lines, write_run

BUNDLE = "demonstration-New-York-University-cloudmask-test-node-quick"
SCIENCE = "New-York-University/cloudmask/test-node/quick"
CODE = "New-York-University/benchmarks/cloudmask/implementations/tensorflow"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with five runs: copied for every test."""
    place = tmp_path_factory.mktemp("prepared") / "place"
    commit = make_checkout(place)
    for seed in range(1, 6):
        write_run(place / "logs", seed, commit)
    return place


@pytest.fixture
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout as the working folder."""
    place = Path(shutil.copytree(prepared, tmp_path / "place"))
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def packaged(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(Options([prepared / "logs"], tmp_path_factory.mktemp("dist"), checkout=prepared))


@pytest.fixture
def bundle(packaged: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(packaged, tmp_path / BUNDLE))


def run_again(place: Path, seed: int, change: Callable[[Lines], None]) -> None:
    """Put a changed log in the place of a run's."""
    folder = place / f"logs/quick-seed-{seed}"
    shutil.rmtree(folder)
    write_run(place / "logs", seed, git(place, "rev-parse", "HEAD"), change=change)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the packager says when it refuses, having left nothing."""
    assert main(list(arguments)) == 1
    assert not Path("dist").is_dir() or list(Path("dist").iterdir()) == []
    return capsys.readouterr().err


def found(root: Path) -> set[tuple[str, str]]:
    """Rule and file of each error under a manifest that was made to fit."""
    (root / "MANIFEST.sha256").write_text(manifest_text(root))
    report = verify(root)
    assert report.exit_code == 1
    errors = [each for each in report.findings if each.severity == "error"]
    return {(each.rule, each.path.removeprefix(f"{root}/")) for each in errors}


# ---- refused when it is packaged


def test_a_missing_seed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def seedless(lines: Lines) -> None:
        lines[:] = [line for line in lines if line["key"] != "seed"]

    run_again(place, 3, seedless)
    said = refused(capsys)
    assert "error [event-missing] logs/quick-seed-3/result.txt: " in said
    assert "found:    no event `seed`" in said


def test_an_aborted_run_among_five(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def abort(lines: Lines) -> None:
        at = next(n for n, line in enumerate(lines) if line["key"] == "inference_start")
        lines[-1]["metadata"] |= {"status": "aborted", "reason": "SIGTERM"}
        lines[at:] = lines[-1:]

    run_again(place, 4, abort)
    said = refused(capsys)
    assert "logs/quick-seed-4/result.txt" in said
    assert "aborted" in said
    assert not any(f"logs/quick-seed-{seed}/" in said for seed in (1, 2, 3, 5))
    # Left out by name, the other four are a submission of four runs.
    assert main(["--logs", *(f"logs/quick-seed-{seed}" for seed in (1, 2, 3, 5))]) == 0
    document = next(Path("dist").glob("*/*/cloudmask/*/*/scientific_contribution.md")).read_text()
    assert document.splitlines()[2].startswith(
        "| Demonstration on synthetic scenes: test accuracy, mean of 4 runs |"
    )


def test_mixed_commits(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "README.md").write_text("# Changed\n")
    git(place, "commit", "--quiet", "--all", "--message", "Change")
    write_run(place / "logs", 6, git(place, "rev-parse", "HEAD"))
    assert "submission_github_commit_version" in refused(capsys)


def test_a_v100_description_with_logs_of_another_machine(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "--system", "greene-v100")
    assert "accelerator_model_name: described NVIDIA Tesla V100 32GB, measured no accelerator" in said


def test_one_run_of_another_machine_among_five(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "logs/quick-seed-2")
    other = MEASURED | {"accelerators": [V100]}
    write_run(place / "logs", 2, git(place, "rev-parse", "HEAD"), system=other)
    said = refused(capsys)
    assert "accelerators_per_node: 0 in run 1 and 1 in run 2" in said


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("id_rsa", "secret-file"),
        ("weights.bin", "file-size"),
        ("link", "file-kind"),
        ("a b.txt", "file-name"),
    ],
)
def test_a_file_of_the_code_that_no_submission_can_have(
    name: str, rule: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "link":
        (place / name).symlink_to("nowhere")
    else:
        with (place / name).open("wb") as file:
            file.truncate(60 * 1024 * 1024 if rule == "file-size" else 10)
    git(place, "add", "--force", name)
    git(place, "commit", "--quiet", "--message", "Oops")
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"))
    said = refused(capsys)
    assert f"error [{rule}] {CODE}/{name}: " in said
    if rule == "file-size":
        assert "found:    60.0 MB" in said


@pytest.mark.parametrize(
    ("org", "folder"),
    [
        ("Universität Zürich", "Universitat-Zurich"),
        ("New York University", "New-York-University"),
        ("École  Polytechnique", "Ecole-Polytechnique"),
    ],
)
def test_an_organisation_with_accents_and_spaces_is_packaged_and_verified(
    org: str, folder: str, place: Path
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"), org=org)
    assert main([]) == 0
    root = place / f"dist/demonstration-{folder}-cloudmask-test-node-quick"
    assert verify(root).exit_code == 0
    assert verify(root.with_name(f"{root.name}.tar.gz")).exit_code == 0


@pytest.mark.parametrize("options", [[], ["--system", "greene-v100"]], ids=["measured", "by hand"])
def test_runs_on_some_of_the_accelerators_of_a_node_are_packaged_and_verified(
    options: list[str], place: Path
) -> None:
    cpu = MEASURED["cpu"] | {"model": "Intel(R) Xeon(R) Platinum 8268 CPU @ 2.90GHz"}
    cpu |= {"sockets": 2, "cores": 48, "threads": 48}
    shutil.rmtree(place / "logs")
    node = MEASURED | {"cpu": cpu, "accelerators": [V100] * 4}
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"), system=node)
    assert main(options) == 0
    (root,) = (path for path in (place / "dist").iterdir() if path.is_dir())
    assert "used 0 of the 4 accelerators" in next(root.glob("*/systems/*.json")).read_text()
    assert verify(root).exit_code == 0


# ---- put into a bundle afterwards, with a manifest that was made to fit


def test_a_stray_key_a_large_file_and_a_broken_link_are_found_in_a_bundle(bundle: Path) -> None:
    (bundle / SCIENCE / "id_ed25519").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    with (bundle / SCIENCE / "weights.bin").open("wb") as file:
        file.truncate(60 * 1024 * 1024)
    (bundle / SCIENCE / "link").symlink_to("nowhere")
    assert found(bundle) >= {
        ("secret-file", f"{SCIENCE}/id_ed25519"),
        ("file-size", f"{SCIENCE}/weights.bin"),
        ("file-kind", f"{SCIENCE}/link"),
    }


def test_a_description_of_a_v100_is_found_in_a_bundle_of_another_machine(bundle: Path) -> None:
    path = bundle / "New-York-University/systems/test-node.json"
    text = path.read_text()
    assert '"accelerator_model_name": "N/A"' in text
    path.write_text(text.replace('"accelerator_model_name": "N/A"', '"accelerator_model_name": "V100"'))
    assert found(bundle) >= {("system-agrees", "New-York-University/systems/test-node.json")}


def test_a_run_that_was_taken_out_of_a_bundle_is_found(bundle: Path) -> None:
    (bundle / SCIENCE / "result-5.txt").unlink()
    shutil.rmtree(bundle / SCIENCE / "runs/5")
    (bundle / "New-York-University/results/test-node/cloudmask/result_4.txt").unlink()
    rules = {(rule, path.rpartition("/")[2]) for rule, path in found(bundle)}
    assert ("verify-recomputed", "scientific_contribution.md") in rules
    assert ("verify-recomputed", "README.md") in rules
