"""Writes a tree of files as a tar file that is always the same, and unpacks one that nobody trusts.

Unpacking makes files, folders and links in a new folder and nothing else: no name leads out of it,
nothing is written through a link, and neither size nor number can fill the disk or the memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Protocol, Self

from skerry_wire.frozen import frozen

MAX_CONTENT_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 100_000
MAX_STREAM_BYTES = MAX_CONTENT_BYTES + MAX_ENTRIES * 2048
"""Of the unpacked archive: each entry has a head, and the end of its last block is empty."""
MAX_NAME_BYTES = 1024
MAX_DEPTH = 64
MAX_HEAD_BYTES = 64 * 1024
"""Of what one entry says about itself beyond its block: a long name, a long target."""

NAMES = (".tar", ".tar.gz", ".tgz", ".tar.xz")
"""What the name of a recording ends in."""

_LZMA_MEMORY_BYTES = 128 * 1024 * 1024
_PIECE_BYTES = 65_536


class ArchiveError(Exception):
    """An archive cannot be written or read; the text says why."""


@frozen()
class Tree:
    """What an archive holds. Paths are absolute, as on the box."""

    files: Mapping[str, bytes]
    folders: frozenset[str]
    links: Mapping[str, str]


# --- writing -------------------------------------------------------------------------------------


def packed(tree: Tree, suffix: str) -> bytes:
    """Return the tar file, compressed as the suffix of its name says. Raises ArchiveError."""
    size = sum(map(len, tree.files.values()))
    count = len(tree.files) + len(tree.folders) + len(tree.links)
    if size > MAX_CONTENT_BYTES or count > MAX_ENTRIES:
        raise ArchiveError(f"{count} entries of {size} bytes are more than a recording may hold")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted({*tree.files, *tree.folders, *tree.links}):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode = 0o644
            content = tree.files.get(path)
            if content is not None:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
                continue
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            if path in tree.links:
                entry.type, entry.linkname = tarfile.SYMTYPE, tree.links[path]
            tar.addfile(entry)
    data = buffer.getvalue()
    if suffix in (".gz", ".tgz"):
        return gzip.compress(data, mtime=0)
    return lzma.compress(data) if suffix == ".xz" else data


def check_name(place: Path) -> None:
    """Raise ArchiveError where a name does not say how to compress."""
    if not place.name.endswith(NAMES):
        endings = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
        raise ArchiveError(f"{place}: a recording's name ends in {endings}")


def check_place(place: Path, *, force: bool) -> None:
    """Raise ArchiveError where something stands that may not be replaced."""
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{place}: {getattr(error, 'strerror', error)}") from None
    if stat.S_ISLNK(mode):
        raise ArchiveError(f"{place} is a symbolic link: give the name of the file itself")
    if not stat.S_ISREG(mode):
        raise ArchiveError(f"{place} is no regular file: give a name that is free")
    if not force:
        raise ArchiveError(f"{place} is there already: --force replaces it")


def write(place: Path, data: bytes, *, force: bool) -> None:
    """Write a file that is there whole or not at all, for its owner alone. Raises ArchiveError."""
    check_place(place, force=force)
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    except OSError as error:
        raise ArchiveError(f"{place.parent}: {error.strerror}") from None
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(beside, place)
        else:
            os.link(beside, place)  # unlike a rename, it replaces nothing that came meanwhile
    except OSError as error:
        raise ArchiveError(f"{place}: {error.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


# --- unpacking -----------------------------------------------------------------------------------


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar file, which may be compressed, into an empty folder. Raises ArchiveError."""
    try:
        with open(archive, "rb") as file:
            stream = _Limited(file)
            tar = tarfile.open(fileobj=stream, mode="r|", tarinfo=_Head)  # noqa: SIM115 - a stream
            _Unpacking(folder).all(tar)
            # tarfile itself takes a file that was cut off for a short one.
            if stream.last.strip(b"\0"):
                raise EOFError("it ends too early")
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, UnicodeError) as error:
        raise ArchiveError(f"{archive} is no tar file: {error}") from None
    except RecursionError:
        raise ArchiveError(f"{archive} is broken: one head follows another") from None
    except (ValueError, OverflowError) as error:
        raise ArchiveError(f"{archive} is broken: {error}") from None
    except OSError as error:
        raise ArchiveError(f"{archive}: {error.strerror or error}") from None


class _Head(tarfile.TarInfo):
    """The head of an entry. One that is too large is refused before tarfile reads it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the head in a block. Raises ArchiveError."""
        head = super().frombuf(buf, encoding, errors)
        if head.type == tarfile.XGLTYPE:
            raise ArchiveError("holds a head for all its entries")
        if head.type in _MORE_OF_A_HEAD and head.size > MAX_HEAD_BYTES:
            raise ArchiveError(f"holds a head of more than {MAX_HEAD_BYTES} bytes")
        return head


_MORE_OF_A_HEAD = (
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Unpacking:
    """Makes the entries of one archive."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[str, str] = {"": "folder"}
        self._links: list[tuple[str, str]] = []
        self._bytes = 0

    def all(self, tar: tarfile.TarFile) -> None:
        """Make every entry; links come last, so that nothing can be written through one."""
        for number, entry in enumerate(tar):
            if number >= MAX_ENTRIES:
                raise ArchiveError(f"holds more than {MAX_ENTRIES} entries")
            self._make(tar, entry)
            tar.members.clear()  # type: ignore[attr-defined] # else it keeps them all
        for name, target in self._links:
            self._claim(name, "link")
            os.symlink(target, self._root / name)

    def _make(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        name = _checked(entry.name)
        if entry.isdir():
            self._folder(name)
        elif entry.issym():
            self._links.append((name, _checked_target(entry.linkname)))
        elif entry.isreg() and not entry.issparse():
            self._bytes += entry.size
            if self._bytes > MAX_CONTENT_BYTES:
                raise ArchiveError(f"unpacks to more than {MAX_CONTENT_BYTES} bytes")
            self._claim(name, "file")
            source = tar.extractfile(entry)
            with open(self._root / name, "xb") as file:
                for piece in _pieces(source):
                    file.write(piece)
        else:
            raise ArchiveError(f"{name!r} is neither file, folder nor symbolic link")

    def _folder(self, name: str) -> None:
        kind = self._made.get(name)
        if kind == "folder":
            return
        self._claim(name, "folder")
        (self._root / name).mkdir(mode=0o700)

    def _claim(self, name: str, kind: str) -> None:
        """Make sure that a name is free, and that true folders lead to it."""
        if name in self._made:
            raise ArchiveError(f"{name!r} occurs twice")
        above = name.rpartition("/")[0]
        self._folder(above)
        if len(self._made) > 2 * MAX_ENTRIES:
            raise ArchiveError("holds too many folders")
        self._made[name] = kind


def _checked(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    size = len(name.encode("utf-8", "replace"))
    if ".." in parts or "\0" in name or len(parts) > MAX_DEPTH or size > MAX_NAME_BYTES:
        raise ArchiveError(f"{name[:100]!r} is a name that leads elsewhere")
    return "/".join(parts)


def _checked_target(target: str) -> str:
    # It may point anywhere: who reads a recording follows links inside its folder only.
    if not target or "\0" in target or len(target.encode("utf-8", "replace")) > MAX_NAME_BYTES * 4:
        raise ArchiveError("holds a link to nothing")
    return target


def _pieces(source: IO[bytes] | None) -> Iterator[bytes]:
    while source is not None and (piece := source.read(_PIECE_BYTES)):
        yield piece


class _Decompressor(Protocol):
    """What zlib and lzma have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Limited(io.RawIOBase):
    """Reads what may be compressed, a piece at a time, and no more than may be in an archive."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        start = file.read(6)
        file.seek(0)
        self._way: _Decompressor | None = None
        if start.startswith(b"\x1f\x8b"):
            self._way = zlib.decompressobj(31)
        elif start == b"\xfd7zXZ\0":
            self._way = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY_BYTES)
        self._waiting = b""
        self._left = MAX_STREAM_BYTES
        self.last = b""
        """The last block that was read: an archive ends in an empty one."""

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer at the end."""
        while len(self._waiting) < size:
            piece = self._piece()
            if not piece:
                break
            self._left -= len(piece)
            if self._left < 0:
                raise ArchiveError(f"unpacks to more than {MAX_STREAM_BYTES} bytes")
            self._waiting += piece
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        self.last = (self.last + data)[-tarfile.BLOCKSIZE :] if data else self.last
        return data

    def _piece(self) -> bytes:
        way = self._way
        if way is None:
            return self._file.read(_PIECE_BYTES)
        while not way.eof:
            unread = getattr(way, "unconsumed_tail", b"")  # zlib's; lzma keeps it for itself
            wants = getattr(way, "needs_input", not unread)
            data = unread or (self._file.read(_PIECE_BYTES) if wants else b"")
            piece = way.decompress(data, _PIECE_BYTES)
            if piece:
                return piece
            if wants and not data:
                raise EOFError("it ends too early")
        return b""
