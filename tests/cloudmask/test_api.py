"""The public names, used as a program would: nothing else of the project is imported to do the work."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import cloudmask
from tests.support.project import ROOT, TINY, read_events, value_of


def test_a_program_runs_checks_predicts_scores_and_packages(
    tiny_place: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "synthetic").symlink_to(tiny_place / "data" / "synthetic")
    monkeypatch.chdir(tmp_path)

    done = cloudmask.run(TINY, seed=3, method="bayes", settings={"submission.org": "A Laboratory"})
    assert done.folder == Path("logs/tiny-bayes-seed-3")
    assert done.accuracy == value_of(read_events(done.folder / "result.txt"), "result")["value"]

    report = cloudmask.check([done.folder], profile="cloudmask")
    assert {finding.rule for finding in report.findings if finding.severity == "error"} <= {"commit-clean"}
    assert cloudmask.check([bundle]).exit_code == 0

    model = cloudmask.load_model(done.folder)
    whole = cloudmask.Confusion()
    for path in cloudmask.find_scenes("data/synthetic/inference"):
        scene = cloudmask.read_scene(path)
        probability = cloudmask.predict(path, model)
        assert (probability.dtype, probability.shape) == (np.float16, scene.inputs.shape[:2])
        whole += cloudmask.score(probability > 0.5, scene.label)
    assert whole.accuracy == pytest.approx(done.accuracy)

    with pytest.raises(cloudmask.CloudMaskError, match="remedy"):
        cloudmask.package(cloudmask.PackageOptions([tmp_path / "nothing"], tmp_path / "dist"))


def test_the_document_names_what_is_public() -> None:
    public, _, _ = (ROOT / "docs" / "api.md").read_text().partition("\n## The command")
    named = set(re.findall(r"^\| `(\w+)", public, re.M))
    assert named == set(cloudmask.__all__)


def test_the_public_functions_have_types_and_a_docstring() -> None:
    tree = ast.parse((ROOT / "cloudmask/__init__.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions] == ["run", "check", "predict", "find_scenes", "read_scene"]
    for node in functions:
        arguments = [*node.args.args, *node.args.kwonlyargs]
        assert node.returns is not None
        assert all(argument.annotation for argument in arguments)
        assert ast.get_docstring(node)
