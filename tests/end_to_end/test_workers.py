"""Several workers on loopback train as one does, and end together when one of them does."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from benchmark.training.learning.checkpoint import checkpoints
from tests.support.processes.preloaded import Preloaded, run_preloaded
from tests.support.processes.waiting import wait_for_event
from tests.support.processes.workers import differences, environments
from tests.support.project import TINY, read_events


def start_workers(number: int, module: str, *arguments: object, cwd: Path) -> list[Preloaded]:
    return [Preloaded(module, *arguments, cwd=cwd, env=variables) for variables in environments(number)]


def finish(processes: list[Preloaded]) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of each, when all have ended."""
    ended = []
    for process in processes:
        said, errors = process.communicate(timeout=900)
        ended.append((process.returncode, said, errors))
    return ended


def numbers(ended: list[tuple[int, str, str]]) -> list[list[float]]:
    assert [status for status, _, _ in ended] == [0] * len(ended), [errors[-1500:] for _, _, errors in ended]
    return [json.loads(said.splitlines()[-1]) for _, said, _ in ended]


def test_one_to_four_workers_take_the_same_steps_and_agree_on_a_checkpoint(tmp_path):
    steps = "tests.support.processes.worker_steps"
    (alone,) = numbers(finish(start_workers(1, steps, cwd=tmp_path)))
    for number in (2, 3, 4):
        together = numbers(finish(start_workers(number, steps, cwd=tmp_path)))
        assert all(other == together[0] for other in together)
        assert together[0] == pytest.approx(alone, rel=1e-5)


def run_workers(place: Path, output: str, *arguments: str) -> list[Preloaded]:
    settings = ("--set", "training.batch_size=4", "--set", "training.epochs=4")
    staging = ("--stage-dir", "workers.staging")
    command = ("benchmark.run", "--config", TINY, "--output", output, "--seed", 1, *settings, *staging)
    return start_workers(2, *command, *arguments, cwd=place)


def test_two_workers_write_one_log_stop_together_and_resume(tiny_place):
    root = tiny_place / "workers" / "tiny-seed-1"
    log = root / "result.txt"

    # one that dies ends the run of the other, with a log that says so
    processes = run_workers(tiny_place, "workers")
    wait_for_event(log, "eval_stop", *processes)
    processes[1].send_signal(signal.SIGKILL)
    (status, _, errors), (killed, _, _) = finish(processes)
    assert (status, killed) == (1, -signal.SIGKILL)
    assert "found:    no answer from another worker" in errors
    assert "start all of them again with --resume" in errors
    last = read_events(log)[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
    assert checkpoints(root / "checkpoints")

    # a warning to one of them stops both at the same step
    processes = run_workers(tiny_place, "workers", "--resume")
    wait_for_event(log, "run_resumed", *processes)
    wait_for_event(log, "epoch_start", *processes)
    processes[1].send_signal(signal.SIGTERM)
    ended = finish(processes)
    assert [status for status, _, _ in ended] == [75, 75], [errors[-1500:] for _, _, errors in ended]
    assert read_events(log)[-1]["metadata"]["reason"] == "Interrupted: SIGTERM"

    ended = finish(run_workers(tiny_place, "workers", "--resume"))
    assert [status for status, _, _ in ended] == [0, 0], [errors[-1500:] for _, _, errors in ended]
    assert ended[1][1] == ""  # only the chief speaks
    together = read_events(log)
    assert [event["value"] for event in together if event["key"] == "number_of_ranks"] == [2]

    # the same training as that of one worker with the same global batch
    done = run_preloaded(
        *("benchmark.run", "--config", TINY, "--output", "alone", "--seed", 1),
        *("--set", "training.epochs=4", "--stage-dir", "workers.staging"),
        cwd=tiny_place,
    )
    assert done.returncode == 0, done.stderr
    apart = differences(log, tiny_place / "alone" / "tiny-seed-1" / "result.txt")
    assert {key: values for key, values in apart.items() if not values or max(values) > 2e-2} == {}
    assert max(apart["train_loss"][:2]) < 1e-4  # two epochs of six steps
