"""Which instances of the accepted order have ended because a newer one has them no more.

So it is where the box's policy cannot be used: the newer order is refused, and what it deletes ends
even so. Without this file the accepted order would have it made again once the policy is mended.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Annotated

from skerry_executor.log import log
from skerry_executor.state import read_record, write_record
from skerry_executor.whole_file import DamagedError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items
from skerry_wire.types import Generation, InstanceId

FILE = "ended.state"
MAX_FILE_BYTES = 256 * 1024
_MAGIC = b"skerry-executor ended 1\n"


@frozen(kw_only=True)
class _Kept:
    accepted: Generation
    instances: Annotated[tuple[InstanceId, ...], Items(512)] = ()


def load(folder: pathlib.Path, accepted: int) -> frozenset[str]:
    """Return those of the order of this generation. Raises StateError when it cannot be read.

    Of a damaged file nothing is known, and a newer order says again what it has no more.
    """
    path = folder / FILE
    try:
        kept = read_record(_Kept, path, _MAGIC, MAX_FILE_BYTES)
    except DamagedError as error:
        log("error", "the file of ended instances is damaged", file=str(path), reason=str(error))
        kept = None
    return frozenset(kept.instances if kept is not None and kept.accepted == accepted else ())


def save(folder: pathlib.Path, accepted: int, instances: Iterable[str]) -> None:
    """Note all of them, durably, before they end. Raises StateError."""
    kept = _Kept(accepted=accepted, instances=tuple(sorted(instances)))
    write_record(folder / FILE, _MAGIC, kept)
