"""The command that makes a dataset: its summary, its refusals, and the calibration."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmark.synthesis.__main__ import main
from tests.support.project import ROOT, SHAPE, program
from tests.support.scenes.synthetic import SEED


def test_the_command_makes_completes_and_checks_a_dataset_and_sums_it_up(tmp_path, capsys):
    small = ["--output", str(tmp_path / "d"), "--rows", "150", "--columns", "188", "--seed", "101"]
    assert main([*small, "--training", "2", "--inference", "2"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:4] == [f"scenes {done}/4" for done in range(1, 5)]
    assert "2 training and 2 inference scenes, 3 MB, seed 101, synthetic (not observations)" in out
    assert re.search(r"made now: 4 in [\d.]+ s; already complete: 0", out)
    assert re.search(r"day +2 scenes, cloud 0\.\d{3} of all pixels", out)
    assert re.search(r"night +2 scenes, cloud 0\.\d{3} of all pixels", out)
    assert main([*small, "--training", "4", "--inference", "2", "--verify"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == ["scenes 5/6", "scenes 6/6"]
    assert "made now: 2" in out


def test_the_command_ends_with_one_and_the_message_when_it_cannot(whole, capsys):
    assert main(["--output", str(whole), "--seed", "5"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    where, *rest = err.splitlines()
    assert where == f"error: {whole}"
    assert [line.split(":")[0].strip() for line in rest] == ["found", "expected", "remedy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-3"], "found '-3', expected a whole number of 0 or more"),
        (["--rows", "31"], "found '31', expected a whole number of 32 or more"),
        (["--jobs", "0"], "found '0', expected a whole number of 1 or more"),
        (["--training", "many"], "found 'many', expected a whole number of 0 or more"),
        (["--calibrate", "--inference", "0"], "--calibrate needs scenes"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_the_command_ends_with_two_when_it_is_used_wrongly(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_help_starts_without_the_heavy_libraries(tmp_path):
    shown = program("benchmark.synthesis", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "simulated, not observations" in " ".join(shown.stdout.split())
    heavy = {"h5py", "tensorflow", "matplotlib"}
    code = f"import sys, benchmark.synthesis.__main__; print({heavy} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"


def test_the_calibration_gives_the_baselines_and_typical_pixels_and_makes_no_files(tmp_path):
    shown = program(
        "benchmark.synthesis", "--calibrate", "--seed", SEED, "--training", 10, "--inference", 4,
        "--rows", SHAPE[0], "--columns", SHAPE[1], cwd=tmp_path,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    rows = {line[:26].strip(): line[26:].split() for line in shown.stdout.splitlines() if line}
    for name in ("majority class", "threshold on S8 and S2", "logistic, 9 channels", "truth (not a method)"):
        assert len(rows[name]) == 3
        assert all(0.2 < float(value) < 1 for value in rows[name])
    assert float(rows["logistic, 9 channels"][0]) > float(rows["majority class"][0])
    columns = rows["mean of training pixels"]
    night = {
        name: dict(zip(columns, map(float, rows[f"{name}, night"]), strict=True))
        for name in ("clear sea", "water cloud")
    }
    assert night["clear sea"]["S2"] == 0
    assert night["water cloud"]["S7-S8"] < night["clear sea"]["S7-S8"]
    assert night["water cloud"]["S8"] < night["clear sea"]["S8"] - 5
    assert list(tmp_path.iterdir()) == []
