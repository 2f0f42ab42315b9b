"""Fetch several files at a time: threads fetch, the main thread counts, records and displays."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark.core.display import Display
from benchmark.download.file import Read, bytes_held, obtain
from benchmark.download.manifest import DownloadManifest, Entry, write_manifest
from benchmark.download.source import DownloadError, RemoteFile

#: Seconds that a signal gives the workers to finish their current block.
SHUTDOWN_GRACE_SECONDS = 2.0

#: A worker's report: more bytes, a complete file, or why a file failed.
Report = int | tuple[RemoteFile, Entry | Exception]


class _Stopped(BaseException):
    """Ends a worker after its current block."""


def obtain_all(
    read: Read, root: Path, wanted: list[RemoteFile], entries: DownloadManifest, jobs: int, display: Display
) -> dict[RemoteFile, DownloadError | OSError | None]:
    """Obtain the files, ``jobs`` at a time; record them in ``entries`` and return the missing ones.

    A file that cannot be fetched does not stop the others; an error of the disk ends all.
    """
    missing: dict[RemoteFile, DownloadError | OSError | None] = dict.fromkeys(wanted)
    total, held = sum(file.size for file in wanted), sum(bytes_held(root, file) for file in wanted)
    failed = 0
    with (
        display.transfer("downloading", held, total) as advance,
        _workers(read, root, wanted, jobs) as next_report,
    ):
        while failed < len(missing):
            report = next_report()
            if isinstance(report, int):
                advance(report)
                continue
            file, outcome = report
            if isinstance(outcome, Entry):
                del missing[file]
                entries[file.path] = outcome
                write_manifest(root, entries)
                continue
            if not isinstance(outcome, DownloadError | OSError):
                raise outcome
            missing[file] = outcome
            failed += 1
            if isinstance(outcome, OSError):
                break
    return missing


@contextlib.contextmanager
def _workers(read: Read, root: Path, wanted: list[RemoteFile], jobs: int) -> Iterator[Callable[[], Report]]:
    """Start threads that obtain the files; yield a function that waits for their next report.

    They are daemons: a thread that waits for a silent server holds nothing that an exit could lose.
    """
    tasks: queue.SimpleQueue[RemoteFile] = queue.SimpleQueue()
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    stop = threading.Event()
    for file in wanted:
        tasks.put(file)

    def on_bytes(count: int) -> None:
        reports.put(count)
        if stop.is_set():
            raise _Stopped

    def work() -> None:
        with contextlib.suppress(queue.Empty, _Stopped):
            while not stop.is_set():
                file = tasks.get_nowait()
                try:
                    reports.put((file, obtain(root, file, read, on_bytes)))
                except DownloadError as error:
                    reports.put((file, error))
                except Exception as error:  # a disk error, or ours: the main thread ends all
                    stop.set()
                    reports.put((file, error))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(wanted)))]
    for thread in threads:
        thread.start()
    try:
        yield reports.get
    finally:
        stop.set()
        for thread in threads:
            thread.join(SHUTDOWN_GRACE_SECONDS / len(threads))
