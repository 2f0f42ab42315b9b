"""Configurations: what is accepted, what is refused and how it is said."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.files import config_path, load_config, save_config
from benchmark.config.schema import Config, Data, Submission, Synthetic, Training, parse_seed
from benchmark.core.errors import ConfigError


def refused(path: Path, *overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return caught.value


def test_reference_holds_the_values_of_the_policy():
    config = load_config(config_path("reference"))
    assert config.training.batch_size == 32
    assert config.training.learning_rate == 1e-3
    assert (config.geometry.patch, config.geometry.crop) == (256, 80)
    assert (config.geometry.rows, config.geometry.columns) == (1200, 1500)
    assert (config.seed, config.quality_target, config.min_sst) == (1234, 0.9, 273.15)
    assert (config.split.train_fraction, config.split.seed) == (0.8, 42)


def test_nyu_greene_holds_the_values_of_the_paper():
    training = load_config(config_path("nyu-greene")).training
    assert (training.epochs, training.early_stopping_patience) == (200, 25)
    assert (training.batch_size, training.learning_rate, training.schedule) == (32, 1e-3, "constant")


@pytest.mark.parametrize(
    ("override", "where", "found", "told"),
    [
        ("training.epoch=3", "training.epoch", "an unknown field", "did you mean training.epochs?"),
        ("trainign={}", "trainign", "an unknown field", "did you mean training?"),
        ("colour=red", "colour", "an unknown field", "remove it"),
        ("training.epochs=0", "training.epochs", "0", "at least 1"),
        ("training.epochs=1.5", "training.epochs", "1.5", "an integer"),
        ("training.epochs=true", "training.epochs", "True", "an integer"),
        ("training.learning_rate=0", "training.learning_rate", "0.0", "above 0"),
        ("training.learning_rate=.nan", "--set training.learning_rate", "the number .nan", "a YAML value"),
        ("training.batch_size=-8", "training.batch_size", "-8", "at least 1"),
        ("training.schedule=linear", "training.schedule", "'linear'", "constant, cosine"),
        ("training.warmup_fraction=1", "training.warmup_fraction", "1.0", "below 1"),
        ("training.early_stopping_patience=0", "training.early_stopping_patience", "0", "at least 1"),
        ("training.precision=half", "training.precision", "'half'", "auto, float32, mixed_bfloat16"),
        ("geometry.patch=0", "geometry.patch", "0", "at least 1"),
        ("method.name=' '", "method.name", "' '", "the name of a method"),
        ("geometry.crop=81", "geometry.crop", "81", "an even number"),
        ("geometry.rows=100", "geometry.rows", "100", "at least one patch"),
        ("split.train_fraction=1", "split.train_fraction", "1.0", "below 1"),
        ("split.seed=-1", "split.seed", "-1", "an integer from 0"),
        ("seed=-1", "seed", "-1", "an integer from 0"),
        ("seed=one", "seed", "'one'", "an integer"),
        ("min_sst=270", "min_sst", "270.0", "at least 273.15"),
        ("min_sst=.inf", "--set min_sst", "the number .inf", "a YAML value"),
        ("training.epochs=2024-02-30", "training.epochs", "'2024-02-30'", "an integer"),
        ("training.xla=!!bool x", "--set training.xla", "the tag !!bool", "a YAML value"),
        ("training.epochs=" + "9" * 5000, "--set training.epochs", "5000 characters", "a YAML value"),
        ("training.epochs=" + "[" * 20_000, "--set training.epochs", "50 deep", "a YAML value"),
        ("quality_target=1.1", "quality_target", "1.1", "at most 1"),
        ("submission.org=' '", "submission.org", "' '", "an organisation"),
        ("submission.status=final", "submission.status", "'final'", "onprem, cloud, research, preview"),
        ("submission.division=closed", "submission.division", "'closed'", "open"),
        ("data.kind=real", "data.kind", "'real'", "slstr, synthetic"),
        ("data.kind=slstr", "data.synthetic", "settings for synthetic scenes", "none with data.kind slstr"),
        ("data.synthetic.training_scenes=0", "data.synthetic.training_scenes", "0", "at least 1"),
        ("name=a b", "name", "'a b'", "letters, digits"),
        ("name=../up", "name", "'../up'", "letters, digits"),
        ("training=3", "training", "3", "a section with epochs"),
        ("training.epochs.x=1", "--set training.epochs.x", "epochs is a single value", "a section"),
        ("training.epochs", "--set", "training.epochs", "field=value"),
        ("training.epochs=[", "--set training.epochs", "flow", "a YAML value"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_found_and_expected(override, where, found, told):
    error = refused(config_path("quickstart"), override)
    assert error.where == where
    assert found in error.found
    assert told in error.expected + error.remedy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- 1\n- 2\n", "list"),
        ("name: [unclosed\n", "expected ',' or ']'"),
        ("name: a\nname: b\n", "key 'name' twice"),
        ("name: !!python/object/apply:os.system [true]\n", "the tag !!python/object/apply:os.system"),
        ("min_sst: .inf\n", "the number .inf in line 1"),
        ("[" * 5000, "more than 50 deep"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_and_nothing_in_it_is_run(tmp_path, text, found):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert found in refused(path).found


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert refused(tmp_path / "pipe.yaml").found == "a pipe"


def test_a_temperature_without_end_is_refused():
    with pytest.raises(ConfigError) as caught:
        dataclasses.replace(load_config(config_path("quickstart")), min_sst=float("inf"))
    assert (caught.value.where, caught.value.found) == ("min_sst", "inf")


def test_a_message_is_one_line_a_part_and_safe_for_a_terminal(tmp_path):
    error = refused(config_path("quickstart"), "zz\x1b[31m\u202ered=1")
    assert str(error).startswith("zz\\x1b[31m\\u202ered\n  found:    an unknown field\n")
    long = refused(config_path("quickstart"), f"training.epochs={'x' * 5000}")
    assert long.found == f"'{'x' * 199}…"


def test_a_missing_file_is_answered_with_the_shipped_configurations(tmp_path):
    error = refused(tmp_path / "none.yaml")
    assert error.found == "No such file or directory"
    assert "nyu-greene, quickstart, reference" in error.expected


def test_a_missing_field_is_named(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("name: x\nsubmission: {org: o}\ndata: {kind: slstr, training: a, inference: b}\n")
    error = refused(path)
    assert (error.where, error.found, error.remedy) == (
        "training",
        "no value",
        "add training to the configuration",
    )


def test_numbers_with_an_exponent_are_numbers():
    assert (
        load_config(config_path("quickstart"), ["training.learning_rate=1e-4"]).training.learning_rate == 1e-4
    )


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "one", "", "2147483648", "١", "1_0", "9" * 5000, "-" + "9" * 99]
)
def test_a_seed_that_is_no_seed_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_seed(text)
    assert caught.value.expected == "an integer from 0 to 2147483647"


@given(st.integers(0, 2**31 - 1))
def test_every_other_integer_is_a_seed(seed):
    assert parse_seed(str(seed)) == seed
    assert parse_seed("0" * 5000 + str(seed)) == seed


words = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and text.isprintable())
configs = st.builds(
    Config,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True),
    submission=st.builds(Submission, org=words, platform=st.none() | words),
    data=st.builds(
        Data,
        training=words,
        inference=words,
        kind=st.just("synthetic"),
        synthetic=st.none() | st.builds(Synthetic, seed=st.integers(0, 99)),
    ),
    training=st.builds(
        Training,
        epochs=st.integers(1, 500),
        batch_size=st.integers(1, 512),
        learning_rate=st.floats(1e-8, 0.5),
        warmup_fraction=st.floats(0, 0.99),
    ),
    description=st.text(max_size=30).filter(str.isprintable),
    seed=st.integers(0, 2**31 - 1),
)


@given(configs)
def test_a_saved_configuration_loads_as_the_same(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    save_config(config, path)
    assert load_config(path) == config


@given(configs, st.integers(0, 100))
def test_the_digest_tells_settings_apart_but_not_seeds_and_folders(config, seed):
    elsewhere = dataclasses.replace(config.data, training="/a", inference="/b")
    assert dataclasses.replace(config, seed=seed, data=elsewhere).digest() == config.digest()
    longer = dataclasses.replace(config.training, epochs=config.training.epochs + 1)
    assert dataclasses.replace(config, training=longer).digest() != config.digest()
