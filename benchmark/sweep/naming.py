"""Name the points of an experiment by what varies; the names are safe for folders."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from typing import Any

#: The longest name of a point; a file system allows 255 bytes, and the seed is added later.
LONGEST_NAME = 160


def varying_fields(points: list[dict[str, Any]]) -> list[str]:
    """Return the fields that distinguish points, in file order; the seed is in a run's name anyway."""
    names = dict.fromkeys(itertools.chain(*points))
    return [
        name
        for name in names
        if name != "seed" and len({json.dumps(point.get(name), default=str) for point in points}) > 1
    ]


def names_of(experiment: str, points: list[dict[str, Any]]) -> list[str]:
    """Return a name for every point, made from what varies: experiment-learning_rate-0.001."""
    varying = varying_fields(points)
    leaves = Counter(name.rpartition(".")[2] for name in varying)
    short = {
        name: leaf if leaves[leaf := name.rpartition(".")[2]] == 1 else name.replace(".", "_")
        for name in varying
    }
    return [
        _shortened(
            "-".join(
                [experiment, *(f"{short[name]}-{_safe(point[name])}" for name in varying if name in point)]
            )
        )
        for point in points
    ]


def _safe(value: Any) -> str:
    """Return a value as part of a name; a digest distinguishes values that had to be changed."""
    text = str(value)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_")
    return safe if safe == text else f"{safe[:40]}_{_digest(text)}"


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}_{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
