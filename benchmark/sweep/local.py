"""Run processes on this machine, each pinned to its own cores and GPUs.

Every run has a shell that outlives the command that started it: it passes SIGTERM on and writes the exit
status. The state file names the shells, so that another command can find, end or supervise them.
"""

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

from benchmark.core.errors import RunError
from benchmark.core.files import read_text, write_text
from benchmark.core.interruption import ECHO_SECONDS
from benchmark.record.accelerators import device_names
from benchmark.sweep.experiment import Queued

_POLL_SECONDS = 0.1

#: Waits until its run is recorded in the state file, so that no started run is forgotten; $0 is the file for
#: the exit status. A process that was killed leaves no status, as in a job.
_SHELL = """
trap 'stop=yes; kill -TERM $child 2>/dev/null' TERM
read -r noted || exit
"$@" </dev/null &
child=$!
[ -z "$stop" ] || kill -TERM $child
while wait $child; status=$?; kill -0 $child 2>/dev/null; do :; done # a signal ends the waiting
[ $status -gt 128 ] || { echo $status >"$0.part" && mv "$0.part" "$0"; }
exit $status
"""

#: A process: its number and its start in ticks of the kernel's clock, since numbers are reused.
_Process = tuple[int, int]


@dataclass(frozen=True)
class LocalTask:
    """A process to start."""

    index: int
    command: Sequence[str]
    environment: Mapping[str, str]
    #: Number of cores and GPUs that it gets.
    cores: int
    gpus: int
    #: File for its terminal output, and file for its exit status.
    output: Path
    exit_status: Path


@dataclass(frozen=True)
class _Devices:
    """Cores and GPUs: all of this machine, or the free ones."""

    cores: Sequence[int]
    gpus: Sequence[str]


@dataclass(frozen=True)
class _Run:
    """A run that was started, by this process or by one that has ended since."""

    index: int
    #: Its shell.
    process: _Process
    devices: _Devices
    #: The shell's handle if this process started it.
    child: subprocess.Popen[bytes] | None = None


@dataclass
class _Stop:
    """Counts how often this process was asked to stop."""

    times: int = 0
    at: float = 0.0

    def ask(self, number: int, frame: FrameType | None) -> None:
        # an ending session sends SIGTERM and SIGHUP: one request; a user who presses Ctrl-C twice means it
        if number == signal.SIGINT or not self.times or time.monotonic() - self.at > ECHO_SECONDS:
            self.times, self.at = self.times + 1, time.monotonic()


def run_tasks(
    tasks: Sequence[LocalTask], at_once: int | None, state: Path, on_end: Callable[[int], None]
) -> bool:
    """Run all tasks in order, as many at the same time as there is room for.

    ``state`` is a file for `queued` and `stop`. Runs that it names and that are still running, because the
    process that supervised them was killed, keep their cores and GPUs and are waited for like the others.
    ``on_end`` is called with the number of each finished run. SIGTERM, SIGINT and SIGHUP (but not under
    nohup) are passed on as SIGTERM, at which a run makes a checkpoint and ends; a second one as SIGKILL.
    Returns whether all runs ended by themselves. Raises RunError for a task that this machine has no room
    for.
    """
    machine = check_room(tasks)
    waiting, running, killed = deque(tasks), _living(state), 0
    with _stoppable() as stop:
        try:
            _write_state(state, running, waiting)
            while running or (waiting and not stop.times):
                while waiting and not stop.times and _fits(waiting[0], _free(machine, running)):
                    if at_once is not None and len(running) >= at_once:
                        break
                    running.append(_start(waiting[0], _free(machine, running)))
                    waiting.popleft()
                    _write_state(state, running, waiting)
                    _release(running[-1])
                if stop.times > killed:
                    killed = stop.times
                    for each in running:
                        _send(each, signal.SIGTERM if killed == 1 else signal.SIGKILL)
                for each in [each for each in running if not _is_alive(each.process)]:
                    if each.child is not None:
                        each.child.wait()
                    running.remove(each)
                    _write_state(state, running, waiting)
                    on_end(each.index)
                time.sleep(_POLL_SECONDS)
        finally:
            if not running:
                state.unlink(missing_ok=True)
            elif not killed:  # something failed here: nobody would start the waiting runs
                for each in running:
                    _send(each, signal.SIGTERM)
    return not stop.times


def queued(state: Path) -> list[Queued]:
    """Return the tasks that wait or run here, according to the file of `run_tasks`."""
    content = _read_state(state)
    is_watched = _is_alive(content.supervisor)
    detail = "" if is_watched else "the command that started it has ended; `resume` takes it over"
    tasks = [Queued(each.index, "running", detail) for each in content.running if _is_alive(each.process)]
    return tasks + [Queued(index, "waiting") for index in content.waiting if is_watched]


def stop(state: Path, indices: Collection[int] | None = None) -> None:
    """End what `run_tasks` runs, all tasks or only these, from another process.

    Every process is verified first. A waiting task still starts in its turn unless all are stopped.
    """
    content = _read_state(state)
    if indices is None and _is_alive(content.supervisor):
        with contextlib.suppress(ProcessLookupError):
            os.kill(content.supervisor[0], signal.SIGTERM)
        return
    for each in content.running:
        if indices is None or each.index in indices:
            _send(each, signal.SIGTERM)


def check_room(tasks: Sequence[LocalTask]) -> _Devices:
    """Return this machine's cores and GPUs. Raises RunError for a task that it has no room for."""
    machine = _Devices(sorted(os.sched_getaffinity(0)), _visible_gpus() if any(t.gpus for t in tasks) else [])
    divided = any(gpu.startswith("MIG-") for gpu in machine.gpus)
    for name, there in (("cores", len(machine.cores)), ("gpus", len(machine.gpus))):
        wanted = max((getattr(task, name) for task in tasks), default=0)
        if wanted > there:
            raise RunError(
                f"resources.{name}",
                found=str(wanted),
                expected=f"at most {there}, which this machine lets this process use",
                remedy="ask for fewer, for this machine alone under `sites: local:` of the experiment",
            )
        if name == "gpus" and divided and wanted > 1:
            raise RunError(
                "resources.gpus",
                found=f"{wanted} on a machine with divided GPUs (MIG)",
                expected="1: CUDA lets a process use one instance only",
                remedy="ask for 1, or name cards that are not divided in CUDA_VISIBLE_DEVICES",
            )
    return machine


def _visible_gpus() -> list[str]:
    """Return the GPUs of this machine as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return device_names()
    return [name for name in map(str.strip, named.split(",")) if name and name != "-1"]


def _free(machine: _Devices, running: Sequence[_Run]) -> _Devices:
    cores = {core for each in running for core in each.devices.cores}
    gpus = {gpu for each in running for gpu in each.devices.gpus}
    return _Devices(
        [core for core in machine.cores if core not in cores],
        [gpu for gpu in machine.gpus if gpu not in gpus],
    )


def _fits(task: LocalTask, free: _Devices) -> bool:
    return len(free.cores) >= task.cores and len(free.gpus) >= task.gpus


def _start(task: LocalTask, free: _Devices) -> _Run:
    """Start the shell of a task, which waits for `_release`."""
    devices = _Devices(free.cores[: task.cores], free.gpus[: task.gpus])
    task.exit_status.unlink(missing_ok=True)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, devices.cores)  # a child inherits it
    try:
        with task.output.open("ab") as output:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, str(task.exit_status), *task.command],
                env={**os.environ, **task.environment, "CUDA_VISIBLE_DEVICES": ",".join(devices.gpus)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is passed on from here, once
            )
    finally:
        os.sched_setaffinity(0, before)
    return _Run(task.index, _identity(child.pid), devices, child)


def _release(run: _Run) -> None:
    """Let the shell start its run."""
    assert run.child is not None
    assert run.child.stdin is not None
    with contextlib.suppress(BrokenPipeError), run.child.stdin as line:
        line.write(b"\n")


def _send(run: _Run, number: signal.Signals) -> None:
    """Send a signal to a run: SIGTERM through its shell, SIGKILL to all its processes."""
    if _is_alive(run.process):
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(run.process[0], number)
            else:
                os.kill(run.process[0], number)


@contextlib.contextmanager
def _stoppable() -> Iterator[_Stop]:
    stop = _Stop()
    # closing the terminal stops the runs too, unless nohup keeps this process alive
    ends = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        ends.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop.ask) for number in ends}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---- the file that informs other processes


@dataclass(frozen=True)
class _State:
    supervisor: _Process = (0, 0)
    running: Sequence[_Run] = ()
    waiting: Sequence[int] = field(default_factory=list)


def _write_state(path: Path, running: Sequence[_Run], waiting: Sequence[LocalTask]) -> None:
    content: dict[str, Any] = {
        "supervisor": _identity(os.getpid()),
        "running": [
            {
                "index": each.index,
                "process": each.process,
                "cores": each.devices.cores,
                "gpus": each.devices.gpus,
            }
            for each in running
        ],
        "waiting": [task.index for task in waiting],
    }
    write_text(path, json.dumps(content) + "\n")


def _read_state(path: Path) -> _State:
    try:
        content = json.loads(read_text(path))
        running = [
            _Run(
                int(each["index"]),
                _process(each["process"]),
                _Devices([int(core) for core in each["cores"]], [str(gpu) for gpu in each["gpus"]]),
            )
            for each in content["running"]
        ]
        return _State(_process(content["supervisor"]), running, [int(index) for index in content["waiting"]])
    except FileNotFoundError:
        return _State()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            path,
            found=str(error),
            expected="the processes of the experiment",
            remedy="remove the file if none of its runs is running",
        ) from None


def _living(path: Path) -> list[_Run]:
    """Return the runs in the file that are still running."""
    return [each for each in _read_state(path).running if _is_alive(each.process)]


def _process(content: Any) -> _Process:
    number, started = content
    return int(number), int(started)


def _identity(number: int) -> _Process:
    return number, _started(number) or 0


def _is_alive(process: _Process) -> bool:
    """Whether a process is still running and is the same one."""
    return process[0] > 0 and _started(process[0]) == process[1]


def _started(number: int) -> int | None:
    """Return a process's start in ticks since boot, unaffected by clock changes; None if there is none."""
    try:
        stat = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()  # the name before it may contain anything
    return None if state in (b"Z", b"X") else int(fields[18])
