"""A pool of worker processes that belongs to the process which started it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait


def worker_pool(count: int, left_to_parent: Sequence[signal.Signals]) -> ProcessPoolExecutor:
    """``count`` fresh processes, which ignore these signals and end with their parent, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, _start, (tuple(left_to_parent),))


def _start(left_to_parent: Sequence[signal.Signals]) -> None:
    for number in left_to_parent:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
