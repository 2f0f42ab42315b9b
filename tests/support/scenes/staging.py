"""Stage small scenes, in this process and in others, and read the store."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmark.core.display import Display
from benchmark.stores.journal import JOURNAL
from benchmark.stores.opening import open_or_stage
from benchmark.stores.patchstore import INPUTS, LABELS, PatchLayout
from tests.support.project import ROOT, SHAPE, write_scene_file

LAYOUT = PatchLayout((24, 24), 8, "slstr")
#: Layout of larger scenes: three of them make a store of sixty patches.
LARGER_LAYOUT = PatchLayout(SHAPE, 32, "slstr")
FILES = (INPUTS, LABELS)

#: Program that stages all scenes of a folder and prints how many it reused.
PROGRAM = """
import resource, sys
from pathlib import Path
from benchmark.stores import readers as stage_readers
from benchmark.core.display import Display
from benchmark.stores.patchstore import PatchLayout
from benchmark.stores.opening import open_or_stage

def main():
    scenes, stage_dir, rows, patch, pixels = sys.argv[1:]
    stage_readers.PIXELS_PER_READER = int(pixels)
    layout = PatchLayout((int(rows), int(rows)), int(patch), "slstr")
    paths = sorted(Path(scenes).iterdir())
    part = open_or_stage(Path(stage_dir), "training", paths, layout, Display())
    print("reused", part.reused, "of", len(part.records))
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

if __name__ == "__main__":
    main()
"""
IN_PROCESS, MANY_READERS = 10**9, 1


def make_scenes(folder: Path, count: int, rows: int = 24) -> list[Path]:
    rng = np.random.default_rng(count)
    return [
        write_scene_file(
            folder / f"S3A_{i:03}.hdf",
            (rows, rows),
            bts=rng.uniform(240, 300, (rows, rows, 3)).astype(np.float32),
        )
        for i in range(count)
    ]


def stage(stage_dir, paths, layout=LAYOUT, **options):
    """Stage ``paths``; return the staged part and the output."""
    said = io.StringIO()
    display = Display()
    display.console.file = said
    return open_or_stage(stage_dir, "training", paths, layout, display, **options), said.getvalue()


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def journal_lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]


def start(scenes: Path, stage_dir: Path, rows: int, patch: int, pixels: int) -> subprocess.Popen:
    arguments = map(str, (scenes, stage_dir, rows, patch, pixels))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
