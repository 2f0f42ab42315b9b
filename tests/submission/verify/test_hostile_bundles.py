"""A bundle of somebody who wants the verifier to crash: it says what is wrong, as it does of any other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from submission.bundle.archive import manifest_text
from submission.verify.__main__ import main

SCIENCE = "New-York-University/cloudmask/test-node/quick"
MEASURED = f"{SCIENCE}/runs/1/system.json"
DESCRIBED = "New-York-University/systems/test-node.json"

Edit = Callable[[Any], None]


@pytest.fixture(scope="module")
def bundle(packaged_place: Path) -> Path:
    """The bundle of three runs, whose figures are not compared."""
    (root,) = (path for path in (packaged_place / "dist").iterdir() if path.is_dir())
    return root


@pytest.fixture(scope="module")
def copied(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shared bundle, of which one file at a time is another."""
    return Path(shutil.copytree(bundle, tmp_path_factory.mktemp("hostile") / bundle.name, symlinks=True))


def stated(**changes: object) -> Edit:
    return lambda data: data.update(changes)


def of_cpu(**changes: object) -> Edit:
    return lambda data: data["cpu"].update(changes)


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        (MEASURED, of_cpu(sockets=0), "`cpu.sockets` is 0"),
        (MEASURED, of_cpu(max_frequency_mhz="fast"), "`cpu.max_frequency_mhz` is a string (`fast`)"),
        (
            MEASURED,
            stated(memory={"total_bytes": 10**400}),
            "an integer of 1329 bits",
        ),
        (MEASURED, stated(os="\ud800"), "`os` is a string (`\\ud800`)"),
        (MEASURED, stated(packages=[1]), "`system.packages` is a list of 1"),
        (DESCRIBED, stated(hw_notes="\ud800"), "[verify-recomputed]"),
        (DESCRIBED, stated(cooling=["air"]), "[verify-recomputed]"),
        (f"{SCIENCE}/bundle.json", stated(options="\ud800"), "[verify-recomputed]"),
        (f"{SCIENCE}/bundle.json", stated(left_out=[{}]), "left_out: [{}]"),
    ],
)
def test_a_field_of_any_kind_is_a_finding(
    name: str, edit: Edit, said: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((copied / name).read_text())
    edit(data)
    assert said in verified(copied, name, json.dumps(data).encode(), capsys)


@pytest.mark.parametrize(
    ("name", "added", "said"),
    [
        ("config.yaml", b'zzz: !!bool "x"\n', "[tree-config]"),
        ("config.yaml", b'zzz: !!timestamp "x"\n', "the tag !!timestamp"),
        ("config.yaml", b"zzz: [\xff]\n", "[verify-"),
        ("run_config.yaml", b'zzz: !!bool "x"\n', "the tag !!bool"),
        ("run_config.yaml", b"min_sst: .inf\n", "[run-config-agrees]"),
        ("README.md", b"\xff\x1b[2J", "[verify-"),
    ],
)
def test_what_is_added_to_a_file_is_a_finding(
    name: str, added: bytes, said: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copied / SCIENCE / name).read_bytes()
    assert said in verified(copied, f"{SCIENCE}/{name}", before + added, capsys)


def verified(root: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]) -> str:
    """What the verifier says of a bundle with another file, whose manifest agrees; nothing moves a cursor."""
    before = (root / name).read_bytes()
    (root / name).write_bytes(content)
    (root / "MANIFEST.sha256").write_text(manifest_text(root))
    try:
        assert main([str(root)]) == 1
    finally:
        (root / name).write_bytes(before)
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.replace("\n", "").isprintable()
    return said.out


def test_the_bundle_that_one_is_in_is_verified(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, name in ((bundle, "."), (bundle / "New-York-University", "..")):
        monkeypatch.chdir(folder)
        assert main([name]) == 0, capsys.readouterr().out
