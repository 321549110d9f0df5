"""What is remembered of this box's jobs, in one file, so that none that is done is done again.

Containers are not enough to know it by: people and clean-ups remove those that have ended.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Annotated

from skerry_executor.job import JobRecord
from skerry_executor.log import log
from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.whole_file import DamagedError
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
        kept = read_record(_Kept, path, _MAGIC, MAX_FILE_BYTES)
    except DamagedError as error:
        log("error", "the jobs' file is damaged and put aside", file=str(path), reason=str(error))
        _put_aside(path)
        return {}
    return {} if kept is None else {one.instance: one for one in kept.jobs}


def save(folder: pathlib.Path, records: Mapping[str, JobRecord]) -> None:
    """Replace the records, durably. Raises StateError; then the old ones count on."""
    kept = _Kept(jobs=tuple(records[name] for name in sorted(records)))
    write_record(folder / FILE, _MAGIC, kept)


def _put_aside(path: pathlib.Path) -> None:
    try:
        os.replace(path, path.with_name(path.name + ".damaged"))
    except OSError as error:
        raise StateError(f"{path} is damaged, and cannot be moved: {error.strerror}") from None
