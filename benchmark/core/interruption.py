"""Signals that end a run: at once, or after a checkpoint where training can make one."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

#: Slurm's warning before a limit (--signal) and its end, a person's Ctrl-C, a terminal that is closed.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)

#: A scheduler sends SIGTERM to every process of a job, whose script passes it on: the same signal within so
#: many seconds is the same request. A person who presses Ctrl-C twice means it.
ECHO_SECONDS = 5.0

#: Exit status of a run that continues when it is started again with --resume (EX_TEMPFAIL of sysexits.h).
EXIT_RESUMABLE = 75


class Interrupted(BaseException):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def exit_status(self) -> int:
        return 128 + self.number if self.number == signal.SIGINT else EXIT_RESUMABLE


class Interruption:
    """Takes the signals of a process: raises Interrupted, unless the code that runs defers it."""

    def __init__(self, notice: Callable[[str], None] = lambda text: None) -> None:
        self.requested: int | None = None
        self._deferred = False
        self._installed = False
        self._notice = notice
        self._at = 0.0

    def install(self) -> None:
        """Take the signals of this process from now on; only in its main thread."""
        self._installed = True
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._take)

    def reinstall(self) -> None:
        """Take the signals back that a library has taken, if they were this object's before."""
        if self._installed:
            self.install()

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block the first signal is only noted in ``requested``; a second one raises."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.requested is not None:
            raise Interrupted(self.requested)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self._deferred:
            raise Interrupted(number)
        if self.requested is not None:
            echo = number == self.requested != signal.SIGINT and time.monotonic() - self._at < ECHO_SECONDS
            if echo:
                return
            raise Interrupted(number)
        self.requested, self._at = number, time.monotonic()
        self._notice(f"{signal.Signals(number).name}: stopping at the next checkpoint; again to stop at once")
