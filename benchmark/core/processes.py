"""Worker processes and forks that belong to the process that started them, and end with it."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, TypeVar

from benchmark.core.errors import RunError
from benchmark.core.interruption import SIGNALS

#: Most forks at a time, however many processors there are: each may hold a scene.
MOST_FORKS = 8

Result = TypeVar("Result")


def worker_pool(count: int, left_to_parent: Sequence[signal.Signals]) -> ProcessPoolExecutor:
    """Return ``count`` new processes that ignore these signals and end with their parent, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, _start, (tuple(left_to_parent),))


def forked(works: Sequence[Callable[[], Result]]) -> Iterator[Result]:
    """Call the functions in forks of this process: one fork per processor, each running one call at a time.

    Yields their results, which must be picklable, in order. A fork sees everything that this process holds;
    what it changes in memory is lost. No fork is left when the iteration ends, however it ends. Raises what a
    function raises, and RunError if a fork is killed from outside.
    """
    if _has_threads():
        yield from (work() for work in works)
        return
    most = min(len(works), len(os.sched_getaffinity(0)), MOST_FORKS)
    numbers = iter(range(len(works)))
    forks: dict[Connection, ForkProcess] = {}
    results: dict[int, Result] = {}
    try:
        for _ in range(most):
            connection, process = _fork(works)
            forks[connection] = process
            connection.send(next(numbers))
        for number in range(len(works)):
            while number not in results:
                for ready in wait([*forks]):
                    assert isinstance(ready, Connection)
                    done, result = _received(ready, forks[ready])
                    results[done] = result
                    ready.send(following := next(numbers, None))
                    if following is None:
                        forks.pop(ready).join()
            yield results.pop(number)
    finally:
        for process in forks.values():
            process.terminate()
        for process in forks.values():
            process.join()


#: Calls a function in a fork during a block; the end of the block waits for it and raises what it raised.
Meanwhile = Callable[[Callable[[], object]], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def meanwhile(prepare: Callable[[], object]) -> Iterator[Meanwhile]:
    """Fork this process; the fork prepares itself at once by ``prepare`` and later calls one function.

    Yields a callable that takes the function, which must be picklable: the fork does not see what this
    process has done since. The fork ends with the block. The block in which the function runs raises RunError
    if the fork is killed from outside.
    """
    if _has_threads():
        yield _at_once
        return
    connection, process = _fork([prepare])

    @contextlib.contextmanager
    def during(work: Callable[[], object]) -> Iterator[None]:
        with contextlib.suppress(ConnectionError):  # the end of the block reports what happened to the fork
            connection.send(work)
        yield
        for _ in (prepare, work):
            _received(connection, process)
        process.terminate()

    try:
        connection.send(0)
        yield during
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def _at_once(work: Callable[[], object]) -> Iterator[None]:
    work()
    yield


def _has_threads() -> bool:
    """Whether the process has threads: a fork lacks them, and a lock that one of them holds stays locked."""
    return "tensorflow" in sys.modules


def _fork(works: Sequence[Callable[[], object]]) -> tuple[Connection, ForkProcess]:
    """Return a fork and a connection, which takes functions or their numbers and returns the results."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(works, ours, theirs))
    # Python loses a signal that arrives before the fork is set up; block it until the fork listens.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns about a fork while threads run, as they may hold locks; ours only wait
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return ours, process


def _work(works: Sequence[Callable[[], object]], parents: Connection, connection: Connection) -> None:
    _start([each for each in SIGNALS if each != signal.SIGTERM])
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    parents.close()
    # Collection in the fork would copy the memory it shares with its parent.
    gc.disable()
    gc.freeze()
    for sent in iter(connection.recv, None):
        number, work = (sent, works[sent]) if isinstance(sent, int) else (len(works), sent)
        gc.collect()  # garbage of the previous function
        try:
            connection.send((number, work(), None, ""))
        except Exception as error:
            connection.send((number, None, error, traceback.format_exc()))


def _end(number: int, frame: object) -> None:
    """End a fork and its own forks at once: an exception might get lost in code that is not Python's."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join()
    os._exit(1)


def _received(connection: Connection, process: ForkProcess) -> tuple[int, Any]:
    """Return a function's number and result. Raises what it raised, and RunError if no answer comes."""
    try:
        number, result, error, trace = connection.recv()
    except (EOFError, ConnectionError):
        process.join()
        raise RunError(
            "a process that computes a part",
            found=f"ended before it had finished (exit status {process.exitcode})",
            expected="its answer",
            remedy="give it more memory (--mem of the job) or fewer processors (taskset -c 0)",
        ) from None
    if error is not None:
        raise error from RuntimeError(trace)
    return number, result


def _start(left_to_parent: Sequence[signal.Signals]) -> None:
    for number in left_to_parent:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
