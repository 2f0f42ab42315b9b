"""Names of dataset, method and code of a bundle's runs, for catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmark.download.source import BUCKET, ENDPOINT, PREFIXES
from submission.bundle.repository import NO_REMOTE, Commit
from submission.runs.runs import RunSet

#: The benchmark whose task the runs solve.
BENCHMARK_URL = "https://github.com/mlcommons/science/tree/main/benchmarks/cloudmask"
#: The licence that the rules require for code (G-licence).
LICENCE = "https://spdx.org/licenses/Apache-2.0"


class DataSet(NamedTuple):
    """A dataset; ``url`` is empty if it is generated and not downloaded."""

    name: str
    version: str
    url: str
    about: str
    #: An SPDX identifier; empty if the authors state none.
    licence: str = ""


OBSERVED = DataSet(
    "cloud_slstr_ds1",
    "not versioned",
    f"{ENDPOINT}/{BUCKET}/{PREFIXES['training'][0].rpartition('/')[0]}/",
    "970 training and 100 inference scenes of Sentinel-3A SLSTR with the flags of a Bayesian cloud detection",
)


def data_set(runs: RunSet) -> DataSet:
    """Return the dataset that the runs were trained and scored on."""
    if not runs.synthetic:
        return OBSERVED
    made = runs.config.data.synthetic
    version = f"seed {made.seed}" if made else "seed unknown"
    about = f"simulated scenes in the format of {OBSERVED.name}"
    return DataSet("cloudmask-synthetic", version, "", about, "Apache-2.0")


def method_name(runs: RunSet) -> str:
    """Return the method's name; for a submitter's file, its name without the extension."""
    return Path(runs.config.method.name).stem


def code_url(commit: Commit) -> str:
    """Return where the commit is published; empty if it is only in the bundle."""
    return "" if commit.repo == NO_REMOTE else commit.repo
