"""The source of the scenes, and which names are scenes: everything that does not need the client."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmark.core.errors import CloudMaskError

ENDPOINT = "https://s3.echo.stfc.ac.uk"
BUCKET = "sciml-datasets"
#: Prefixes of each split: first the current name, then that of older copies.
PREFIXES = {
    "training": ("es/cloud_slstr_ds1/training", "es/cloud_slstr_ds1/one-day"),
    "inference": ("es/cloud_slstr_ds1/inference", "es/cloud_slstr_ds1/ssts"),
}

#: Names that may be written to disk: they stay in the folder, are not hidden, and need no quoting.
SCENE_PATH = re.compile(r"(?:\w[\w.-]{0,150}/){0,8}S3A[\w.-]{1,150}\.hdf", re.ASCII)
LOOKS_LIKE_SCENE = re.compile(r".*S3A[^/]*\.hdf", re.DOTALL)

RETRY_HINT = "run the command again: it fetches only what is missing"
UNREACHABLE_HINT = (
    "check the network and --endpoint (--endpoint URL asks another server with a copy of the bucket), "
    "or do without: the default configuration uses embedded synthetic scenes"
)


class DownloadError(CloudMaskError):
    """A file that could not be fetched, or a server that cannot be used."""


@dataclass(frozen=True)
class RemoteFile:
    """An object of the bucket. ``path``: its place below the destination, with slashes."""

    key: str
    path: str
    size: int
    etag: str


def is_scene_path(path: str) -> bool:
    """Whether a path from a server or a list may be written below the destination."""
    return SCENE_PATH.fullmatch(path) is not None
