"""Records a box: the files that the probes read there, without serial numbers and addresses.

A recording is a tar file; unpacked it is a root for `Host`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from skerry_agent.host import Host


class RecordingError(Exception):
    """A recording cannot be written or read; the text says why."""


def record(file: Path, *, root: str | None = None, force: bool = False) -> str:
    """Record this box, or the one whose root is given, and return what to print. Raises."""
    raise RecordingError(f"{file}: {root} {force}")


@contextlib.contextmanager
def opened(place: str) -> Iterator[Host]:
    """Yield the host of a recorded box: a folder, or a tar file. Raises RecordingError."""
    if not os.path.isdir(place):
        raise RecordingError(f"{place} is no folder")
    yield Host(place)
