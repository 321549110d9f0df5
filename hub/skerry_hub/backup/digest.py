"""The SHA-256 of a whole backup: told when it is made, and wanted again when it is restored.

The digests within a backup find damage. Whoever can change it can count them anew, and sign it,
too, for it has every key of the hub. Only what was kept elsewhere tells that it is the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import BinaryIO, cast

from skerry_hub.backup.parts import BackupError

PIECE_BYTES = 2**20
_HEX = re.compile("[0-9a-f]{64}")


class Digest:
    """Counts what is written."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def __str__(self) -> str:
        return self._sha256.hexdigest()

    def of(self, output: BinaryIO) -> BinaryIO:
        """Return where to write what comes to `output`, counted from the beginning."""
        self._sha256 = hashlib.sha256()
        self._output = output
        return cast("BinaryIO", self)  # an archive only writes

    def write(self, data: bytes) -> int:
        """Write it, and count what of it was written."""
        count = self._output.write(data)
        self._sha256.update(data[:count])
        return count


class Expected:
    """A backup that must have a digest, as it is read."""

    def __init__(self, source: BinaryIO, sha256: str) -> None:
        self._source, self._wanted = source, sha256
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._source.read(size)
        self._sha256.update(data)
        return data

    def settle(self) -> None:
        """Read what is left, and compare. Raises BackupError."""
        while self.read(PIECE_BYTES):
            pass
        found = self._sha256.hexdigest()
        if found != self._wanted:
            raise BackupError(
                f"its SHA-256 is {found}, and {self._wanted} is wanted: it is another backup, or "
                "it was changed"
            )


def expected(source: BinaryIO, sha256: str | None) -> BinaryIO:
    """Return a backup to be read that must have a digest, if one is wanted. Raises BackupError.

    A file is compared before anything else is done with it, and once more as it is unpacked, for it
    may change meanwhile. What comes through a pipe is compared when it was unpacked: nothing of the
    hub's was touched by then.
    """
    if sha256 is None:
        return source
    wanted = sha256.strip().lower()
    if _HEX.fullmatch(wanted) is None:
        raise BackupError(f"{sha256[:80]!r} is no SHA-256, which has 64 hexadecimal digits")
    if source.seekable():
        start = source.tell()
        Expected(source, wanted).settle()
        source.seek(start)
    return cast("BinaryIO", Expected(source, wanted))  # an archive only reads


def settle(source: BinaryIO) -> None:
    """See that a backup which was unpacked had its digest. Raises BackupError."""
    found: object = source
    if isinstance(found, Expected):
        found.settle()
