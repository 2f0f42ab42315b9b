"""When Python looks for garbage: not while TensorFlow is imported, and not on the way out."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from benchmark.core.collector import collector_paused
from tests.support.project import ROOT

CODE = """
import atexit, gc
from benchmark.core.collector import lasting_imports
atexit.register(lambda: print(gc.get_freeze_count() - frozen > 9000))  # the last
with lasting_imports():
    print(gc.isenabled())
    import decimal
frozen = gc.get_freeze_count()
print(gc.isenabled(), frozen > 1000)
with lasting_imports():
    import decimal  # again
print(gc.get_freeze_count() <= frozen)
later = [[] for _ in range(10_000)]
"""


def test_what_is_imported_to_last_is_left_alone_and_so_is_all_at_the_end():
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["False", "True True", "True", "True"]


def test_a_pause_ends_as_it_began_also_where_it_fails():
    def fail() -> None:
        with collector_paused():
            with collector_paused():
                assert not gc.isenabled()
            assert not gc.isenabled()
            raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()
