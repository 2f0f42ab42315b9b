"""The recipes of the image, as far as they can be run without Apptainer and Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmark.record.code.commit import COMMIT, LISTING, read_commit
from tests.support.project import ROOT
from tests.support.runs.checkout import git, make_checkout

CONTAINER = ROOT / "container"
RECIPE, DOCKERFILE = (CONTAINER / "cloudmask.def").read_text(), (CONTAINER / "Dockerfile").read_text()
INSTALL = (CONTAINER / "install.sh").read_text()
SECTIONS = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", RECIPE, re.M | re.S))


def shell(section: str, cwd: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A section as Apptainer runs it, and what follows it."""
    return subprocess.run(
        ["/bin/sh", "-e", "-c", SECTIONS[section] + code, "sh"],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_recipe_has_every_section_and_the_shell_can_read_it() -> None:
    assert sorted(SECTIONS) == ["environment", "files", "post", "runscript", "setup", "test"]
    for name in SECTIONS.keys() - {"files"}:
        subprocess.run(["/bin/sh", "-n", "-c", SECTIONS[name]], check=True)
    for script in ("install.sh", "note_commit.sh"):
        subprocess.run(["/bin/sh", "-n", str(CONTAINER / script)], check=True)


def test_what_goes_in_is_there_and_is_all_that_is_installed() -> None:
    copied = dict(line.split() for line in SECTIONS["files"].splitlines() if line.strip())
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {path: f"/opt/cloudmask/{path}" for path in copied} == copied
    assert set(re.findall(r"-r (\S+)", INSTALL)) <= copied.keys()
    installs = [line for line in INSTALL.splitlines() if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_docker_makes_the_same_image() -> None:
    copied = dict(line.split() for line in SECTIONS["files"].splitlines() if line.strip())
    by_docker = dict(re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.M))
    assert by_docker == copied | {"container/commit": "/opt/cloudmask.commit"}
    sent = (CONTAINER / "Dockerfile.dockerignore").read_text()
    assert set(re.findall(r"^!(.+)$", sent, re.M)) == by_docker.keys()
    assert re.search(r"^From: (.+)$", RECIPE, re.M)[1] == re.search(r"^FROM (.+)$", DOCKERFILE, re.M)[1]
    for run in (SECTIONS["post"].strip(), re.search(r"^RUN (.+)$", DOCKERFILE, re.M)[1]):
        assert run == "sh /opt/cloudmask/container/install.sh"
    assert 'ENTRYPOINT ["python3", "-m", "benchmark.run"]' in DOCKERFILE
    assert "ENV PYTHONNOUSERSITE=1 PYTHONSAFEPATH=1" in DOCKERFILE


def test_the_build_notes_the_commit_and_the_list_of_its_files(tmp_path: Path) -> None:
    checkout, image = tmp_path / "code", tmp_path / "image"
    make_checkout(checkout)
    (checkout / "container").mkdir()
    shutil.copy(CONTAINER / "note_commit.sh", checkout / "container")
    git(checkout, "add", "container")
    git(checkout, "commit", "--quiet", "--message", "How images are built")
    git(checkout, "tag", "v1.2.0")
    commit = git(checkout, "rev-parse", "HEAD")
    noted = image / "opt" / "cloudmask.commit"
    shell("setup", checkout, APPTAINER_ROOTFS=str(image))
    listed = read_commit((noted / COMMIT).read_bytes(), (noted / LISTING).read_text())
    assert (listed.id, "benchmark/run.py" in listed.files) == (commit, True)
    assert (noted / "describe.txt").read_text() == f"v1.2.0-0-g{commit[:7]}\n"
    shutil.copytree(checkout / "container", tmp_path / "export" / "container")
    environment = {"GIT_CEILING_DIRECTORIES": str(tmp_path), "APPTAINER_ROOTFS": str(image)}
    assert "cannot be submitted" in shell("setup", tmp_path / "export", **environment).stderr
    assert [*noted.iterdir()] == []


def test_nothing_of_the_hosts_python_comes_in(tmp_path: Path) -> None:
    host = {"PYTHONPATH": "/home/ada/lib", "PYTHONHOME": "/opt/python"}
    there = set(shell("environment", tmp_path, "env", **host).stdout.splitlines())
    assert there >= {"PYTHONNOUSERSITE=1", "PYTHONSAFEPATH=1"}
    assert not {f"{name}={value}" for name, value in host.items()} & there


@pytest.mark.parametrize("arguments", [[], ["--seed", "2"]])
def test_the_run_takes_the_place_of_the_shell_so_that_signals_reach_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho $$ "$@"\n')
    python.chmod(0o755)
    process = subprocess.Popen(
        ["/bin/sh", "-c", SECTIONS["runscript"], "sh", *arguments],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=30)
    assert said.split() == [str(process.pid), "-m", "benchmark.run", *arguments]
