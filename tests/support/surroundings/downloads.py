"""Download from a test server, and read the downloaded files."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmark.download.__main__ import main
from tests.support.project import ROOT
from tests.support.surroundings.s3 import INFERENCE, S3, TRAINING

DAY = "day/S3A_SL_1_RBT____20191001T100000_20191001T100300_20191002T140000_0179_050_001_0180_LN2_O_NT_003.hdf"
NIGHT = DAY.replace("day/", "night/").replace("T10", "T21")


def stored(s3: S3, scene: bytes) -> dict[str, bytes]:
    """Store four scenes; return the expected files below the destination."""
    placed = {}
    for split, prefix in (("training", TRAINING), ("inference", INFERENCE)):
        for n, name in enumerate((DAY, NIGHT)):
            placed[f"{split}/{name}"] = scene + bytes([n, len(split)])
            s3.put(f"{prefix}/{name}", placed[f"{split}/{name}"])
    s3.put(f"{TRAINING}/README.txt", b"no scene")
    return placed


def on_disk(root: Path) -> dict[str, bytes]:
    """Return the files below ``root``, without the downloader's own two."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in (".download.json", ".download.lock")
    }


def download(s3: S3, root: Path, *arguments: object) -> int:
    return main(["--endpoint", s3.proxy.url, "--dest", str(root), *map(str, arguments)])


@contextlib.contextmanager
def started(s3: S3, root: Path, *arguments: object) -> Iterator[subprocess.Popen]:
    """Start the real command in a separate process; if it still runs when the block ends, kill it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits ignored signals
    options = ["--endpoint", s3.proxy.url, "--dest", str(root), *map(str, arguments)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.download", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
