"""The benchmark: train and score a cloud mask on Sentinel-3 SLSTR scenes and log it."""

from pathlib import Path

#: Folder of this package; shipped data files lie below it.
PACKAGE = Path(__file__).resolve().parent
#: Folder that holds the packages: a checkout, the code of a bundle, or site-packages.
ROOT = PACKAGE.parent
