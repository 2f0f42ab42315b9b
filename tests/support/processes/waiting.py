"""Wait for other processes and threads."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest


def wait_until(
    happened: Callable[[], object],
    *processes: subprocess.Popen,
    seconds: float = 60,
    instead: Callable[[], object] = lambda: "nothing",
    every: float = 0.02,
) -> None:
    """Return once ``happened()`` is true.

    Fails after ``seconds``, showing ``instead()``, or as soon as one of the processes ends.
    """
    end = time.monotonic() + seconds
    while not happened():
        for process in processes:
            assert process.poll() is None or happened(), (process.returncode, process.communicate())
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain; there is {instead()}")
        time.sleep(every)


def wait_for_event(log: Path, key: str, *processes: subprocess.Popen) -> None:
    """Return once the log of the running processes has an event with this key."""
    wait_until(lambda: log.exists() and f'"key": "{key}"' in log.read_text(), *processes, seconds=600)
