"""Split a stream of bytes into blocks of whole lines, in bounded memory.

A line may have any length: a progress bar writes megabytes without a line feed. Of a line longer
than LINE_BYTES, only an outline of the text before the first token and what follows it are kept.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from benchmark.record import events as vocabulary
from compliance.wording import WIDTH

CHUNK_BYTES = 256 * 1024
#: Longer lines are searched for a token piece by piece, and at most this much is read after it: an event
#: needs a few hundred bytes, the longest a few thousand.
LINE_BYTES = 1024 * 1024

TOKEN = vocabulary.TOKEN.encode()
#: The beginning of the tokens of all versions (`:::MLPv0.5.0`, `:::MLL`).
ANY_TOKEN = b":::ML"
BOM = "\ufeff"
#: How much of a text is kept: more characters, and bytes, than an excerpt shows.
_KEPT = 5 * WIDTH


class LongLine:
    """A line longer than LINE_BYTES: an outline of the text before its first token, and its events."""

    def __init__(self) -> None:
        #: The most bytes kept from the first token on.
        self.most = LINE_BYTES
        #: From the first token to the end of the line; None without a token.
        self.events: bytes | None = None
        #: Whether there are more bytes, in which case none are kept.
        self.is_cut = False
        #: The first characters of the text, without leading blanks.
        self.head = ""
        self.characters = self.bytes = 0
        self.has_mark = self.has_nul = False
        #: The first byte of the text that is not UTF-8, and its place in the line, from 0.
        self.undecodable: tuple[int, int] | None = None
        #: The text from the first token of another version on.
        self.old = b""
        #: Whether the text ends with a carriage return, followed by blanks at most.
        self.is_overwritten = False
        self.ends_with_return = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        #: The last bytes, which may contain the beginning of a token.
        self._open = b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the line."""
        if piece:
            self.ends_with_return = piece.endswith(b"\r")
        if self.events is None:
            window = self._open + piece
            if self.old:
                self.old += piece[: _KEPT - len(self.old)]
            elif ANY_TOKEN in window:
                self.old = window[window.find(ANY_TOKEN) :][:_KEPT]
            start = window.find(TOKEN)
            end = start if start >= 0 else max(0, len(window) - len(TOKEN) + 1)
            self._take(window[:end], is_all=start >= 0)
            self._open = window[end:]
            if start < 0:
                return
            self.events, piece = b"", self._open
        if len(self.events) + len(piece) > self.most:
            self.events, self.is_cut = b"", True
        if not self.is_cut:
            self.events += piece

    def ended(self) -> LongLine:
        """Finish the line and return it."""
        if self.events is None:
            self._take(self._open, is_all=True)
        return self

    def _take(self, piece: bytes, is_all: bool) -> None:
        """Take the next bytes of the text; ``is_all`` says that they are the last."""
        try:
            text = self._decoder.decode(piece, is_all)
        except UnicodeDecodeError as error:
            before = self.bytes - (len(error.object) - len(piece))  # a character may have begun there
            self.undecodable = error.object[error.start], before + error.start
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._decoder.decode(error.object, is_all)
        self.has_mark = self.has_mark or (not self.characters and text.startswith(BOM))
        self.has_nul = self.has_nul or b"\0" in piece
        self.bytes += len(piece)
        self.characters += len(text)
        if len(self.head) < _KEPT:
            self.head = (self.head + text).lstrip()[:_KEPT]
        self.is_overwritten = is_overwritten(text) if text.strip() else self.is_overwritten or "\r" in text


def is_overwritten(text: str) -> bool:
    """Whether a text ends with a carriage return, followed by blanks at most: on a screen, what comes next
    overwrites the text; for readers that end lines at CR, it begins a new line."""
    _, carriage_return, rest = text.rpartition("\r")
    return bool(carriage_return) and not rest.strip()


class Lines:
    """The lines of a stream, and the size and digest of what has been read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.bytes = 0
        self.digest = hashlib.sha256()
        #: Whether the stream has ended without a line feed.
        self.is_cut_off = False

    def blocks(self) -> Iterator[bytes | LongLine]:
        """Yield all lines: long ones alone, the others as blocks joined by line feeds."""
        tail, long = b"", None
        while chunk := self.stream.read(CHUNK_BYTES):
            self.bytes += len(chunk)
            self.digest.update(chunk)
            end = chunk.find(b"\n")
            if not long and len(tail) + (end if end >= 0 else len(chunk)) > LINE_BYTES:
                long = LongLine()
            if long:
                long.add(tail + (chunk[:end] if end >= 0 else chunk))
                tail = b""
                if end < 0:
                    continue
                yield long.ended()
                long, chunk = None, chunk[end + 1 :]
            block, feed, tail = (tail + chunk).rpartition(b"\n")
            if feed:
                yield from parted(block)
        self.is_cut_off = bool(long or tail)
        if long:
            yield long.ended()
        elif tail:
            yield tail


def parted(block: bytes) -> Iterator[bytes]:
    """Yield the lines before the first with a bracket, those up to the last with one, and the rest.

    A run's log has one such line, the `result`; the lines around it can be decoded at once.
    """
    if b"[" not in block:
        yield block
        return
    start = block.rfind(b"\n", 0, block.find(b"["))
    stop = block.find(b"\n", block.rfind(b"["))
    if start >= 0:
        yield block[:start]
    yield block[start + 1 : stop if stop >= 0 else None]
    if stop >= 0:
        yield block[stop + 1 :]
