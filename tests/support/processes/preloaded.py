"""Start commands that train quickly: fork them from a process that has imported TensorFlow.

Importing TensorFlow takes longer than a tiny training. A forked command has its own arguments,
environment, folder and output, and ends like any other. It shares Python's hash seed with the others,
so some tests start the real command with `project.program` and compare.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from benchmark import ROOT
from tests.support.processes import forked
from tests.support.project import TINY

#: Two tests run at a time on two cores: more threads would only wait for each other.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}

#: Keep freed memory for the next array: fresh pages cost a tiny run a fifth of its time.
KEEP_MEMORY = {"MALLOC_TOP_PAD_": str(64 << 20)}


class Preloaded:
    """A command with the interface of `subprocess.Popen`; ``stderr`` may be `subprocess.STDOUT`."""

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
        files = [self._output.fileno(), self._errors.fileno()]
        self._status, self.pid = forked.fork(_server(), self.args[2:], str(cwd), environment, files)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = forked.status_of(self._status)
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
    """Return what was written to a file, and close it."""
    with file:
        file.seek(0)
        return file.read().decode()


def run_preloaded(
    module: str, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Like `project.program` with a fast start, for modules that import TensorFlow."""
    process = Preloaded(module, *arguments, cwd=cwd, env=env)
    said, errors = process.communicate(timeout=900)
    return subprocess.CompletedProcess(process.args, process.wait(), said, errors)


def run_tiny(place: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the tiny configuration in a folder."""
    return run_preloaded("benchmark.run", "--config", TINY, *arguments, cwd=place)


def run_code(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run lines of Python in a separate process, in ``folder``."""
    (folder / "lines.py").write_text(code)
    return run_preloaded("lines", cwd=folder)


def write_python(path: Path) -> Path:
    """Write an executable that replaces Python when a scheduler starts commands that train."""
    command = shlex.join([sys.executable, "-S", str(Path(forked.__file__).resolve()), _server()])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)
    return path


@functools.cache
def _server() -> str:
    """Start the process that imports TensorFlow and ends with this one; return its socket."""
    folder = tempfile.mkdtemp(prefix="forks-", dir="/tmp")  # short, as a socket's path must be
    ours, theirs = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        files = (listener.fileno(), ours)
        listening = subprocess.Popen(
            [sys.executable, "-m", "tests.support.processes.preloaded", *map(str, files)],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, **KEEP_MEMORY},
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    os.close(ours)
    atexit.register(_end, theirs, listening, folder)
    return f"{folder}/socket"


def _end(alive: int, listening: subprocess.Popen[bytes], folder: str) -> None:
    os.close(alive)
    listening.wait()
    shutil.rmtree(folder)


def _reap(*_: object) -> None:
    """Wait for ended processes, so that their time counts as that of the tests."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve(listener: socket.socket, alive: int) -> dict[str, list[str]]:
    """Fork for every request until ``alive`` is closed; return only in the forked process."""
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        if alive in select.select([listener, alive], [], [])[0]:
            sys.exit()
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        os.close(alive)
        head, files, _, _ = socket.recv_fds(connection, 4, 2)
        message = b""
        while len(message) < int.from_bytes(head, "big"):
            message += connection.recv(int.from_bytes(head, "big") - len(message))
        what = json.loads(message)
        child = os.fork()
        if child:
            _watch(child, connection)
        connection.close()
        for file, number in zip(files, (1, 2), strict=True):
            os.dup2(file, number)
            os.close(file)
        os.chdir(what["cwd"])
        os.environ.clear()
        os.environ.update(what["env"])
        return what


def _watch(child: int, connection: socket.socket) -> None:
    """Send a command's number and status to the requester; kill the command if the requester is gone."""
    connection.send(f"{child:{forked.WIDTH}}".encode())
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(BrokenPipeError):
        connection.send(f"{status:{forked.WIDTH}}".encode())
    os._exit(0)


if __name__ == "__main__":
    import runpy

    import benchmark.compute.convolution
    import benchmark.run
    import benchmark.training.learning.network  # TensorFlow: a run imports it when its method needs it
    import benchmark.training.plots
    import benchmark.training.train  # noqa: F401

    assert "tensorflow" in sys.modules

    gc.freeze()  # a collection would touch, and so copy, everything imported
    listener, alive = map(int, sys.argv[1:])
    module, *arguments = _serve(socket.socket(fileno=listener), alive)["arguments"]
    sys.argv[1:] = arguments
    sys.path[0] = os.getcwd()
    sys.modules.pop(module, None)  # it runs as a program and is not imported
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)  # a clean shutdown would take longer than an early failure
