"""Run a command as a fork of the process of `preloaded`, from any process, in place of Python.

    python forked.py SOCKET -m MODULE ...

Forwards the signals that a scheduler sends, and ends with the command's exit status. If this process
is killed, so is the command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

#: Characters of a process number, and of a status, in messages.
WIDTH = 10


def fork(
    place: str, arguments: Sequence[str], cwd: str, environment: Mapping[str, str], files: Sequence[int]
) -> tuple[socket.socket, int]:
    """Request a command; return the socket that will receive its status, and its process number.

    ``files`` are its output and its errors.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
    what = {"arguments": arguments, "cwd": cwd, "env": dict(environment)}
    message = json.dumps(what).encode()
    socket.send_fds(connection, [len(message).to_bytes(4, "big") + message], files)
    return connection, int(connection.recv(WIDTH))


def status_of(connection: socket.socket) -> int:
    """Wait for a command to end and return its exit status."""
    with connection:
        return os.waitstatus_to_exitcode(int(connection.recv(WIDTH)))


if __name__ == "__main__":
    place, _, *arguments = sys.argv[1:]
    connection, number = fork(place, arguments, os.getcwd(), os.environ, (1, 2))
    for forwarded in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(forwarded, lambda received, _: os.kill(number, received))
    status = status_of(connection)
    sys.exit(status if status >= 0 else 128 - status)
