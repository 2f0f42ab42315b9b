"""The checker where nothing of ours is installed: the composite action and the pre-commit hook as written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.project import ROOT

SCRIPT = ROOT / "compliance" / "standalone.sh"
FOREIGN = ROOT / "tests" / "data" / "foreign"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the script installs; needs the package registry, as setting up the project does."""
    return {**os.environ, "COMPLIANCE_ENVIRONMENT": str(tmp_path_factory.mktemp("environment"))}


@pytest.mark.slow
def test_the_action_checks_by_its_inputs_alone(environment: dict[str, str], tmp_path: Path) -> None:
    (step,) = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    inputs = {"paths": str(FOREIGN / "3-stfc-reference.log"), "profile": "", "strict": "false"}
    given = {"inputs." + name: value for name, value in inputs.items()} | {"github.action_path": str(ROOT)}
    values = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda m: given[m[1]], text) for name, text in step["env"].items()
    }
    assert "${{" not in step["run"]  # no input becomes text of the shell
    command = ["bash", "-euo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, env=environment | values, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "::error title=division-open (S6.2%2C S7-open%2C P-open),file=" in done.stdout
    values |= {"PATHS": str(FOREIGN / "1-letter.log"), "PROFILE": "science", "STRICT": "true"}
    done = subprocess.run(command, env=environment | values, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_hook_checks_the_logs_of_a_commit(environment: dict[str, str], tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    names = ["results/result_0.txt", "org/cloudmask/node/first/result-1.txt", "README.md", "notes/results.md"]
    assert [bool(re.search(hook["files"], name)) for name in names] == [True, True, False, False]
    log = tmp_path / "result_0.txt"
    log.write_text((FOREIGN / "9-earthquake-letter.log").read_text())
    done = subprocess.run([ROOT / hook["entry"], log], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "by profile science - passed" in done.stdout


def test_the_script_installs_what_the_lock_has() -> None:
    names = re.search(r"keep = /\^\(([^)]*)\)==/", SCRIPT.read_text())
    assert names is not None
    lock = (ROOT / "requirements.lock").read_text()
    assert all(re.search(rf"^{re.escape(name)}==", lock, re.MULTILINE) for name in names[1].split("|"))
