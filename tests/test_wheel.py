"""What is built of the package: an sdist, and a wheel of it that works in an empty folder, knows its version
and its commit, and has its data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmark.record.code.provenance import PACKAGES
from tests.support.project import ROOT
from tests.support.runs.checkout import commit_everything, git

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that a wheel of an sdist was unpacked into, and the commit that it was built from."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore", ".gitattributes"):
        shutil.copyfile(ROOT / name, source / name)
    commit = commit_everything(source)
    git(source, "tag", "v1.2.0")
    code = f"import setuptools.build_meta as build; build.build_sdist({str(place)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    sdist = place / "cloudmask_benchmark-1.2.0.tar.gz"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(place), str(sdist)], check=True, capture_output=True)
    wheel = place / "cloudmask_benchmark-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    shutil.rmtree(source)
    return place / "site", commit


def call(site: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_version_is_that_of_the_tag_where_there_is_one(tmp_path: Path) -> None:
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "benchmark").mkdir()

    def version() -> str:
        command = [sys.executable, "-W", "ignore", "setup.py", "--version"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    assert version() == "0.1.0.dev0"  # an export
    commit_everything(tmp_path)
    git(tmp_path, "tag", "v1.2.0")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "More")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    assert version() == f"1.2.0.post1+g{commit}"


def test_the_wheel_knows_its_commit_and_whether_it_was_changed(
    installed: tuple[Path, str], tmp_path: Path
) -> None:
    site, commit = installed
    code = "import json, benchmark.record.code.provenance as p; print(json.dumps(p.code_facts()))"
    assert json.loads(call(site, tmp_path, "-c", code)) == {"commit": commit, "dirty": False, "branch": None}
    changed = tmp_path / "changed"
    shutil.copytree(site, changed)
    with (changed / "benchmark/run.py").open("a") as stream:
        stream.write("# edited\n")
    assert json.loads(call(changed, tmp_path, "-c", code))["dirty"] is True


def test_its_data_is_there(installed: tuple[Path, str], tmp_path: Path) -> None:
    """Configurations, experiments, sites, job scripts, rulesets, templates: of each that git has."""
    site, _ = installed
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    # the script installs the checker from a checkout
    data = [name for name in tracked if name and not name.endswith((".py", "standalone.sh"))]
    assert [name for name in data if (ROOT / name).exists() and not (site / name).exists()] == []


def test_it_says_its_version_in_an_empty_folder(installed: tuple[Path, str], tmp_path: Path) -> None:
    assert call(installed[0], tmp_path, "-m", "benchmark", "--version") == "cloudmask 1.2.0\n"


def test_it_plans_a_shipped_experiment_in_an_empty_folder(
    installed: tuple[Path, str], tmp_path: Path
) -> None:
    site, _ = installed
    said = call(site, tmp_path, "-m", "benchmark", "sweep", "plan", "quickstart")
    assert "runs        5" in said
    assert "cannot be submitted" not in said
