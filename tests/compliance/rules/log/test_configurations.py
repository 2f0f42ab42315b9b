"""What a run accepts, the checker accepts: the parameters of any valid configuration pass in its log."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.config.schema import AUTO, Config, Data, Geometry, Method, Split, Submission, Training
from benchmark.methods.loading import SHIPPED, load_method
from benchmark.record.eventlog import EventLog
from benchmark.record.events import (
    DATA_KINDS,
    OPTIMIZATION,
    OPTIMIZER_EXTRAS,
    PARAMETERS,
    PRECISIONS,
    SCHEDULES,
    STATUSES,
)
from benchmark.record.run_folder import RunFolder
from benchmark.training.identity import Computing, log_identity, log_parameters, optimization_facts
from compliance import registry
from compliance.rules import own_rules
from compliance.rules.log import events, identity, method, parameters
from compliance.subjects.timeline import SETTINGS
from tests.support.logs.hand_logs import COMPLETED, line_of, parsed, with_metadata, with_value, without
from tests.support.project import read_events

FACTS = {"number_of_nodes": 1, "git": {"commit": "3f2a9c04" * 5, "dirty": False}}
#: Rules that compare a parameter with the epochs and counts of the log around it, which stay the same here.
JUDGES = {
    rule.id: rule
    for rule in (
        *registry.rules_in(parameters),
        *registry.rules_in(identity),
        *registry.rules_in(method),
        events.event_missing,
    )
    if rule.id != "method-epochs"
}


def inserted(text: str, key: str, value: object, after: str = "seed") -> str:
    """The log with an event after another."""
    lines = text.splitlines(keepends=True)
    place = line_of(text, after)
    event = json.loads(lines[place - 1].removeprefix(":::MLLOG "))
    lines.insert(place, f":::MLLOG {json.dumps(event | {'key': key, 'value': value})}\n")
    return "".join(lines)


trainings = st.builds(
    Training,
    epochs=st.integers(1, 400),
    batch_size=st.integers(1, 512),
    learning_rate=st.floats(1e-7, 0.999),
    schedule=st.sampled_from(SCHEDULES),
    warmup_fraction=st.floats(0, 0.99),
    early_stopping_patience=st.integers(1, 400),
    precision=st.sampled_from((AUTO, *PRECISIONS)),
    augmentation=st.booleans(),
)
configurations = st.builds(
    Config,
    name=st.just("any"),
    submission=st.builds(
        Submission,
        org=st.just("New York University"),
        status=st.sampled_from(STATUSES),
        platform=st.none() | st.just("node-1"),
    ),
    data=st.builds(Data, training=st.just("t"), inference=st.just("i"), kind=st.sampled_from(DATA_KINDS)),
    training=trainings,
    method=st.builds(Method, name=st.sampled_from(SHIPPED)),
    geometry=st.builds(
        Geometry,
        patch=st.integers(2, 40).map(lambda n: 8 * n),
        crop=st.integers(0, 7).map(lambda n: 2 * n),
    ),
    split=st.builds(Split, train_fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**31 - 1)),
    quality_target=st.floats(0.01, 1),
    min_sst=st.floats(273.15, 320),
    seed=st.integers(0, 2**31 - 1),
)


#: Settings of optimizers, as Keras states them.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"name": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": True},
    "adamw": {"name": "adamw", "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.004},
    "sgd": {"name": "SGD", "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    "lion": {"name": "lion", "beta_1": 0.9, "beta_2": 0.99, "weight_decay": None},
}


def logged(config: Config, optimizer: str, path: Path) -> dict[str, Any]:
    """The values that a run of this configuration logs before its clock starts, by key."""
    precision = config.training.precision
    method = load_method(config.method.name, config.method.options)
    steps = optimization_facts(config, 1000, OPTIMIZERS[optimizer]) if method.kind == "network" else {}
    computing = Computing(precision="float32" if precision == AUTO else precision, optimization=steps)
    path.unlink(missing_ok=True)
    run = SimpleNamespace(config=config, method=method, log=EventLog(path), folder=RunFolder(path.parent))
    facts = FACTS | {"cpu": {"model": "AMD EPYC"}, "accelerators": []}
    if config.submission.platform:
        log_identity(run, facts)  # type: ignore[arg-type]
    log_parameters(run, facts, computing)  # type: ignore[arg-type]
    run.log.close()
    return {event["key"]: event["value"] for event in read_events(path)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configurations") / "result.txt"


@settings(max_examples=60, deadline=None)
@given(config=configurations, optimizer=st.sampled_from(list(OPTIMIZERS)))
def test_the_parameters_of_any_configuration_that_a_run_accepts_pass(
    config: Config, optimizer: str, path: Path
) -> None:
    values = logged(config, optimizer, path)
    optional = {*SETTINGS, *OPTIMIZER_EXTRAS, *OPTIMIZATION, "training_margin", "experiment"}
    assert set(PARAMETERS) - optional <= values.keys()
    text = inserted(COMPLETED, "data_location", "ext4", "cache_clear")  # train.py logs it, between the two
    text = with_metadata(text, "data_location", inference="ext4", staging="tmpfs")
    for key in optional & set(PARAMETERS) - values.keys():
        text = without(text, key) if f'"key": "{key}"' in text else text
    for key, value in values.items():
        if key != "submission_benchmark":
            text = with_value(text, key, value) if f'"key": "{key}"' in text else inserted(text, key, value)
    text = text.replace('"kind": "slstr"', json.dumps({"kind": config.data.kind})[1:-1])
    found = registry.run("log", parsed(text), {id: JUDGES[id] for id in JUDGES if id in own_rules()})
    assert [(each.rule, each.found) for each in found if each.severity == "error"] == []
