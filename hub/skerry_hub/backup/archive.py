"""The file of a backup: a tar, compressed, its manifest last, written and read in one go.

So it goes through a pipe, to a program that encrypts it or to another machine. Nothing of it is
believed before all of it was read and compared with the manifest.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO

from skerry_hub.backup import parts
from skerry_hub.backup.parts import BackupError, Manifest, Part

PIECE_BYTES = 2**20


class Writer:
    """An archive that is being written."""

    def __init__(self, output: BinaryIO) -> None:
        form = tarfile.PAX_FORMAT
        self._tar = tarfile.open(fileobj=output, mode="w|gz", format=form)  # noqa: SIM115
        self.parts: list[Part] = []

    def add(self, name: str, content: IO[bytes]) -> Part:
        """Add a part, from where its file stands to its end."""
        start = content.tell()
        digest = hashlib.sha256()
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
        part = Part(name=name, size_bytes=content.tell() - start, sha256=digest.hexdigest())
        content.seek(start)
        self._add(name, part.size_bytes, content)
        self.parts.append(part)
        return part

    def end(self, manifest: Manifest) -> None:
        """Add the manifest; the archive is whole then."""
        data = parts.written(manifest)
        self._add(parts.MANIFEST, len(data), io.BytesIO(data))
        self._tar.close()

    def _add(self, name: str, size: int, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, content)


def unpack(source: BinaryIO, into: pathlib.Path) -> Manifest:
    """Write the parts below an empty folder, and return the manifest, once all is as it says.

    Raises BackupError, or OSError where they cannot be written.
    """
    for name in (parts.FILES_AT, parts.TABLES_AT):
        (into / name).mkdir(mode=0o700)
    found: dict[str, Part] = {}
    manifest: Manifest | None = None
    with _told(), tarfile.open(fileobj=source, mode="r|gz") as archive:
        for entry in archive:
            if manifest is not None:
                raise BackupError("something follows its manifest")
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is None or entry.name in found:
                raise BackupError(f"the part {entry.name[:80]!r} is no file, or is there twice")
            if entry.size > parts.limit_of(entry.name):
                raise BackupError(f"the part {entry.name} is too large")
            if entry.name == parts.MANIFEST:
                manifest = parts.read(content.read())
                continue
            found[entry.name] = _unpacked(content, entry.name, into / entry.name)
    if manifest is None:
        raise BackupError("its end is missing")
    parts.compared(manifest, found)
    return manifest


def _unpacked(content: IO[bytes], name: str, place: pathlib.Path) -> Part:
    digest, size = hashlib.sha256(), 0
    with place.open("xb") as file:
        place.chmod(0o600)
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return Part(name=name, size_bytes=size, sha256=digest.hexdigest())


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupError(f"it is damaged, or no backup: {error}") from None
