"""What is remembered of this box's jobs, in one file, so that none that is done is done again.

Containers are not enough to know it by: people and clean-ups remove those that have ended.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Annotated

from skerry_executor import whole_file
from skerry_executor.job import JobRecord
from skerry_executor.log import log
from skerry_executor.state import StateError, prepare
from skerry_executor.whole_file import DamagedError
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items

FILE = "jobs.state"
MAX_FILE_BYTES = 2 * 1024 * 1024
_MAGIC = b"skerry-executor jobs 1\n"


@frozen(kw_only=True)
class _Kept:
    jobs: Annotated[tuple[JobRecord, ...], Items(512)] = ()


def load(folder: pathlib.Path) -> dict[str, JobRecord]:
    """Return the records by instance. A damaged file is put aside, and its jobs are run again.

    Raises StateError when it cannot be read.
    """
    path = folder / FILE
    try:
        data = whole_file.read(path, MAX_FILE_BYTES)
        if data is None:
            return {}
        body = whole_file.body_of(_MAGIC, data)
        kept = codec.decode(_Kept, body, strict=True, most=MAX_FILE_BYTES)
    except (DamagedError, WireError) as error:
        log("error", "the jobs' file is damaged and put aside", file=str(path), reason=str(error))
        _put_aside(path)
        return {}
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from None
    return {one.instance: one for one in kept.jobs}


def save(folder: pathlib.Path, records: Mapping[str, JobRecord]) -> None:
    """Replace the records, durably. Raises StateError; then the old ones count on."""
    prepare(folder)
    body = codec.pack(_Kept(jobs=tuple(records[name] for name in sorted(records))))
    try:
        whole_file.write(folder / FILE, whole_file.checked(_MAGIC, body), durable=True)
    except OSError as error:
        raise StateError(f"{folder / FILE} cannot be written: {error.strerror}") from None


def _put_aside(path: pathlib.Path) -> None:
    try:
        os.replace(path, path.with_name(path.name + ".damaged"))
    except OSError as error:
        raise StateError(f"{path} is damaged, and cannot be moved: {error.strerror}") from None
