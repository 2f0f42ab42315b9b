"""Staging that is killed, that two runs do at once, and whose readers end or get signals."""

from __future__ import annotations

import errno
import fcntl
import random
import re
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from benchmark.core.interruption import SIGNALS
from benchmark.stores.journal import JOURNAL
from benchmark.stores.patchstore import PatchLayout
from tests.support.processes.waiting import wait_until
from tests.support.scenes.staging import IN_PROCESS, MANY_READERS, content, make_scenes, stage, start


@pytest.mark.parametrize("pixels", [IN_PROCESS, MANY_READERS])
def test_staging_killed_at_random_moments_resumes_and_ends_with_the_same_bytes(tmp_path, pixels):
    rng = random.Random(pixels)
    paths = make_scenes(tmp_path / "scenes", 60, rows=150)
    layout = PatchLayout((150, 150), 32, "slstr")
    whole, _ = stage(tmp_path / "whole", paths, layout)
    folder = tmp_path / "stage" / whole.store.folder.name
    journal = folder / JOURNAL
    finished = 0
    for kill_at in sorted(rng.sample(range(50), 4)):
        process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, pixels)
        wait_until(
            lambda kill_at=kill_at: journal.exists() and journal.read_bytes().count(b"\n") >= kill_at,
            process,
            every=0.001,
        )
        time.sleep(rng.uniform(0, 0.02))
        readers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(readers, timeout=30)
        assert alive == []
        finished_before, finished = finished, journal.read_bytes().count(b"\n")
        assert finished >= max(finished_before, kill_at)
    assert finished > 0
    last = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, pixels)
    output, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    reused = int(output.split()[1])
    assert kill_at <= reused <= 60
    part, _ = stage(tmp_path / "stage", paths, layout)
    assert (part.reused, part.records, part.store.slots) == (60, whole.records, whole.store.slots)
    assert content(folder) == content(whole.store.folder)


def test_of_two_processes_that_stage_the_same_store_one_waits_and_takes_over(tmp_path):
    make_scenes(tmp_path / "scenes", 30, rows=150)
    both = [start(tmp_path / "scenes", tmp_path / "stage", 150, 32, IN_PROCESS) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    told = sorted(output[output.index("reused") : output.index("peak")].strip() for output in outputs)
    assert told == ["reused 0 of 30", "reused 30 of 30"]


def test_a_store_that_another_process_stages_is_waited_for_with_a_message(paths, tmp_path):
    whole, _ = stage(tmp_path / "stage", paths)
    with (whole.store.folder / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(tmp_path / "scenes", tmp_path / "stage", 24, 8, IN_PROCESS)
        line = process.stdout.readline()
        assert process.poll() is None
    output, _ = process.communicate(timeout=60)
    assert line.strip() == (f"waiting for another run, which stages the same scenes in {whole.store.folder}")
    assert output.startswith("reused 4 of 4")


def test_staging_works_on_a_file_system_without_locks(paths, tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    part, said = stage(tmp_path / "stage", paths)
    assert (part.store.count, said) == (36, "")


def readers_at_work(process: subprocess.Popen, stage_dir: Path) -> list[psutil.Process]:
    """The readers of a staging process, once they have finished some scenes."""
    wait_until(
        lambda: any(path.stat().st_size for path in stage_dir.glob(f"*/{JOURNAL}")), process, every=0.001
    )
    children = psutil.Process(process.pid).children()
    readers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert readers
    return readers


def test_a_reader_that_is_killed_ends_staging_with_a_message_and_keeps_what_is_done(tmp_path):
    paths = make_scenes(tmp_path / "scenes", 60, rows=150)
    process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, MANY_READERS)
    readers_at_work(process, tmp_path / "stage")[0].kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "found:    a reader process ended before its scene was staged" in errors
    assert "what has been staged is kept" in errors
    part, _ = stage(tmp_path / "stage", paths, PatchLayout((150, 150), 32, "slstr"))
    assert 0 < part.reused < 60
    assert part.store.count == 60 * 16


def ignores(pid: int, number: int) -> bool:
    (mask,) = re.findall(r"SigIgn:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_all_processes_of_a_run_is_left_to_the_run(tmp_path, number):
    make_scenes(tmp_path / "scenes", 120, rows=150)
    process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, MANY_READERS)
    for reader in readers_at_work(process, tmp_path / "stage"):
        while not ignores(reader.pid, number):  # it is still starting
            assert process.poll() is None, process.communicate()[1]
        reader.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.splitlines()[0]) == (0, "reused 0 of 120"), errors
