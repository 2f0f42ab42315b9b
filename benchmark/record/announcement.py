"""What a run knows about its experiment: the name, the file, the seeds."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import RunError
from benchmark.core.fields import read_fields
from benchmark.core.files import read_text, write_text


@dataclass(frozen=True)
class Announcement:
    """Written into a run's folder when its experiment is submitted, before the run starts."""

    #: The experiment's name.
    experiment: str
    #: sha256 of the experiment's file.
    sha256: str
    #: Seeds of all runs of this configuration: ``1 2 3``.
    seeds: str


def save_announcement(path: Path, announcement: Announcement) -> None:
    """Write the announcement aside and rename it."""
    write_text(path, json.dumps(dataclasses.asdict(announcement)) + "\n")


def read_announcement(path: Path) -> Announcement | None:
    """Return a run's announcement, or None if it belongs to no experiment. Raises RunError."""
    try:
        return read_fields(Announcement, json.loads(read_text(path)))
    except FileNotFoundError:
        return None
    except Exception as error:
        raise RunError(
            path,
            found=" ".join(str(error).split())[:200],
            expected="what `python -m benchmark.sweep` has written",
            remedy="resume the experiment, which writes it again",
        ) from None
