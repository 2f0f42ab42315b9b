"""Python's search for garbage, which takes time where much is made and little of it is garbage."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Look for no garbage during the block: what it makes is kept, or soon the process ends."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Import during the block what stays until the process ends: no collection looks at it any more.

    With TensorFlow that saves a quarter of the time of its import, and nearly all of the second that the
    interpreter otherwise spends on the way out. Where all of it has been imported before, nothing is done:
    what a program that calls this one has made since is its own.
    """
    before = len(sys.modules)
    with collector_paused():
        yield
    if len(sys.modules) > before:
        gc.freeze()
        spare_exit()


def spare_exit() -> None:
    """Have the interpreter look for no garbage on its way out: all of it goes with the process."""
    atexit.register(gc.freeze)
