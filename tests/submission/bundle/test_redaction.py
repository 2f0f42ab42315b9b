"""Batch files in a bundle: what Slurm was told, and no folder of whoever told it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmark.sweep.job_script import Job, render_array, render_run
from benchmark.sweep.site import Resources, Site
from compliance.subjects.discover import discover
from submission.bundle.redaction import redact_folders
from submission.package import main
from tests.support.project import ROOT
from tests.support.runs.hand_runs import make_place

STORED = sorted((ROOT / "tests" / "data" / "job_scripts").glob("*.slurm"))


@pytest.mark.parametrize("path", STORED, ids=[path.stem for path in STORED])
def test_no_folder_of_the_submitter_is_left_and_the_script_still_reads(path):
    script = path.read_text()
    shipped = redact_folders(script)
    of_the_site = [line for line in shipped.splitlines() if line.startswith("export TMPDIR")]
    rest = "".join(line for line in shipped.splitlines() if line not in of_the_site)
    assert not [word for word in ("/home/", "/scratch/", "ada") if word in rest]
    assert re.search(r"^#SBATCH --output=/EXPERIMENT/output/(2%3)?%?a\.txt$", shipped, re.M)
    assert len(shipped.splitlines()) == len(script.splitlines())
    assert "experiment=/EXPERIMENT" in shipped
    assert [line for line in script.splitlines() if line.startswith("#SBATCH") and "output" not in line] == [
        line for line in shipped.splitlines() if line.startswith("#SBATCH") and "output" not in line
    ]
    checked = subprocess.run(["bash", "-n"], input=shipped, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("container", [None, "/home/eve/images/cloudmask.sif", "/home/eve/my images/a.sif"])
def test_no_folder_of_a_script_as_the_template_renders_it_now_is_left(container):
    places = {name: f"/home/eve/{name} x" for name in ("experiment", "start", "code", "stage")}
    site = Site("here", "slurm", stage_dir=places["stage"], container=container)
    job = Job(
        name="cloudmask-x-1",
        experiment="x",
        folder=Path(places["experiment"]),
        start_folder=Path(places["start"]),
        code=Path(places["code"]),
        python="/home/eve/bin/python",
        site=site,
        resources=Resources(hours=1, cores=3),
    )
    for script in (render_run(job, 0, "x-seed-1"), render_array(job, [0, 1])):
        assert "/home/eve" in script
        redacted = redact_folders(script)
        assert "/home/eve" not in redacted
        assert ("/IMAGE" in redacted) is (container is not None)


def test_folders_with_spaces_and_a_python_elsewhere_are_replaced_too():
    script = (
        "experiment='/data/a b/logs'\ncd '/home/eve/my code'\n"
        "export PYTHONPATH='/home/eve/my code'${PYTHONPATH:+x}\n"
        "/opt/eve/bin/python -m benchmark.run \\\n    --stage-dir '/tmp/eve x' \\\n    --resume &\n"
    )
    assert redact_folders(script) == (
        "experiment=/EXPERIMENT\ncd /CHECKOUT\nexport PYTHONPATH=/CHECKOUT${PYTHONPATH:+x}\n"
        "/PYTHON -m benchmark.run \\\n    --stage-dir /STAGING \\\n    --resume &\n"
    )


def test_relative_folders_stay():
    assert redact_folders("cd logs\npython -m benchmark.run --stage-dir data/staging\n") == (
        "cd logs\npython -m benchmark.run --stage-dir data/staging\n"
    )


def test_a_script_with_an_open_quote_stays_as_it_is():
    assert redact_folders("cd 'logs\n") == "cd 'logs\n"


def test_a_bundle_holds_the_batch_files_of_its_runs(tmp_path, monkeypatch):
    make_place(tmp_path)
    script = (ROOT / "tests/data/job_scripts/single_gpu_run.slurm").read_text()
    for folder in (tmp_path / "logs").iterdir():
        (folder / "job.slurm").write_text(script.replace("seed-4", f"seed-{folder.name[-1]}"))
    monkeypatch.chdir(tmp_path)
    assert main(["--logs", "logs", "--output", "dist"]) == 0
    (bundle,) = (path for path in (tmp_path / "dist").iterdir() if path.is_dir())
    (tree,) = discover(bundle).trees
    scripts = [name for name in tree.files if name.endswith("/job.slurm")]
    assert len(scripts) == 3
    assert "cd /CHECKOUT" in (tree.root / scripts[0]).read_text()
