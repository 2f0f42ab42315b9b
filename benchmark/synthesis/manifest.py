"""The list of a synthetic dataset, ``dataset.json``: settings, files, and whether they are intact."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.core.files import open_regular, read_text, sha256_of
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX, NOT_OBSERVATIONS, scene_path
from benchmark.synthesis.scene import GENERATOR_VERSION

FORMAT = "cloudmask-synthetic-dataset-1"
MANIFEST = "dataset.json"
#: The quick check reads this many blocks of this many bytes, spread from a file's start to its end.
QUICK_BLOCKS, QUICK_BYTES = 8, 16_384


@dataclass(frozen=True)
class Record:
    """A finished scene file, as the manifest lists it."""

    index: int
    bytes: int
    sha256: str
    #: Digest of a few blocks, quick to compare.
    quick: str
    #: Share of the scene's pixels that bayes and truth call cloud.
    cloud: float
    true_cloud: float


@dataclass(frozen=True)
class Settings:
    """The settings that determine a dataset."""

    seed: int
    rows: int
    columns: int
    generator: int = GENERATOR_VERSION


@dataclass
class DatasetManifest:
    """Settings, wanted counts, and the finished files by their path below the root."""

    settings: Settings
    training_scenes: int
    inference_scenes: int
    files: dict[str, Record]

    def wanted(self) -> dict[str, int]:
        """Return path below the root -> scene index, in order."""
        splits = (
            ("training", 0, self.training_scenes),
            ("inference", FIRST_INFERENCE_INDEX, self.inference_scenes),
        )
        return {
            scene_path(Path(split), first + i).as_posix(): first + i
            for split, first, count in splits
            for i in range(count)
        }

    def to_json(self) -> str:
        """Return the text of dataset.json."""
        head = {
            "format": FORMAT,
            "synthetic": True,
            "notice": NOT_OBSERVATIONS,
            **asdict(self.settings),
            "training_scenes": self.training_scenes,
            "inference_scenes": self.inference_scenes,
        }
        files = {name: asdict(self.files[name]) for name in sorted(self.files)}
        return json.dumps({**head, "files": files}, indent=1) + "\n"


def read_manifest(path: Path) -> DatasetManifest | None:
    """Return the manifest at ``path``; None if it is missing or unreadable."""
    try:
        content = json.loads(read_text(path))
        if content["format"] != FORMAT:
            return None
        settings = Settings(**{key: content[key] for key in Settings.__dataclass_fields__})
        files = {name: Record(**record) for name, record in content["files"].items()}
        counts = int(content["training_scenes"]), int(content["inference_scenes"])
        return DatasetManifest(settings, *counts, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def quick_digest(length: int, read_at: Callable[[int, int], bytes]) -> str:
    """Return a digest of a file's length and some of its blocks; ``read_at(offset, size)`` reads a block."""
    digest = hashlib.sha256(str(length).encode())
    last = max(length - QUICK_BYTES, 0)
    for i in range(QUICK_BLOCKS):
        digest.update(read_at(last * i // (QUICK_BLOCKS - 1), QUICK_BYTES))
    return digest.hexdigest()


def is_intact(path: Path, record: Record, thorough: bool) -> bool:
    """Whether a file matches the manifest: by size and a few blocks, or by every byte."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size != record.bytes:
                return False
            if thorough:
                return sha256_of(path) == record.sha256
            return record.quick == quick_digest(
                record.bytes, lambda offset, n: os.pread(file.fileno(), n, offset)
            )
    except OSError:
        return False
