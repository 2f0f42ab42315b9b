"""What each start of a run writes of its node."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.compute.cluster import SINGLE_WORKER
from benchmark.config.files import load_config
from benchmark.core.display import Display
from benchmark.core.interruption import Interruption
from benchmark.methods.loading import load_method
from benchmark.record.eventlog import EventLog
from benchmark.record.run_folder import RunFolder
from benchmark.training.context import RunContext
from benchmark.training.identity import Computing, keep_facts, log_parameters
from benchmark.training.options import RunOptions
from tests.support.project import TINY, read_events

FACTS: dict[str, Any] = {
    "measured_at": "2026-01-01T00:00:00Z",
    "cpu": {"model": "CPU A", "flags": ["avx2"], "cores": 4},
    "accelerators": [{"model": "GPU A", "driver": "1"}],
    "git": {"commit": "0" * 40, "dirty": False, "branch": "main"},
}


@pytest.fixture
def run(tmp_path) -> RunContext:
    return RunContext(
        config=load_config(TINY),
        method=load_method("unet", {}),
        options=RunOptions(stage_dir=tmp_path),
        folder=RunFolder(tmp_path),
        log=EventLog(None),
        display=Display(),
        cluster=SINGLE_WORKER,
        interruption=Interruption(),
        telemetry=None,
    )


def facts_with(cpu: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {**FACTS, "cpu": {**FACTS["cpu"], **(cpu or {})}, **changes}


def test_every_start_keeps_its_own_facts_and_the_first_one_the_configuration(run, tmp_path, capsys):
    later = facts_with({"cores": 2}, accelerators=[{"model": "GPU A", "driver": "2"}])
    keep_facts(run, FACTS)
    config = (tmp_path / "config.yaml").read_text()
    keep_facts(dataclasses.replace(run, config=load_config(TINY, ["data.training=moved/training"])), later)
    keep_facts(run, FACTS)
    assert [path.name for path in run.folder.systems] == ["system.json", "system-2.json", "system-3.json"]
    assert [json.loads(path.read_text()) for path in run.folder.systems] == [FACTS, later, FACTS]
    assert (tmp_path / "config.yaml").read_text() == config
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("later", "change"),
    [
        (facts_with({"model": "CPU B"}), "processor CPU B, was CPU A"),
        (facts_with({"flags": ["avx2", "avx512f"]}), "instruction sets avx2, avx512f, was avx2"),
        (facts_with(accelerators=[]), "accelerators none, was GPU A"),
        (
            facts_with({"model": "CPU B"}, accelerators=[{"model": "GPU A"}] * 2),
            "processor CPU B, was CPU A; accelerators GPU A, GPU A, was GPU A",
        ),
    ],
)
def test_a_start_on_other_hardware_than_the_first_one_is_warned_about_in_a_line(run, capsys, later, change):
    keep_facts(run, FACTS)
    keep_facts(run, later)
    keep_facts(run, FACTS)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"warning: resumed on other hardware than the run began on: {change}"]


@pytest.mark.parametrize(
    ("git", "said"),
    [
        ({"commit": None, "dirty": False}, "this run cannot be submitted: no commit is known"),
        ({"commit": "0" * 40, "dirty": True}, "this run cannot be submitted: the checkout has uncommitted"),
        ({"commit": "0" * 40, "dirty": False}, ""),
    ],
)
def test_a_run_that_cannot_be_submitted_says_so_before_it_trains(
    run: RunContext, capsys: pytest.CaptureFixture[str], git: dict[str, Any], said: str
) -> None:
    keep_facts(run, FACTS | {"git": git})
    shown = capsys.readouterr().out
    assert (said in shown, bool(shown)) == (True, bool(said))


@pytest.mark.parametrize("names", ["2 x Tesla V100-SXM2-32GB", ""])
def test_the_log_names_the_accelerators_that_compute(run: RunContext, tmp_path: Path, names: str) -> None:
    log = EventLog(tmp_path / "result.txt")
    computing = Computing(2 if names else 0, names=names)
    log_parameters(dataclasses.replace(run, log=log), {"number_of_nodes": 1}, computing)
    log.close()
    events = {event["key"]: event for event in read_events(tmp_path / "result.txt")}
    assert events["accelerators_per_node"]["value"] == computing.accelerators
    assert events["accelerators_per_node"]["metadata"].get("names", "") == names
