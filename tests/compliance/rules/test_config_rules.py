"""A configuration judged by itself and against the log of its run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.files import CONFIGS, load_config, save_config
from compliance import registry
from compliance.checker import check_paths
from compliance.rules import own_rules
from compliance.subjects.config import read_config
from compliance.subjects.subjects import ConfigFile
from tests.support.logs.hand_logs import COMPLETED, with_value

QUICKSTART = (CONFIGS / "quickstart.yaml").read_text()


def found(path: Path) -> list[tuple[str, str, str]]:
    findings = check_paths([path]).findings
    return [(each.rule, each.found, each.expected) for each in findings if each.rule.startswith("config-")]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configurations_pass(path: Path) -> None:
    report = check_paths([path])
    assert (report.findings, report.configs, report.exit_code) == ((), (str(path),), 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "`while parsing a flow node"),
        (b"\xff", "`byte 0xff is not valid UTF-8`"),
        (b"- a", "`list instead of a mapping`"),
        (b"", "`NoneType instead of a mapping`"),
        (b"a: &x 1\nb: *x", "`an anchor (&name) in line 1`"),
        (b"a: 1\na: 2", "`key 'a' twice in line 2`"),
        (b"a: !!python/object/apply:os.system [ls]", "`the tag !!python/object/apply:os.system in line 1`"),
        (b'zzz: !!bool "x"', "`the tag !!bool in line 1`"),
        (b"min_sst: .inf", "`the number .inf in line 1`"),
        (b"a: " + b"[" * 600, "`lists or mappings more than 50 deep in line 1`"),
        (b"# " + b"x" * 70_000, "`more than 65536 characters`"),
    ],
)
def test_what_is_no_plain_yaml_is_found(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    ((rule, text, _),) = found(path)
    assert rule == "config-yaml"
    assert text.startswith(said)


@pytest.mark.parametrize(
    ("change", "said", "expected"),
    [
        (("epochs:", "epoch:"), "training.epoch: an unknown field", "one of epochs, "),
        (("epochs: 4", "epochs: 0"), "training.epochs: 0", "at least 1"),
        (("epochs: 4", "epochs: many"), "training.epochs: 'many'", "an integer"),
        (("name: quickstart", "name:"), "name: None", "a text"),
    ],
)
def test_a_field_that_no_run_accepts_is_found(
    tmp_path: Path, change: tuple[str, str], said: str, expected: str
) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(QUICKSTART.replace(*change))
    ((rule, text, wanted),) = found(path)
    assert (rule, text) == ("config-valid", said)
    assert wanted.startswith(expected)


def test_a_submissions_configuration_is_judged_by_its_parameters(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    indented = QUICKSTART.replace("\n", "\n  ")
    path.write_text(f"github: {{}}\nparameters:\n  {indented}\n")
    assert found(path) == []
    path.write_text(f"github: {{}}\nparameters:\n  {indented.replace('epochs: 4', 'epochs: -1')}\n")
    ((rule, text, _),) = found(path)
    assert (rule, text) == ("config-valid", "training.epochs: -1")


def test_a_configuration_that_was_edited_after_the_run_is_found(tmp_path: Path) -> None:
    run = tmp_path / "logs/quickstart-seed-1"
    run.mkdir(parents=True)
    config = load_config(CONFIGS / "quickstart.yaml", ["seed=1"])
    log = with_value(COMPLETED, "config_digest", config.digest())
    (run / "result.txt").write_text(log)
    save_config(config, run / "config.yaml")
    assert found(tmp_path / "logs") == []

    edited = load_config(CONFIGS / "quickstart.yaml", ["seed=2", "training.epochs=8"])
    save_config(edited, run / "config.yaml")
    assert found(tmp_path / "logs") == [
        ("config-logged", f"digest {edited.digest()}", f"`{config.digest()[:60]}…`, as in {run}/result.txt"),
        ("config-logged", "seed 2", f"1, as in {run}/result.txt"),
    ]


def test_a_linked_configuration_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("a: [")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/result.txt").write_text(COMPLETED)
    (tmp_path / "logs/config.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert found(tmp_path / "logs") == []


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_content_is_judged(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(content)
        file.flush()
        findings = registry.run("config", read_config(Path(file.name)), own_rules())
        assert findings
        assert "rule-crashed" not in {each.rule for each in findings}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["name", "training", "data", "github", "parameters", "seed"]), values))
def test_fields_of_any_type_are_judged(data: dict[str, object]) -> None:
    findings = registry.run("config", ConfigFile(Path("config.yaml"), data), own_rules())
    assert "rule-crashed" not in {each.rule for each in findings}
