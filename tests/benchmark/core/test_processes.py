"""Forks: they answer in order, their errors arrive, and none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from benchmark.core.errors import RunError, SceneError
from benchmark.core.processes import forked, meanwhile
from tests.support.processes.waiting import wait_until

REFUSED = SceneError("a.hdf", found="a text", expected="HDF5", remedy="fetch it again")


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have imported into this process."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)


def test_nothing_is_forked_where_tensorflow_has_its_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", pytest)  # any module
    assert list(forked([os.getpid, os.getpid])) == [os.getpid()] * 2
    with meanwhile(os.getpid) as during:
        with during((tmp_path / "made").touch):
            assert (tmp_path / "made").exists()
        with pytest.raises(SceneError), during(refuse):
            pass


def after(seconds: float, number: int) -> int:
    time.sleep(seconds)
    return number


def slow(path: Path) -> None:
    path.with_name(f"{path.name}-{os.getpid()}").touch()
    time.sleep(60)


def both(path: Path) -> None:
    list(forked([partial(slow, path), partial(slow, path)]))


def refuse() -> None:
    raise REFUSED


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_forks_return_comes_in_the_order_of_their_functions() -> None:
    works = [partial(after, pause, number) for number, pause in enumerate((0.2, 0.0, 0.1, 0.0))]
    assert list(forked(works)) == [0, 1, 2, 3]
    assert list(forked([])) == []
    assert list(forked([os.getpid])) != [os.getpid()]


def test_an_error_of_a_fork_is_raised_here_and_ends_the_others(tmp_path: Path) -> None:
    with pytest.raises(SceneError) as refused:
        list(forked([refuse, partial(slow, tmp_path / "slow")]))
    assert (str(refused.value), vars(refused.value)) == (str(REFUSED), vars(REFUSED))
    assert multiprocessing.active_children() == []
    for prepare, work in ((refuse, os.getpid), (os.getpid, refuse)):
        with pytest.raises(SceneError), meanwhile(prepare) as during, during(work):
            pass
        assert multiprocessing.active_children() == []


def test_a_fork_that_is_ended_from_outside_is_an_error() -> None:
    with pytest.raises(RunError, match=r"ended before it had finished \(exit status -9\)"):
        list(forked([end]))
    for prepare, work in ((end, os.getpid), (os.getpid, end)):
        with pytest.raises(RunError, match="fewer processors"), meanwhile(prepare) as during, during(work):
            time.sleep(0.01)


def test_a_fork_prepares_itself_and_calls_a_function_during_a_block(tmp_path: Path) -> None:
    def prepare() -> None:
        os.chdir(tmp_path)

    with meanwhile(prepare) as during:
        with during(Path("made").touch):
            assert len(multiprocessing.active_children()) == 1
        assert (tmp_path / "made").exists()
    assert multiprocessing.active_children() == []
    with meanwhile(partial(slow, tmp_path / "unused")):  # nothing waits for what is not needed
        pass
    assert multiprocessing.active_children() == []


def test_a_block_that_fails_leaves_no_fork_nor_forks_of_it(tmp_path: Path) -> None:
    def started() -> list[int]:
        return [int(path.name.removeprefix("slow-")) for path in tmp_path.iterdir()]

    def interrupted() -> None:
        with meanwhile(os.getpid) as during, during(partial(both, tmp_path / "slow")):
            wait_until(started)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(map(is_running, started()))
