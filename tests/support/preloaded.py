"""Commands that train, started in a moment: forked from a process that has imported TensorFlow.

Importing it takes longer than a tiny training. A forked command has its own arguments, environment,
folder and output, and ends as any other does. It shares Python's hash seed with the others, so some
tests start the real command with `project.program` and compare.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from benchmark import ROOT

#: Two tests at a time on two cores: more threads would only wait for each other.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}

#: Memory that is given back is kept for the next array: fresh pages cost a tiny run a fifth of its time.
KEEP_MEMORY = {"MALLOC_TOP_PAD_": str(64 << 20)}

#: Characters of a process's number, and of its status, where one tells the other.
WIDTH = 10


class Preloaded:
    """A command as `subprocess.Popen` has it; ``stderr`` may be `subprocess.STDOUT`."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stderr: int = subprocess.PIPE,
    ) -> None:
        self.args = ["python", "-m", module, *map(str, arguments)]
        self.returncode: int | None = None
        self._said: tuple[str, str | None] | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._errors = self._output if stderr == subprocess.STDOUT else tempfile.TemporaryFile()  # noqa: SIM115
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **ONE_THREAD, **(env or {})}
        what = {"arguments": self.args[2:], "cwd": str(cwd), "env": environment}
        self._status, status = os.pipe()
        files = [self._output.fileno(), self._errors.fileno(), status]
        message = json.dumps(what).encode()
        socket.send_fds(_server()[0], [len(message).to_bytes(4, "big") + message], files)
        os.close(status)
        self.pid = int(os.read(self._status, WIDTH))

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(os.read(self._status, WIDTH)))
            os.close(self._status)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        self.wait(timeout)
        if self._said is None:
            self._said = read(self._output), None if self._errors.closed else read(self._errors)
        return self._said

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def read(file: IO[bytes]) -> str:
    """What was written to a file, which is closed."""
    with file:
        file.seek(0)
        return file.read().decode()


def run_preloaded(
    module: str, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`project.program` with a fast start, for the modules that import TensorFlow."""
    process = Preloaded(module, *arguments, cwd=cwd, env=env)
    said, errors = process.communicate(timeout=900)
    return subprocess.CompletedProcess(process.args, process.wait(), said, errors)


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Where this process asks for commands, and the process that listens there; it ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        listening = subprocess.Popen(
            [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, **KEEP_MEMORY},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    atexit.register(_end, ours, listening)
    return ours, listening


def _end(ours: socket.socket, listening: subprocess.Popen[bytes]) -> None:
    ours.close()
    listening.wait()


def _reap(*_: object) -> None:
    """Wait for what has ended, so that its time is counted as that of the tests."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve(asked: socket.socket) -> dict[str, list[str]]:
    """Fork for every request, and return in the forked process only."""
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        head, files, _, _ = socket.recv_fds(asked, 4, 3)
        if not head:
            sys.exit()
        message = b""
        while len(message) < int.from_bytes(head, "big"):
            message += asked.recv(int.from_bytes(head, "big") - len(message))
        if os.fork():
            for file in files:
                os.close(file)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asked.close()
        what = json.loads(message)
        output, errors, status = files
        child = os.fork()
        if child:
            os.write(status, f"{child:{WIDTH}}".encode())
            os.write(status, f"{os.waitpid(child, 0)[1]:{WIDTH}}".encode())
            os._exit(0)
        os.close(status)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.close(output)
        os.close(errors)
        os.chdir(what["cwd"])
        os.environ.clear()
        os.environ.update(what["env"])
        return what


if __name__ == "__main__":
    import runpy

    import benchmark.compute.convolution
    import benchmark.run
    import benchmark.training.learning.network  # TensorFlow: a run imports it once its method needs it
    import benchmark.training.plots
    import benchmark.training.train  # noqa: F401

    assert "tensorflow" in sys.modules

    module, *arguments = _serve(socket.socket(fileno=int(sys.argv[1])))["arguments"]
    sys.argv[1:] = arguments
    sys.path[0] = os.getcwd()
    sys.modules.pop(module, None)  # it is run as a program, not imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)
