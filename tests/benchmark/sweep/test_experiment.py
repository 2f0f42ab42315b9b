"""Experiment and site files: which runs they mean, and how mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.files import load_config
from benchmark.core.errors import ConfigError
from benchmark.sweep.experiment import SHIPPED, Experiment, experiment_path, load_experiment
from benchmark.sweep.site import SITES, Resources, Site, load_site
from tests.support.project import TINY

LOCAL = Site("local", "local")
V100 = Site("cluster", "slurm", gpu_types={"v100": "gpu:v100"}, gpus_per_node=4, max_hours=48)
RESOURCES = {"hours": 1, "cores": 2}


def write(folder: Path, **fields: object) -> Path:
    path = folder / "experiment.yaml"
    tree = {"name": "tinies", "config": str(TINY), "resources": RESOURCES, **fields}
    path.write_text(
        yaml.safe_dump({name: value for name, value in tree.items() if value is not None}, sort_keys=False)
    )
    return path


def load(folder: Path, site: Site = LOCAL, **fields: object) -> Experiment:
    return load_experiment(write(folder, **fields), site)


def names(experiment: Experiment) -> list[str]:
    return [run.name for run in experiment.runs]


# ---- which runs a file means


def test_repeats_count_the_seeds_from_the_base_and_leave_all_else_alone(tmp_path):
    experiment = load(tmp_path, fields={"seed": 7}, repeats=3)
    base = load_config(TINY).to_dict()
    assert names(experiment) == ["tinies-seed-7", "tinies-seed-8", "tinies-seed-9"]
    assert [run.config.to_dict() for run in experiment.runs] == [
        base | {"name": "tinies", "seed": seed} for seed in (7, 8, 9)
    ]
    assert [run.index for run in experiment.runs] == [0, 1, 2]


def test_grid_lists_and_runs_are_combined_and_names_say_what_varies(tmp_path):
    experiment = load(
        tmp_path,
        grid={"training.learning_rate": [1e-3, 1e-4], "training.schedule": ["constant"]},
        lists={"training.batch_size": [4, 8], "training.epochs": [5, 10]},
        runs=[{"training.precision": "float32"}, {"training.precision": "mixed_bfloat16", "seed": 4}],
        exclude=[{"training.learning_rate": 1e-4, "training.batch_size": 8}],
    )
    rate = "tinies-learning_rate-"
    four, eight = "-batch_size-4-epochs-5-precision-", "-batch_size-8-epochs-10-precision-"
    assert names(experiment) == [
        f"{rate}0.001{four}float32-seed-1",
        f"{rate}0.001{four}mixed_bfloat16-seed-4",
        f"{rate}0.001{eight}float32-seed-1",
        f"{rate}0.001{eight}mixed_bfloat16-seed-4",
        f"{rate}0.0001{four}float32-seed-1",
        f"{rate}0.0001{four}mixed_bfloat16-seed-4",
    ]
    training = experiment.runs[3].config.training
    assert (training.learning_rate, training.batch_size, training.epochs) == (1e-3, 8, 10)
    assert experiment.runs[3].varied == {
        "training.learning_rate": "0.001",
        "training.batch_size": "8",
        "training.epochs": "10",
        "training.precision": "mixed_bfloat16",
    }


def test_seeds_may_be_listed(tmp_path):
    assert names(load(tmp_path, grid={"seed": [3, 1, 2]})) == [f"tinies-seed-{n}" for n in (3, 1, 2)]


def test_fields_with_the_same_last_name_are_shown_in_full(tmp_path):
    lists = {"split.seed": [1, 2], "data.synthetic.seed": [5, 6]}
    assert names(load(tmp_path, lists=lists)) == [
        "tinies-split_seed-1-data_synthetic_seed-5-seed-1",
        "tinies-split_seed-2-data_synthetic_seed-6-seed-1",
    ]


def test_resources_may_vary_and_differ_by_site(tmp_path):
    fields = {
        "grid": {"resources.gpus": [1, 4]},
        "sites": {"cluster": {"gpu_type": "v100", "hours": 12, "expected_hours": 3}},
    }
    runs = load(tmp_path, V100, **fields).runs
    assert [run.resources for run in runs] == [
        Resources(hours=12, expected_hours=3, gpus=gpus, gpu_type="v100", cores=2) for gpus in (1, 4)
    ]
    assert [run.name for run in runs] == ["tinies-gpus-1-seed-1", "tinies-gpus-4-seed-1"]
    assert runs[0].digest != runs[1].digest


@given(
    values=st.lists(st.text(st.characters().filter(str.isprintable), max_size=300), min_size=1, max_size=5)
)
def test_any_values_make_safe_names_of_which_no_two_are_one_folder(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("names")
    unique = list({value.casefold(): value for value in values}.values())
    grid = {"data.training": unique}
    experiment = load(folder, grid=grid, fields={"data.synthetic": None})
    made = names(experiment)
    assert len({name.lower() for name in made}) == len(unique)
    assert all(name.isascii() and len(name) < 200 and "/" not in name and " " not in name for name in made)
    assert [run.config.data.training for run in experiment.runs] == unique


def test_a_later_program_with_more_defaults_knows_the_runs_again(tmp_path):
    stated = load(tmp_path, fields={"training.epochs": 4}).runs[0].digest
    assert load(tmp_path, fields={"training.epochs": 4}, repeats=2, at_once=1).runs[0].digest == stated
    assert load(tmp_path, fields={"training.epochs": 5}).runs[0].digest != stated
    assert load(tmp_path, fields={"training.epochs": 4}, resources={"hours": 2}).runs[0].digest != stated


# ---- mistakes


@pytest.mark.parametrize(
    ("fields", "where", "found", "message"),
    [
        ({"nmae": 1}, "nmae", "an unknown field", "did you mean name?"),
        ({"zebra": 1}, "zebra", "an unknown field", "remove it"),
        ({"config": None}, "config", "no value", "add it to the file"),
        ({"repeats": 0}, "repeats", "0", "at least 1"),
        ({"repeats": "3"}, "repeats", "'3'", "an integer"),
        ({"at_once": 0}, "at_once", "0", "at least 1"),
        ({"grid": [1]}, "grid", "[1]", "a mapping"),
        ({"grid": {"training.epochs": 3}}, "grid.training.epochs", "3", "a list"),
        ({"grid": {"training.epochs": []}}, "training.epochs", "an empty list", "values to vary"),
        ({"grid": {"training.epoch": [3]}}, "training.epoch", "unknown", "did you mean training.epochs?"),
        ({"grid": {"training.epochs": [0]}}, "training.epochs", "0", "at least 1"),
        ({"fields": {"training.epochs.x": 1}}, "training.epochs.x", "a single value", "a section"),
        ({"fields": {"name": "x"}}, "name", "varies or is set", "remove it"),
        ({"lists": {"seed": [1], "min_sst": [274, 275]}}, "lists", "seed 1, min_sst 2", "of one length"),
        ({"grid": {"seed": [1]}, "lists": {"seed": [2]}}, "seed", "more than one", "one place"),
        ({"grid": {"seed": [1, 2]}, "repeats": 2}, "", "2 runs with the name tinies-seed-2", "differ"),
        ({"grid": {"seed": [1, 2]}, "exclude": [{"seed": 1}, {"seed": 2}]}, "exclude", "all", "one left"),
        ({"exclude": [{"training.epochs": 1}]}, "exclude", "does not vary", "correct or remove"),
        ({"grid": {"seed": list(range(101)), "min_sst": [274] * 100}}, "", "10100 runs", "at most 10000"),
        ({"repeats": 3, "fields": {"seed": 2**31 - 2}}, "seed", str(2**31), "an integer from 0"),
        ({"name": "a b"}, "name", "'a b'", "letters, digits"),
        ({"grid": {"data.training": ["a\x1b[31m"]}}, "grid.data.training", "'a\\x1b[31m'", "no newline"),
        (
            {"fields": {"method.options": {"a": ["b", {"c\r": 1}]}}},
            "fields.method.options.a",
            "'c\\r'",
            "no newline",
        ),
        ({"name": "a\nb"}, "name", "'a\\nb'", "no newline"),
        ({"config": "nowhere"}, "nowhere", "No such file", "shipped configurations"),
        ({"resources": {}}, "resources.hours", "no value", "add it"),
        ({"resources": {"hours": 0}}, "resources.hours", "0", "above 0"),
        (
            {"resources": {"hours": 1, "core": 1}},
            "resources.core",
            "unknown",
            "did you mean resources.cores?",
        ),
        ({"resources": {"hours": 1, "gpus": -1}}, "resources.gpus", "-1", "at least 0"),
        ({"resources": {"hours": 1, "gpu_type": "v100"}}, "resources.gpu_type", "v100", "none without"),
        ({"resources": {"hours": 1, "gpus": 1, "gpu_type": "x"}}, "resources.gpu_type", "x", "(v100)"),
        ({"resources": {"hours": 1, "gpus": 8}}, "resources.gpus", "8", "at most 4 on site cluster"),
        ({"resources": {"hours": 49}}, "resources.hours", "49", "at most 48"),
        ({"sites": {"cluster": {"nodes": 0}}}, "resources.nodes", "0", "at least 1"),
    ],
)
def test_a_mistake_is_reported_with_file_field_found_and_expected(tmp_path, fields, where, found, message):
    path = write(tmp_path, **fields)
    with pytest.raises(ConfigError) as caught:
        load_experiment(path, V100)
    error = caught.value
    assert error.where == (f"{path}: {where}" if where and where != "nowhere" else error.where)
    assert where in error.where
    assert found in error.found
    assert message in f"{error.expected} {error.remedy}"


@pytest.mark.parametrize(
    ("text", "found"), [("[1]", "list"), ("name: [", "flow"), ("a: 1\na: 2", "twice"), (None, "No such")]
)
def test_a_file_that_is_no_mapping_is_reported(tmp_path, text, found):
    path = tmp_path / "experiment.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=found):
        load_experiment(path, LOCAL)


# ---- sites


def site_file(folder: Path, **fields: object) -> Path:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump({"name": "here", "scheduler": "slurm", **fields}))
    return path


@pytest.mark.parametrize("name", sorted(path.stem for path in SITES.glob("*.yaml")))
def test_every_shipped_site_loads_under_its_name(name):
    assert load_site(name).name == name


def test_variables_of_the_environment_are_put_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch/a b")
    path = site_file(tmp_path, output="${SCRATCH}/logs", environment={"TMPDIR": "${SCRATCH}"})
    site = load_site(str(path))
    assert (site.output, site.environment) == ("/scratch/a b/logs", {"TMPDIR": "/scratch/a b"})
    monkeypatch.setenv("SCRATCH", "/scratch/a\nb")
    with pytest.raises(ConfigError, match="no newline"):
        load_site(str(path))
    monkeypatch.delenv("SCRATCH")
    with pytest.raises(ConfigError, match=r"\$\{SCRATCH\}, which is not set"):
        load_site(str(path))


def test_the_stage_folder_of_a_cluster_names_variables_of_its_nodes(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_TMPDIR", raising=False)
    monkeypatch.setenv("USER", "ada")
    path = site_file(tmp_path, stage_dir="${SLURM_TMPDIR}/${USER}")
    assert load_site(str(path)).stage_dir == "${SLURM_TMPDIR}/ada"
    path = site_file(tmp_path, scheduler="local", stage_dir="${SLURM_TMPDIR}/${USER}")
    with pytest.raises(ConfigError, match="set SLURM_TMPDIR"):
        load_site(str(path))


@pytest.mark.parametrize("name", ["quickstrat", "none"])
def test_an_unknown_experiment_is_reported_with_the_shipped_ones(name):
    with pytest.raises(ConfigError, match="a shipped experiment: methods, methods-small, nyu-table3"):
        experiment_path(name)


def test_an_experiment_is_a_file_or_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert experiment_path("quickstart") == SHIPPED / "quickstart.yaml"
    assert experiment_path("quickstart.yaml") == Path("quickstart.yaml")
    (tmp_path / "quickstart").write_text("name: mine\n")
    assert experiment_path("quickstart") == Path("quickstart")


def test_options_of_the_runs_stand_in_the_experiment(tmp_path):
    plain = load(tmp_path)
    found = load(tmp_path, on_bad_scene="skip", tensorboard=True)
    assert found.options == ("--on-bad-scene", "skip", "--tensorboard")
    # runs that may leave scenes out are others; those that draw curves are the same
    assert found.runs[0].digest != plain.runs[0].digest
    assert load(tmp_path, tensorboard=True).runs[0].digest == plain.runs[0].digest
    with pytest.raises(ConfigError, match="on_bad_scene"):
        load(tmp_path, on_bad_scene="ask")


def test_an_unknown_site_is_reported_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"a shipped site \(greene, local, rivanna\) or a YAML file"):
        load_site("summit")


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ({"scheduler": "pbs"}, "scheduler", "one of slurm, local"),
        ({"partition": "a b"}, "partition", "letters, digits"),
        ({"account": "$(id)"}, "account", "letters, digits"),
        ({"modules": ["cuda; true"]}, "modules[0]", "letters, digits"),
        ({"modules": "cuda"}, "modules", "a list"),
        ({"gpu_types": {"v100": "gpu v100"}}, "gpu_types.v100", "letters, digits"),
        ({"environment": {"A-B": "1"}}, "environment.A-B", "the name of an environment variable"),
        ({"environment": {"A": 1}}, "environment.A", "a text"),
        ({"python": "a\nb"}, "python", "no newline"),
        ({"scheduler": "local", "container": "a.sif"}, "scheduler", "slurm for a site with container"),
        ({"partitions": "gpu"}, "partitions", "did you mean partition?"),
        ({"sbatch": {"--qos": "high"}}, "sbatch.--qos", "without its dashes"),
        ({"sbatch": {"time": "1:00"}}, "sbatch.time", "resources.hours sets this option"),
        ({"sbatch": {"qos": "a\nb"}}, "sbatch.qos", "no newline"),
        ({"sbatch": {"qos": ["a"]}}, "sbatch.qos", "a text or a number"),
        ({"sbatch": {"exclusive": False}}, "sbatch.exclusive", "true for an option without a value"),
        ({"scheduler": "local", "sbatch": {"qos": "a"}}, "scheduler", "slurm for a site with options"),
    ],
)
def test_an_unusable_site_is_reported(tmp_path, fields, where, message):
    path = site_file(tmp_path, **fields)
    with pytest.raises(ConfigError) as caught:
        load_site(str(path))
    assert caught.value.where == f"{path}: {where}"
    assert message in f"{caught.value.expected} {caught.value.remedy}"


def test_several_nodes_need_a_cluster_with_or_without_container():
    with pytest.raises(ConfigError, match="1 on site local, which is one machine"):
        LOCAL.check(Resources(hours=1, nodes=2))
    Site("c", "slurm", container="c.sif").check(Resources(hours=1, nodes=2))


# ---- the shipped experiments


def test_nyu_table3_is_the_papers_five_trials():
    experiment = load_experiment(SHIPPED / "nyu-table3.yaml", load_site("greene"))
    assert [run.config.seed for run in experiment.runs] == [1, 2, 3, 4, 5]
    for run in experiment.runs:
        training, wanted = run.config.training, run.resources
        assert (training.epochs, training.early_stopping_patience) == (200, 25)
        assert (training.batch_size, training.learning_rate, training.schedule) == (32, 1e-3, "constant")
        assert (run.config.data.kind, run.config.data.synthetic) == ("slstr", None)
        assert (run.config.geometry.patch, run.config.geometry.rows) == (256, 1200)
        assert (wanted.nodes, wanted.gpus, wanted.gpu_type, wanted.hours) == (1, 1, "v100", 13)


@pytest.mark.parametrize("name", ["quickstart", "nyu-table3-small"])
def test_the_others_run_five_seeds_on_embedded_scenes_here(name):
    experiment = load_experiment(SHIPPED / f"{name}.yaml", load_site("local"))
    assert [run.config.seed for run in experiment.runs] == [1, 2, 3, 4, 5]
    assert {run.config.data.kind for run in experiment.runs} == {"synthetic"}


def test_the_small_sibling_has_the_papers_hyperparameters():
    small, paper = (
        load_experiment(SHIPPED / f"nyu-table3{suffix}.yaml", load_site(site)).runs[0].config
        for suffix, site in (("-small", "local"), ("", "greene"))
    )
    for name in ("batch_size", "learning_rate", "schedule", "precision", "augmentation"):
        assert getattr(small.training, name) == getattr(paper.training, name)
