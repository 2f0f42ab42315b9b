"""A bundle of a method that is a file of the submitter's: the file travels, the documents name it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from submission.package import Options, package
from submission.verify.__main__ import main as verify
from tests.support.runs.checkout import make_checkout
from tests.support.runs.hand_runs import CONFIG, Lines, write_run

SOURCE = "ABOUT = 'three convolutions'\n"
ABOUT = {
    "title": "Three <convolutions> & a | bar",
    "citations": "A paper. https://example.org/paper\nAnother. https://example.org/other",
    "adapted": "Everything.",
    "licence": "MIT",
}


def of_a_users_method(lines: Lines) -> None:
    """Change: the run was of a user's network with another optimizer."""
    seed = next(index for index, line in enumerate(lines) if line["key"] == "seed")
    facts = {
        "method": "mine",
        "method_kind": "network",
        "method_source": "mine.py",
        "method_sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
        "method_options": {"filters": 16},
    }
    for number, (key, value) in enumerate(facts.items(), start=1):
        metadata = lines[seed]["metadata"] | (ABOUT if key == "method" else {})
        lines.insert(seed + number, {**lines[seed], "key": key, "value": value, "metadata": metadata})
    for line in lines:
        if line["key"] == "opt_name":
            line["value"] = "sgd"
        if line["key"] == "opt_adam_beta_1":
            line["key"] = "opt_sgd_momentum"
        if line["key"] == "result":
            line["value"] |= {"parameters": 3649, "operations": 1000}
    lines[:] = [line for line in lines if not line["key"].startswith("opt_adam")]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("a place")
    commit = make_checkout(place)
    config = f"{CONFIG}method:\n  name: /home/ada/mine.py\n  options: {{filters: 16}}\n"
    for seed in (1, 2):
        name = f"quick-mine-seed-{seed}"
        folder = write_run(place / "logs", seed, commit, config=config, change=of_a_users_method, name=name)
        (folder / "method.py").write_text(SOURCE)
    return package(Options([place / "logs"], place / "dist", checkout=place))


def test_the_file_lies_next_to_the_configuration_that_names_it(bundle: Path) -> None:
    copies = sorted(bundle.rglob("mine.py"))
    assert len(copies) == 2
    for path in copies:
        assert path.read_text() == SOURCE
        config = yaml.safe_load((path.parent / "run_config.yaml").read_text())
        assert config["method"] == {"name": "mine.py", "options": {"filters": 16}}
        script = (path.parent / "run_and_time.sh").read_text()
        assert '--config "$here/run_config.yaml" --method "$here/mine.py" --seed "$seed"' in script
        assert '"logs/quick-mine-seed-$seed"' in script
    assert bundle.name.endswith("-quick-mine")


def test_the_document_describes_the_method_and_not_the_reference(bundle: Path) -> None:
    (path,) = bundle.rglob("scientific_contribution.md")
    text = path.read_text()
    method = text[text.index("## Method") : text.index("## Hyperparameters")]
    assert "Three" in method
    assert "3,649 numbers" in method
    assert "with the optimizer sgd (`opt_sgd_momentum` 0.9)" in method
    assert "max-pooling" not in method
    assert '{"filters": 16}' in method
    assert "The model is not the reference's" in text
    assert "<convolutions>" not in text
    assert "example.org/other" in text


def test_the_bundle_is_verified_to_the_last_number(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(bundle)]) == 0, capsys.readouterr().out
