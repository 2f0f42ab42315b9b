"""A dataset is made by workers, by two processes at once, and to the end after a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmark.core.errors import SceneError
from benchmark.synthesis import workers as synthetic_workers
from benchmark.synthesis.dataset import ensure_dataset
from tests.support.processes.waiting import wait_until
from tests.support.project import ROOT, SHAPE
from tests.support.scenes.synthetic import SEED, contents, make


def test_worker_processes_make_the_same_files_as_one_process(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_workers, "PIXELS_PER_WORKER", 1)
    environment = dict(os.environ)
    make(tmp_path / "by workers", jobs=2)
    assert contents(tmp_path / "by workers") == contents(whole)
    assert dict(os.environ) == environment


def start(root: Path, *arguments: object) -> subprocess.Popen:
    """Start the command that makes a dataset of twenty-four scenes with two workers."""
    command = ["-m", "benchmark.synthesis", "--output", root, "--seed", SEED, "--training", 16]
    command += ["--inference", 8, "--rows", 400, "--columns", 500, "--jobs", 2, *arguments]
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_generation_leaves_no_list_and_no_process_and_continues_to_the_same_result(tmp_path):
    root = tmp_path / "killed"
    process = start(root)
    wait_until(lambda: len(list(root.rglob("*.hdf"))) >= 3, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert len(workers) >= 2
    assert alive == []
    finished = len(list(root.rglob("*.hdf")))
    assert 3 <= finished < 24
    assert not (root / "dataset.json").exists()
    with pytest.raises(SceneError, match=r"found: +an unfinished dataset with rows 400, columns 500"):
        ensure_dataset(root, seed=SEED, training_scenes=16, inference_scenes=8, shape=SHAPE)

    undisturbed = start(tmp_path / "undisturbed")
    again = start(root)
    for other in (undisturbed, again):
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert contents(root) == contents(tmp_path / "undisturbed")


def test_of_two_processes_one_makes_the_dataset_and_the_other_waits_and_reuses(tmp_path):
    both = [start(tmp_path / "shared") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(re.search(r"made now: (\d+)", out).group(1) for out, _ in outputs) == ["0", "24"]
    assert sum("another process is making this dataset; waiting for it" in err for _, err in outputs) == 1
    assert len(list((tmp_path / "shared").rglob("*.hdf"))) == 24
