"""What containers wrote, on its way to the terminal, a file or a pipe.

On a terminal control characters are made visible, whoever wrote them; elsewhere the bytes come as
they are. With a prefix, lines of several writers never mix.
"""

from __future__ import annotations

import base64
import binascii
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TextIO

import click

from skerry_cli.clean import clean
from skerry_cli.failures import Exit, UnexpectedAnswerError
from skerry_cli.records import read
from skerry_cli.request_records import WrittenLine

MOST_LINE_BYTES = 64 * 1024
"""A longer line is written in pieces."""

Stream = Literal["out", "err"]


class LineBuffer:
    """Whole lines out of pieces of bytes. Pure."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole now, with their ends."""
        *whole, self._left = (self._left + data).split(b"\n")
        lines = [line + b"\n" for line in whole]
        if len(self._left) > MOST_LINE_BYTES:
            lines.append(self.rest())
        return lines

    def rest(self) -> bytes:
        """Return what is left without an end."""
        left, self._left = self._left, b""
        return left


class RawWriter:
    """Writes to the terminal what a program with a terminal of its own wrote, as it is."""

    def write(self, _stream: Stream, data: bytes) -> None:
        """Write a piece."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def end(self) -> None:
        """Nothing is left."""


class Writer:
    """Writes what one instance wrote. Several of them may share the terminal."""

    def __init__(
        self,
        prefix: str = "",
        lock: threading.Lock | None = None,
        targets: Mapping[Stream, TextIO] | None = None,
    ) -> None:
        """`prefix` is put before each line; `lock` is shared by those who write at once.

        `targets` are this process's standard output and error unless others are given.
        """
        self._targets = targets or {"out": sys.stdout, "err": sys.stderr}
        self._prefix = clean(prefix).encode()
        self._lock = lock or threading.Lock()
        self.lines = 0
        """How many were written so far."""
        self._lines: dict[Stream, LineBuffer] = {"out": LineBuffer(), "err": LineBuffer()}

    def write(self, stream: Stream, data: bytes) -> None:
        """Write a piece."""
        target = self._targets[stream]
        if not self._prefix and not target.isatty():
            self._put(stream, data)
            return
        lines = self._lines[stream].feed(data)
        if target.isatty():
            # A prompt or progress without a line's end must not wait for it.
            lines.append(self._lines[stream].rest() if not self._prefix else b"")
        self._put(stream, b"".join(self._shown(stream, line) for line in lines if line))

    def end(self) -> None:
        """Write what has no line's end."""
        for stream in ("out", "err"):
            left = self._lines[stream].rest()
            if left:
                self._put(stream, self._shown(stream, left + b"\n"))

    def _shown(self, stream: Stream, line: bytes) -> bytes:
        if self._targets[stream].isatty():
            text = line.decode(errors="replace").removesuffix("\n")
            text = "\t".join(clean(part) for part in text.removesuffix("\r").split("\t"))
            line = text.encode(errors="backslashreplace") + (b"\n" if line[-1:] == b"\n" else b"")
        return self._prefix + line

    def _put(self, stream: Stream, data: bytes) -> None:
        if not data:
            return
        target = self._targets[stream]
        self.lines += data.count(b"\n")
        with self._lock:
            target.flush()
            target.buffer.write(data)
            target.buffer.flush()


def passed_on(
    lines: Iterable[Any],
    writer: Writer | RawWriter,
    began: Callable[[str], None] = lambda _: None,
) -> WrittenLine:
    """Write what comes, and return the last line, which says how it ended.

    `began` is told what a session's input is sent to.
    """
    try:
        for plain in lines:
            line = read(WrittenLine, plain)
            if line.end:
                return line
            if line.session is not None:
                began(line.session)
                continue
            if line.stream not in ("out", "err"):
                raise UnexpectedAnswerError("the hub's answer is not as expected: no such stream")
            writer.write("out" if line.stream == "out" else "err", _bytes(line.data or ""))
    except BrokenPipeError:
        raise click.exceptions.Exit(Exit.PIPE_CLOSED) from None
    finally:
        writer.end()
    return WrittenLine(end=True, error="the hub ended the answer before it was whole")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UnexpectedAnswerError("the hub's answer is not as expected: no base64") from None
