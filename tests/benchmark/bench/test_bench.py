"""What measures: figures in words, and other programs next to ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from benchmark.bench import bound
from benchmark.bench import runs as bench_runs
from benchmark.bench.story import parts_of
from benchmark.compute.engine import Engine, make_deterministic
from benchmark.compute.operations import forward_operations
from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, RunError
from benchmark.core.measure import Figures, ratio, row
from benchmark.methods import unet
from tests.support.project import program


def test_a_figure_is_a_median_with_its_spread(capsys):
    assert row(Display(), "rate", [3.0, 1.0, 2.0], "patches/s", "why") == 2.0
    assert capsys.readouterr().out.split() == ["rate", "2.00", "patches/s", "(1.00", "to", "3.00)", "why"]
    ratio(Display(), [1.0, 2.0], [3.0, 4.0], "pair by pair")
    assert "2.50" in capsys.readouterr().out


SYSTEM = {"cpu": {"model": "EPYC", "threads": 2}, "accelerators": [], "git": {"commit": "1" * 40}}


def test_figures_are_kept_and_compared_with_those_of_an_earlier_measurement(tmp_path, capsys):
    path = tmp_path / "figures.json"
    first = Figures(SYSTEM)
    row(first, "training", [4.0, 2.0, 6.0], "patches/s", "batch 8")
    row(first, "  share", [0.5], "%")
    first.write(path)
    kept = json.loads(path.read_text())
    assert kept["system"] == SYSTEM
    assert kept["figures"] == [
        {
            **{"name": "training", "unit": "patches/s", "median": 4.0},
            **{"values": [4.0, 2.0, 6.0], "note": "batch 8"},
        },
        {"name": "training: share", "unit": "%", "median": 0.5, "values": [0.5], "note": ""},
    ]
    assert "of base" not in capsys.readouterr().out
    second = Figures(SYSTEM, path)
    for name, value, unit, compared in (
        ("training", 5.0, "patches/s", "1.25 of base"),
        ("  share", 0.25, "%", "0.50 of base"),
        ("inference", 7.0, "patches/s", None),
        ("  share", 0.25, "%", None),  # of another figure
        ("training", 5.0, "s", None),
    ):
        row(second, name, [value], unit)
        said = capsys.readouterr().out
        assert (compared in said) if compared else ("of base" not in said)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "No such file or directory"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"format": "cloudmask-bench-0"}', "the format cloudmask-bench-0"),
        ('{"format": "cloudmask-bench-1"}', "no 'system'"),
        (json.dumps({"format": "cloudmask-bench-1", "system": SYSTEM, "figures": [{}]}), "no 'name'"),
        (
            json.dumps(
                {
                    **{"format": "cloudmask-bench-1", "figures": []},
                    "system": {"cpu": {"model": "Xeon", "threads": 96}, "accelerators": [{"model": "V100"}]},
                }
            ),
            "figures of 96 x Xeon, V100",
        ),
    ],
)
def test_figures_of_another_machine_or_none_are_no_base(tmp_path, content, found):
    path = tmp_path / "figures.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CloudMaskError) as refused:
        Figures(SYSTEM, path)
    assert refused.value.found == found
    assert "without --base" in refused.value.remedy


def test_figures_that_cannot_be_kept_are_reported(tmp_path):
    with pytest.raises(CloudMaskError) as refused:
        Figures(SYSTEM).write(tmp_path / "nowhere" / "figures.json")
    assert refused.value.found == "No such file or directory"


def test_time_and_memory_are_those_of_the_command():
    held = b"x" * 1_500_000_000  # what measures is no part of it
    code = "import time; held = b'x' * 300_000_000; time.sleep(0.2)"
    spent, peak = bench_runs._measured([sys.executable, "-c", code])
    assert spent >= 0.2
    assert 0.3 <= peak < 1 < len(held) / 1e9


def test_a_peer_gets_the_folder_of_the_scenes_and_is_measured_in_turn(tmp_path, capsys, monkeypatch):
    said = tmp_path / "said.txt"
    script = tmp_path / "peer.py"
    script.write_text(
        "import os, sys, json\n"
        "with open(sys.argv[2], 'a') as file:\n"
        "    print(json.dumps([sys.argv[1], os.environ['CLOUDMASK_DATA']]), file=file)\n"
    )
    monkeypatch.setattr(bench_runs, "run_command", lambda place, *options: [sys.executable, "-c", "pass"])
    data = tmp_path / "a folder"
    command = f"{sys.executable} {script} {{data}} {said}"
    bench_runs.measure_peer(Display(), tmp_path, command, data)
    lines = [json.loads(line) for line in said.read_text().splitlines()]
    assert lines == [[str(data), str(data)]] * bench_runs.TURNS
    out = capsys.readouterr().out
    for name in ("ours: time", "peer: time", "ours: peak memory", "peer: peak memory"):
        assert name in out
    assert "peer / ours: time" in out
    assert "peer / ours: memory" in out


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("no-such-program {data}", "exit status 1: No such file or directory"),
        (f"{sys.executable} -c 'import sys; sys.exit(\"no scenes\")'", "exit status 1: no scenes"),
    ],
)
def test_a_peer_that_cannot_be_measured_is_reported(tmp_path, command, found, monkeypatch):
    monkeypatch.setattr(bench_runs, "run_command", lambda place, *options: [sys.executable, "-c", "pass"])
    with pytest.raises(RunError) as caught:
        bench_runs.measure_peer(Display(), tmp_path, command, Path("data"))
    assert caught.value.found == found


def test_an_unknown_part_is_refused(tmp_path):
    done = program("benchmark.bench", "--only", "everything", cwd=tmp_path)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_the_parts_of_a_run_add_up_to_its_time():
    times = {"cache_clear": 100.5, "init_start": 101, "init_stop": 103, "run_start": 103}
    times |= {"epoch_start": 104, "epoch_stop": 110, "eval_start": 110, "eval_stop": 111.5, "run_stop": 113}
    events = [{"key": key, "time_ms": int(1000 * time)} for key, time in times.items()]
    parts = {name: spent for name, spent, _ in parts_of(events, 99.0, 115.0)}
    assert sum(parts.values()) == pytest.approx(16)
    assert parts["before the log"] == pytest.approx(1.5)
    assert (parts["epoch"], parts["eval"], parts["staging"]) == pytest.approx((6, 1.5, 0))
    assert (parts["between"], parts["after the log"]) == pytest.approx((3, 2))


@pytest.fixture(scope="module")
def engine() -> Engine:
    make_deterministic(1)
    return Engine(unet.method(), 16, 2, "float32", tf.distribute.get_strategy())


def test_the_bound_times_every_convolution_once_in_each_of_its_passes(engine):
    convolutions = list(bound._convolutions(engine.network, 2))
    # fourteen 3 x 3, of which three are split in two, and the last one
    assert len(convolutions) == 18
    assert sum(operations for _, operations, _ in convolutions) == pytest.approx(
        2 * forward_operations(engine.network)
    )
    passes = [sorted(each) for _, _, each in convolutions]
    assert passes == [["filter", "forward"], *[["filter", "forward", "input"]] * 17]
    for _, _, each in convolutions:
        for run in each.values():
            assert tf.reduce_all(tf.math.is_finite(run()))
    convolved, pooled = bound._image_bytes(engine.network, 2)
    assert [summands for _, summands in convolved] == [1] * 8 + [2, 1] * 3 + [1]
    assert pooled == [convolved[place][0] for place in (1, 3, 5)]
    assert len(bound._image_bytes(engine.inner, 2)[1]) == 3
    moved = [bound._moved(convolved, pooled, training=training) for training in (True, False)]
    assert moved[0] > moved[1] > 0


def test_the_bound_says_what_each_pass_reaches_and_where_most_is_lost(engine, monkeypatch, capsys):
    monkeypatch.setattr(bound, "TURNS", 1)
    monkeypatch.setattr(bound, "COPIED", 2**20)
    monkeypatch.setattr(bound, "SIZE", 64)
    found = bound.measure_bound(Display(), engine)
    assert found.training > found.inference > 0
    said = capsys.readouterr().out.splitlines()
    shares = [int(line.split(" % of the bound")[0].split()[-1]) for line in said if "of the bound" in line]
    assert len(shares) == 3
    assert sum(shares) <= 100
    lost = [float(line.split()[-4]) for line in said if line.endswith("ms a step")]
    assert len(lost) == bound.SHOWN
    assert lost == sorted(lost, reverse=True)
