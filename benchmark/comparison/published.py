"""The entries of the paper's Table 1: accuracies on other data, and what their sources say."""

from __future__ import annotations

from typing import NamedTuple

PAPER = "Improvements & Evaluations on the MLCommons CloudMask Benchmark, arXiv:2403.04553, Table 1"


class Published(NamedTuple):
    """A row of the paper's table, its method here, and what its source says."""

    method: str
    model: str
    data: str
    truth: str
    accuracy: str
    source: str


TABLE_1 = (
    Published(
        "bayes",
        "Bayesian screening",
        "ATSR-2",
        "human annotation",
        "0.917",
        "not found in the abstract of the source (10.1256/qj.05.15), which gives changes of error rates",
    ),
    Published(
        "wieland",
        "U-Net (Wieland 2019)",
        "Sentinel-2, Landsat TM, ETM+ and OLI",
        "annotation with QGIS",
        "0.89 to 0.91",
        "the abstract (10.1016/j.rse.2019.05.022) gives 0.89 for the best model, over five classes",
    ),
    Published(
        "kappamask",
        "KappaMask",
        "Sentinel-2",
        "annotation with CVAT",
        "0.91",
        "not found: the abstract (10.3390/rs13204100) gives Dice coefficients of 0.80 and 0.76",
    ),
    Published(
        "rsnet",
        "RS-Net",
        "Landsat 8 Biome and SPARCS",
        "human annotation",
        "0.956",
        "the authors' notebook has 0.9560 for SPARCS alone, the best of a search on the test folds, and "
        "0.938 for Biome",
    ),
)
