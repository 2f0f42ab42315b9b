"""Runs as processes of this machine, each pinned to cores and GPUs of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from benchmark.core.errors import RunError
from benchmark.core.files import read_text, write_text
from benchmark.record.system_info import gpus
from benchmark.sweep.experiment import Queued

_POLL_SECONDS = 0.1

#: A process: its number and the moment of its start, as numbers are given again.
_Process = tuple[int, float]


@dataclass(frozen=True)
class LocalTask:
    """A process to start."""

    index: int
    command: Sequence[str]
    environment: Mapping[str, str]
    #: Number of cores and GPUs that it gets.
    cores: int
    gpus: int
    #: File for what it writes to its terminal, and for its exit status.
    output: Path
    exit_status: Path


@dataclass
class _Pool:
    """What is free of this machine."""

    cores: list[int]
    gpus: list[str]


@dataclass
class _Running:
    task: LocalTask
    process: subprocess.Popen[bytes]
    identity: _Process
    cores: list[int]
    gpus: list[str]


@dataclass
class _Stop:
    """How often this process was asked to stop."""

    times: int = 0

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.times += 1


def run_tasks(
    tasks: Sequence[LocalTask],
    at_once: int | None,
    state: Path,
    on_end: Callable[[LocalTask, int], None],
) -> bool:
    """Run all tasks, in their order, as many at the same time as there is room for.

    ``state`` is a file for `queued` and `stop`. SIGTERM, SIGINT and SIGHUP are passed on as SIGTERM, upon
    which a run makes a checkpoint and ends; a second one as SIGKILL. Returns whether all tasks came
    to an end by themselves. Raises RunError for a task that this machine has no room for.
    """
    pool = check_room(tasks)
    waiting, running, killed = deque(tasks), list[_Running](), 0
    with _stoppable() as stop:
        try:
            while running or (waiting and not stop.times):
                while waiting and not stop.times and _fits(waiting[0], pool, len(running), at_once):
                    running.append(_start(waiting.popleft(), pool))
                    _write_state(state, running, waiting)
                if stop.times > killed:
                    killed = stop.times
                    for each in running:
                        each.process.send_signal(signal.SIGTERM if killed == 1 else signal.SIGKILL)
                for each in [each for each in running if each.process.poll() is not None]:
                    running.remove(each)
                    _end(each, pool)
                    _write_state(state, running, waiting)
                    on_end(each.task, each.process.returncode)
                time.sleep(_POLL_SECONDS)
        finally:
            for each in running:  # only if something failed here: no run outlives the one who counts it
                each.process.terminate()
            state.unlink(missing_ok=True)
    return not stop.times


def visible_gpus() -> list[str]:
    """The GPUs of this machine as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name and name != "-1"]
    return [str(number) for number in range(len(gpus()))]


def queued(state: Path) -> list[Queued]:
    """The tasks that wait or run here, by the file of `run_tasks`."""
    content = _read_state(state)
    tasks = [Queued(index, "running") for index, process in content.running.items() if _find(process)]
    if _find(content.supervisor):
        tasks += [Queued(index, "waiting") for index in content.waiting]
    return tasks


def stop(state: Path, indices: Collection[int] | None = None) -> None:
    """End what `run_tasks` runs, all or only these tasks, from another process.

    Every process is verified before. A task that waits starts in its turn unless all are stopped.
    """
    content = _read_state(state)
    supervisor = _find(content.supervisor) if indices is None else None
    chosen = [each for index, each in content.running.items() if indices is None or index in indices]
    processes = [supervisor] if supervisor else [_find(process) for process in chosen]
    for process in processes:
        if process:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()


def check_room(tasks: Sequence[LocalTask]) -> _Pool:
    """What is free of this machine. Raises RunError for a task that it has no room for."""
    pool = _Pool(sorted(os.sched_getaffinity(0)), visible_gpus() if any(t.gpus for t in tasks) else [])
    for name, there in (("cores", len(pool.cores)), ("gpus", len(pool.gpus))):
        wanted = max((getattr(task, name) for task in tasks), default=0)
        if wanted > there:
            raise RunError(
                f"resources.{name}",
                found=str(wanted),
                expected=f"at most {there}, which this machine lets this process use",
                remedy="ask for fewer, for this machine alone under `sites: local:` of the experiment",
            )
    return pool


def _fits(task: LocalTask, pool: _Pool, running: int, at_once: int | None) -> bool:
    room = len(pool.cores) >= task.cores and len(pool.gpus) >= task.gpus
    return room and (at_once is None or running < at_once)


def _start(task: LocalTask, pool: _Pool) -> _Running:
    cores, pool.cores = pool.cores[: task.cores], pool.cores[task.cores :]
    gpus, pool.gpus = pool.gpus[: task.gpus], pool.gpus[task.gpus :]
    task.exit_status.unlink(missing_ok=True)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # a child inherits it
    try:
        with task.output.open("ab") as output:
            process = subprocess.Popen(
                task.command,
                env={**os.environ, **task.environment, "CUDA_VISIBLE_DEVICES": ",".join(gpus)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is passed on from here, once
            )
    finally:
        os.sched_setaffinity(0, before)
    return _Running(task, process, _identity(process.pid), cores, gpus)


def _end(ended: _Running, pool: _Pool) -> None:
    pool.cores = sorted(pool.cores + ended.cores)
    pool.gpus += ended.gpus
    if ended.process.returncode >= 0:  # one that was killed leaves no status, as in a job
        write_text(ended.task.exit_status, f"{ended.process.returncode}\n")


@contextlib.contextmanager
def _stoppable() -> Iterator[_Stop]:
    stop = _Stop()
    # a terminal that is closed stops the runs too: nothing outlives the one who counts it
    ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, stop.ask) for number in ends}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---- the file that informs other processes


@dataclass(frozen=True)
class _State:
    supervisor: _Process | None = None
    running: Mapping[int, _Process] = field(default_factory=dict)
    waiting: Sequence[int] = ()


def _write_state(path: Path, running: Sequence[_Running], waiting: Sequence[LocalTask]) -> None:
    content: dict[str, Any] = {
        "supervisor": _identity(os.getpid()),
        "running": {each.task.index: each.identity for each in running},
        "waiting": [task.index for task in waiting],
    }
    write_text(path, json.dumps(content) + "\n")


def _read_state(path: Path) -> _State:
    try:
        content = json.loads(read_text(path))
        return _State(
            _process(content["supervisor"]),
            {int(index): _process(process) for index, process in content["running"].items()},
            [int(index) for index in content["waiting"]],
        )
    except FileNotFoundError:
        return _State()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            path,
            found=str(error),
            expected="the processes of the experiment",
            remedy="remove the file if none of its runs is running",
        ) from None


def _process(content: Any) -> _Process:
    number, started = content
    return int(number), float(started)


def _identity(number: int) -> _Process:
    return number, psutil.Process(number).create_time()


def _find(process: _Process | None) -> psutil.Process | None:
    """The process if it is still the same one."""
    if process is None:
        return None
    try:
        found = psutil.Process(process[0])
        alive = found.create_time() == process[1] and found.status() != psutil.STATUS_ZOMBIE
        return found if alive else None
    except psutil.Error:
        return None
