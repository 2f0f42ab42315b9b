"""What lies next to a log: every contradiction is caught by its rule, and what is benign by none."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.rules import RULE_BY_ID, own_rules
from tests.support.folder_contradictions.benign import BENIGN, under_way
from tests.support.folder_contradictions.catalogue import CONTRADICTIONS
from tests.support.folder_contradictions.contradiction import Contradiction, fact
from tests.support.folder_contradictions.said import SAID
from tests.support.runs.complete_run import (
    COMMIT,
    METHOD,
    PROCESS,
    WEIGHTS,
    masks_of,
    network_sha256,
    packed_sha256,
    read_lines,
    write_complete_run,
    write_mask_file,
)
from tests.support.runs.hand_runs import CONFIG, MEASURED, log_lines, write_run
from tests.support.shared import shared

#: The log of a run typed by hand, next to which any file may lie.
LOG = "".join(f":::MLLOG {json.dumps(line)}\n" for line in log_lines(1, COMMIT, "0f" * 32)).encode()


def found(folder: Path) -> list[Finding]:
    """The findings on a folder of runs."""
    report = check_paths([folder])
    assert report.failures == ()
    return list(report.findings)


def grave(folder: Path) -> set[tuple[str, str]]:
    """The errors and warnings on a folder of runs: rule, and what was found."""
    return {(each.rule, each.found) for each in found(folder) if each.severity != "note"}


@pytest.fixture(scope="session")
def complete_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the complete run; tests leave it as it is."""
    return shared(tmp_path_factory, "complete", write_complete_run) / "quick-mine-seed-1"


def test_a_complete_run_passes(complete_run: Path) -> None:
    assert grave(complete_run) == set()


#: What is found in a good run, which stays as it is.
usual = functools.cache(grave)


def broken_by(contradiction: Contradiction, good: Path, place: Path) -> set[str]:
    """The rules that a good run breaks once a contradiction is planted in a copy of it."""
    folder = place / good.name
    shutil.copytree(good, folder)
    contradiction.plant(folder)
    return {rule for rule, _ in grave(folder) - usual(good)}


@pytest.mark.parametrize("name", BENIGN)
def test_what_is_benign_is_no_error(name: str, complete_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs" / complete_run.name
    shutil.copytree(complete_run, folder)
    BENIGN[name](folder)
    assert [each for each in found(tmp_path / "logs") if each.severity == "error"] == []


def test_of_a_run_under_way_only_what_is_written_is_judged(complete_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / complete_run.name
    shutil.copytree(complete_run, folder)
    under_way(folder)
    assert {rule for rule, _ in grave(folder)} == {"run-stop"}


OF_COMPLETE = [each for each in CONTRADICTIONS if each.base == "complete"]
OF_TINY = [each for each in CONTRADICTIONS if each.base == "tiny"]


@pytest.mark.parametrize("contradiction", OF_COMPLETE, ids=lambda each: each.name)
def test_a_contradiction_is_caught_by_its_rule_and_by_no_other(
    contradiction: Contradiction, complete_run: Path, tmp_path: Path
) -> None:
    assert broken_by(contradiction, complete_run, tmp_path) == {contradiction.rule}


@pytest.mark.parametrize("contradiction", OF_TINY, ids=lambda each: each.name)
def test_so_it_is_in_the_folder_of_a_real_run(contradiction: Contradiction, tiny_run, tmp_path: Path) -> None:
    assert broken_by(contradiction, tiny_run.folder.root, tmp_path) == {contradiction.rule}


@pytest.mark.parametrize("name", SAID)
def test_a_contradiction_gives_the_finding_of_its_rule_word_for_word(
    name: str, complete_run: Path, tmp_path: Path
) -> None:
    (contradiction,) = (each for each in CONTRADICTIONS if each.name == name)
    folder = tmp_path / complete_run.name
    shutil.copytree(complete_run, folder)
    contradiction.plant(folder)
    first = next(each for each in found(folder) if each.rule == contradiction.rule)
    file, line, what, *expected = SAID[name]
    rule = RULE_BY_ID[contradiction.rule]
    assert first == Finding(
        rule=rule.id,
        severity=rule.severity,
        path=str(folder / file),
        line=line,
        clause=rule.clause,
        message=rule.message,
        expected=expected[0] if expected else rule.expected,
        found=what,
        remedy=rule.remedy,
        profile="cloudmask",
    )


def only(folder: Path, rule: str) -> tuple[str, str]:
    """What the one finding of a rule says: found and expected."""
    (finding,) = (each for each in found(folder) if each.rule == rule)
    return finding.found, finding.expected


def test_digests_are_said_as_found_and_as_logged(complete_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / complete_run.name
    shutil.copytree(complete_run, folder)
    (folder / "method.py").write_text("ABOUT = 'other'\n")
    found_, logged = (hashlib.sha256(text.encode()).hexdigest() for text in ("ABOUT = 'other'\n", METHOD))
    assert only(folder, "folder-method") == (f"sha256 {found_}", f"`{logged}`, as the log has")

    other = [WEIGHTS[0] + 1, WEIGHTS[1]]
    np.savez(folder / "weights.npz", **{"0000": other[0], "0001": other[1]})
    found_, logged = network_sha256(other), network_sha256(WEIGHTS)
    assert only(folder, "weights-digest") == (f"sha256 {found_}", f"`{logged}`, as the result has")

    mask = masks_of(1)["S3A_night"]
    write_mask_file(folder / "masks/S3A_night.h5", 1 - mask)
    line = next(
        n for n, each in enumerate(read_lines(folder), 1) if each["metadata"].get("scene") == "S3A_night"
    )
    assert only(folder, "masks-digest") == (
        f"sha256 {packed_sha256(1 - mask)}",
        f"`{packed_sha256(mask)[:60]}…`, as line {line} has",
    )


def test_a_platform_without_a_name_is_called_after_its_node(tiny_run, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    shutil.copytree(tiny_run.folder.root, folder)
    fact("cpu.model", "Cray-1")(folder)
    fact("cpu.cores", 8)(folder)
    fact("accelerators", [])(folder)
    logged = next(line["value"] for line in read_lines(folder) if line["key"] == "submission_platform")
    assert only(folder, "measured-platform") == (
        "a node to be called `1-node-8-core-cray-1`",
        f"`{logged}`, as the log has",
    )


def test_every_rule_on_folders_is_the_intended_one_of_some_contradiction() -> None:
    intended = {each.rule for each in CONTRADICTIONS}
    of_folders = {rule.id for rule in own_rules().values() if rule.scope == "folder"}
    assert of_folders - intended == {"folder-unjudged", "folder-scenes"}  # which have tests below
    assert len({each.name for each in CONTRADICTIONS}) == len(CONTRADICTIONS) >= 150
    said = {each.rule for each in CONTRADICTIONS if each.name in SAID}
    # which have tests above
    assert intended - said == {"measured-platform", "weights-digest", "folder-method", "masks-digest"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("inference_scenes: 2", "inference_scenes: 3"),
            ("2 inference scenes and 0 skipped", "3, by config.yaml", "inference_stop"),
        ),
        (
            ("training_scenes: 5", "training_scenes: 9"),
            ("5 training scenes and 0 skipped", "9, by config.yaml", "staging_stop"),
        ),
        (
            ("training:\n", "geometry: {rows: 1100}\ntraining:\n"),
            ("1800000 pixels", "1100 x 1500, by config.yaml", "scene_accuracy"),
        ),
        (
            ("training:\n", "geometry: {rows: 900, columns: 2000}\ntraining:\n"),
            ("100 patches", "105, 21 of a scene, by config.yaml", "staging_stop"),
        ),
    ],
)
def test_scenes_are_those_of_the_configuration(
    change: tuple[str, str], said: tuple[str, str, str], tmp_path: Path
) -> None:
    folder = write_run(tmp_path, 1, COMMIT, config=CONFIG.replace(*change, 1))
    first = next(each for each in found(folder) if each.rule == "folder-scenes")
    keys = [line["key"] for line in read_lines(folder)]
    assert (first.found, first.expected, keys[(first.line or 0) - 1]) == said
    assert {rule for rule, _ in grave(folder)} == {"folder-scenes"}


OF_MASKS = "masks/S3A_day.h5 and 1 more not read: h5py is not installed"


@pytest.mark.parametrize(
    ("package", "said"),
    [("numpy", ["weights.npz not read: NumPy is not installed", OF_MASKS]), ("h5py", [OF_MASKS])],
)
def test_without_the_packages_that_read_them_arrays_are_not_judged(
    package: str, said: list[str], complete_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("benchmark.record.masks", "benchmark.record.weights"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    unjudged = [each for each in found(complete_run) if each.rule == "folder-unjudged"]
    assert [(each.severity, each.found) for each in unjudged] == [("note", words) for words in said]
    assert grave(complete_run) == set()


# ---- whatever lies there


FILES = (
    *("metrics.csv", "timers.txt", "telemetry.csv", "telemetry-1.csv", "system.json", "system-2.json"),
    *("weights.npz", "method.py", "job.slurm", "config.yaml", "masks/S3A_day.h5"),
)
ANY = st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))


@given(st.dictionaries(st.sampled_from(FILES), ANY))
def test_any_bytes_in_any_file_are_judged(contents: dict[str, bytes]) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "masks").mkdir()
        (folder / "result.txt").write_bytes(LOG)
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        assert "rule-crashed" not in {each.rule for each in found(folder)}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.sampled_from(
        [*MEASURED, "cpu.model", "cpu.flags", "memory.total_bytes", "git.commit", "slurm.SLURM_NNODES"]
    ),
    VALUES,
)
def test_facts_of_any_type_are_judged(path: str, value: object) -> None:
    data = copy.deepcopy(MEASURED)
    *folders, name = path.split(".")
    target = data[folders[0]] if folders else data
    target[name] = value
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "result.txt").write_bytes(LOG)
        for file in ("system.json", "system-2.json"):
            (folder / file).write_text(json.dumps(data))
        assert "rule-crashed" not in {each.rule for each in found(folder)}


@given(st.lists(st.tuples(*[st.floats() | st.integers() | st.text(max_size=3)] * 9), max_size=6))
def test_telemetry_of_any_numbers_is_judged(table: list[tuple[object, ...]]) -> None:
    times = [f"2026-09-21T14:{number:02}:00.000Z" for number in range(len(table))]
    rows = [",".join(map(str, (time, *row[1:]))) for time, row in zip(times, table, strict=True)]
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "result.txt").write_bytes(LOG)
        (folder / "telemetry.csv").write_text("\n".join([",".join(("time", "seconds", *PROCESS)), *rows, ""]))
        assert "rule-crashed" not in {each.rule for each in found(folder)}
