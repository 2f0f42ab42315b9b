"""Handle signals that end a run: at once, or after a checkpoint if training can write one."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

#: Slurm's warning before a limit (--signal) and its termination, a user's Ctrl-C, a closed terminal.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)

#: A scheduler sends SIGTERM to every process of a job, and the job's script passes it on: the same signal
#: within this time is the same request. A user who presses Ctrl-C twice means it.
ECHO_SECONDS = 5.0

#: Exit status of a run that --resume can continue (EX_TEMPFAIL of sysexits.h).
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
    """Handles the signals of a process: raises Interrupted unless the running code defers it."""

    def __init__(self, notice: Callable[[str], None] = lambda text: None) -> None:
        self.requested: int | None = None
        self._deferred = False
        self._installed = False
        self._notice = notice
        self._at = 0.0

    def install(self) -> None:
        """Handle the signals of this process from now on; call it in the main thread only."""
        self._installed = True
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._take)

    def reinstall(self) -> None:
        """Take the signals back from a library, if this object handled them before."""
        if self._installed:
            self.install()

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Within the block, only note the first signal in ``requested``; a second one raises."""
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
