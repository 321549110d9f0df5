"""Counts how often a container was made anew because its storage was damaged, so that it ends.

A disk that dies damages each new one too: to try on for ever would only wear it down.
"""

from __future__ import annotations

import pathlib
import threading
from typing import Annotated

from skerry_executor.log import log
from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.whole_file import DamagedError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text

MOST = 3
"""So often since the box started; another content of the container counts anew."""
FILE = "mends.state"
MAX_FILE_BYTES = 256 * 1024
MAX_KEPT = 512
_MAGIC = b"skerry-executor mends 1\n"


@frozen(kw_only=True)
class Mended:
    """A container by its name and spec, and how often it was made anew."""

    name: Annotated[str, Text(256)]
    spec: Annotated[str, Text(64)]
    times: Annotated[int, Range(1, 2**31)]


@frozen(kw_only=True)
class _Kept:
    mended: Annotated[tuple[Mended, ...], Items(MAX_KEPT)] = ()


class Mends:
    """Those of one start of the box. Any thread; raises nothing."""

    def __init__(self, run: pathlib.Path | None) -> None:
        """`run` is a folder that a start of the box empties; None: this process alone counts."""
        self._path = None if run is None else run / FILE
        self._lock = threading.Lock()
        self._times: dict[tuple[str, str], int] | None = None

    def count(self, name: str, spec: str) -> bool:
        """Note that a container is to be made anew; say whether it may be."""
        with self._lock:
            times = self._loaded()
            if times.get((name, spec), 0) >= MOST:
                return False
            times[name, spec] = times.pop((name, spec), 0) + 1
            self._save(times)
            return True

    def _loaded(self) -> dict[tuple[str, str], int]:
        if self._times is None:
            self._times = {(one.name, one.spec): one.times for one in self._load().mended}
        return self._times

    def _load(self) -> _Kept:
        if self._path is None:
            return _Kept()
        try:
            found = read_record(_Kept, self._path, _MAGIC, MAX_FILE_BYTES, strict=False)
        except (StateError, DamagedError) as error:
            log("warning", "mends are forgotten", path=str(self._path), reason=str(error))
            found = None
        return found or _Kept()

    def _save(self, times: dict[tuple[str, str], int]) -> None:
        while len(times) > MAX_KEPT:
            del times[next(iter(times))]
        if self._path is None:
            return
        mended = [Mended(name=n, spec=spec, times=count) for (n, spec), count in times.items()]
        try:
            write_record(self._path, _MAGIC, _Kept(mended=tuple(mended)), durable=False)
        except StateError as error:
            log("warning", "mends cannot be kept", path=str(self._path), reason=str(error))
