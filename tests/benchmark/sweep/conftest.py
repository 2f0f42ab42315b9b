"""What the tests of commands on experiments share."""

from __future__ import annotations

import pytest

from tests.support.surroundings.sweeps import call, folder, slurm_command, write


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an experiment of three runs and a Slurm site, whose commands come from bin/."""
    place = tmp_path / 'it\'s a "place" 100%'
    (place / "bin").mkdir(parents=True)
    write(place)
    (place / "site.yaml").write_text("{name: here, scheduler: slurm}\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:/usr/bin:/bin")
    return place


@pytest.fixture
def submitted(place):
    """The experiment, submitted to a Slurm that has nothing of it in its queue any more."""
    slurm_command(place, "sbatch", "echo 17")
    slurm_command(place, "squeue", "")
    slurm_command(place, "scancel", "")
    assert call("submit") == 0
    (place.parent / "calls").unlink()
    return folder(place)
