"""Checkpoints: complete or absent, and the last one that can be read."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.training.learning.checkpoint import (
    Progress,
    checkpoints,
    latest_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)
from tests.support.project import ROOT

LOG = (1234, "ab" * 32)
TENSORS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.float32)]


def progress(epoch: int, step: int = 0) -> Progress:
    return Progress(epoch, step, [0.1 + 0.2] * step, 17 * step, 64 * step, [{"epoch": 1, "eval_loss": 1e-17}])


def never(text: str) -> None:
    pytest.fail(text)


@given(
    losses=st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    counts=st.tuples(*[st.integers(0, 2**60)] * 4),
)
@settings(max_examples=30, deadline=None)
def test_a_checkpoint_brings_back_every_bit(tmp_path_factory, losses, counts):
    folder = tmp_path_factory.mktemp("checkpoints")
    epoch, step, correct, pixels = counts
    rows = [{"epoch": i, "eval_loss": loss} for i, loss in enumerate(losses, start=1)]
    saved = Progress(epoch, step, losses, correct, pixels, rows)
    save_checkpoint(folder, saved, TENSORS, LOG, 7, keep=1)
    found = latest_checkpoint(folder, never)
    assert found.progress == saved
    assert (found.log_size, found.log_sha256, found.time_ms) == (*LOG, 7)
    assert [t.tobytes() for t in found.tensors] == [t.tobytes() for t in TENSORS]
    assert [(t.shape, t.dtype) for t in found.tensors] == [(t.shape, t.dtype) for t in TENSORS]


def test_the_furthest_ones_are_kept_and_the_furthest_is_found(tmp_path):
    for at in ((0, 0), (0, 7), (1, 0), (1, 100), (10, 0)):
        save_checkpoint(tmp_path, progress(*at), TENSORS, LOG, 7, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "00001-000100.checkpoint.npz",
        "00010-000000.checkpoint.npz",
    ]
    assert latest_checkpoint(tmp_path, never).progress.epoch == 10
    (tmp_path / "best.keras").touch()
    (tmp_path / ".part-00011-000000.checkpoint.npz").touch()
    remove_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]
    assert latest_checkpoint(tmp_path, never) is None


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_checkpoint_is_never_taken_for_a_whole_one(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("checkpoints")
    save_checkpoint(folder, progress(1), TENSORS, LOG, 7, keep=2)
    path = save_checkpoint(folder, progress(2, 3), TENSORS, LOG, 7, keep=2)
    whole = latest_checkpoint(folder, never)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    told = []
    found = latest_checkpoint(folder, told.append)
    if told:
        assert found.progress == progress(1)
        assert told[0].startswith(str(path))
        assert "going back to the checkpoint before it" in told[0]
    else:  # a byte that means nothing was hit, for example the time of an entry
        assert dataclasses.astuple(found.progress) == dataclasses.astuple(whole.progress)
        assert [t.tobytes() for t in found.tensors] == [t.tobytes() for t in whole.tensors]


@pytest.mark.parametrize(
    ("field", "value"),
    [(6, 109), (8, 1), (10, 8), (10, 14)],
    ids=["version", "encrypted", "deflated", "lzma"],
)
def test_a_damaged_directory_of_a_checkpoint_is_noticed(tmp_path, field, value):
    save_checkpoint(tmp_path, progress(1), TENSORS, LOG, 7, keep=2)
    path = save_checkpoint(tmp_path, progress(2), TENSORS, LOG, 7, keep=2)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + field] = value
    path.write_bytes(content)
    told = []
    assert latest_checkpoint(tmp_path, told.append).progress == progress(1)
    assert told[0].startswith(f"{path} cannot be read")


WRITER = """
import sys
from pathlib import Path
import numpy as np
from benchmark.training.learning.checkpoint import Progress, save_checkpoint
folder = Path(sys.argv[1])
for number in range(1, 10**6):
    tensors = [np.full(500_000, number, np.float32)] * 4
    save_checkpoint(folder, Progress(epoch=number), tensors, (number, "x"), 7, keep=2)
    print(number, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.029, 0.047])
def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before_it(tmp_path, delay):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        said = [int(line) for line in process.stdout]
    found = latest_checkpoint(tmp_path, never)
    assert found.progress.epoch >= max(said, default=3)
    assert all(np.array_equal(t, np.full(500_000, found.progress.epoch, np.float32)) for t in found.tensors)
