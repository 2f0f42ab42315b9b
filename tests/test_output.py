"""What commands print for people and for programs: --quiet, --json, colours, the words before a first run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmark import run
from benchmark.config.files import config_path, load_config
from benchmark.predict.__main__ import main as predict
from compliance import check
from submission.system.__main__ import main as system
from tests.support.project import ROOT, TINY, read_events, value_of

LOG = ROOT / "tests" / "data" / "logs" / "completed.txt"


@pytest.fixture
def place(tiny_place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "synthetic").symlink_to(tiny_place / "data" / "synthetic")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_says_what_it_does_or_nothing_or_its_result_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ["--config", str(TINY), "--method", "bayes"]
    assert run.main([*one, "--seed", "1"]) == 0
    assert capsys.readouterr().out.startswith("The first run below logs/. It will\n")
    assert run.main([*one, "--seed", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    folder = place / "logs/tiny-bayes-seed-2"
    assert result == value_of(read_events(folder / "result.txt"), "result")
    scene = next((place / "data/synthetic/inference").rglob("*.hdf"))
    assert predict([str(scene), "--run", str(folder), "--output", str(place / "masks"), "--quiet"]) == 0
    assert run.main([*one, "--seed", "2", "--resume", "--quiet"]) == 0  # it is complete
    assert capsys.readouterr() == ("", "")
    assert len([*(place / "masks").iterdir()]) == 1


def test_the_first_run_says_how_long_it_takes_and_how_much_disk() -> None:
    options = run._parser().parse_args([])
    said = run._first_run(load_config(config_path("quickstart")), options).splitlines()
    assert said == [
        "The first run below logs/. It will",
        "  make 28 synthetic scenes in data/synthetic (1.3 GB), once for all runs",
        "  cut training patches into data/staging (0.5 GB), kept for later runs",
        "  train, score and log into logs/quickstart-seed-1",
        "It takes 2 to 3 minutes on 2 cores with bfloat16 instructions, several times as long without. "
        "Ctrl-C stops it, --resume continues it.",
    ]


def test_a_check_that_passes_is_quiet_and_one_that_fails_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(LOG), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert check.main([str(LOG), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0
    broken = tmp_path / "result.txt"
    broken.write_text(LOG.read_text().replace('"key": "seed"', '"key": "sead"'))
    assert check.main([str(broken), "--quiet"]) == 1
    assert "error [" in capsys.readouterr().out


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_colours_are_for_terminals_and_left_out_where_asked(
    no_colour: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    check.main([str(LOG), "--profile", "hpc"])
    assert ("\x1b[" in capsys.readouterr().out) is (no_colour == "")


def test_a_description_is_judged_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert system(["validate", "greene-v100", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "passed"
