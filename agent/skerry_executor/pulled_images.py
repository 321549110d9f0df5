"""Remembers which images were pulled for orders, and removes those that nothing needs any more.

What somebody else pulled, built or named is never touched, and a runtime never removes what a
container has. Raises nothing: an image too many is no reason to say that an order is not reached.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator

from skerry_executor.image_cleaning import Remembered, added, looked, references, removable
from skerry_executor.interrupted_pulls import InterruptedPulls
from skerry_executor.log import log
from skerry_executor.room import free_percent
from skerry_executor.runtimes.base import Runtime, RuntimeFailure, StoredImage
from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.whole_file import DamagedError
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.images import ImageError, parse_image
from skerry_wire.workload import Instance

FILE = "images.state"
MAX_FILE_BYTES = 2 * 2**20
LOOK_GAP_S = 3600.0
MOST_AT_ONCE = 8
"""Whoever comes with another order waits meanwhile."""
_DAY_S = 86400.0
_MAGIC = b"skerry-executor images 1\n"


class PulledImages:
    """Those of one box. `state` is the executor's folder; None: nothing is remembered.

    `free` tells how much of the disk of a folder is free, in percent.
    """

    def __init__(
        self,
        state: pathlib.Path | None,
        root: pathlib.Path = pathlib.Path("/"),
        free: Callable[[pathlib.Path], float | None] = free_percent,
    ) -> None:
        self._free = free
        self._path = None if state is None else state / FILE
        self._folder: pathlib.Path | None = None
        self._lock = threading.Lock()
        self._interrupted = None if state is None else InterruptedPulls(state, root)

    @contextlib.contextmanager
    def pulling(
        self, runtime: Runtime, image: str, make_durable: Callable[[], None] = os.sync
    ) -> Iterator[bool]:
        """Remember an image, given in full, that the body pulls.

        What it is given says whether a power cut ended the last pull: then what a pull finds on
        the box may be damaged. `make_durable` has all on the disk once it returns.
        """
        if self._interrupted is None:
            yield False
            make_durable()
            return
        stored = _stored(runtime)
        was_cut_off = self._interrupted.begin(image, _id_of(image, stored))
        try:
            yield was_cut_off
        except Exception:
            if not was_cut_off:  # it may have left whole layers
                make_durable()
                self._interrupted.end(image)
            raise
        make_durable()
        self._interrupted.end(image)
        with self._lock:
            before = self._load()
            after = added(before, image, {one.id for one in stored}, _stored(runtime))
            if after != before:
                self._save(after)

    def is_doubtful(self, runtime: Runtime, image: str) -> bool:
        """Say whether an image on the box is what a pull left that a power cut ended."""
        begun = None if self._interrupted is None else self._interrupted.before(image)
        return begun is not None and _id_of(image, _stored(runtime)) != begun.id_before

    def clean(
        self, runtime: Runtime, instances: Iterable[Instance], policy: BoxPolicy, now: float
    ) -> None:
        """Remove what is too old, or in the way of a full disk.

        `instances` are those of the accepted order, and what switches may go back to.
        """
        with self._lock:
            before = self._load()
            is_low = self._is_low(runtime, policy)
            is_early = 0.0 <= now - before.looked_at < LOOK_GAP_S
            if not before.images or (is_early and not is_low):
                return
            stored = _stored(runtime)
            if not stored:
                return
            found = looked(before, stored, _names(instances), now)
            keep_s = policy.image_keep_days * _DAY_S if policy.image_keep_days else None
            due = removable(found, keep_s) if not is_low else removable(found, 0.0)
            for one in due[:MOST_AT_ONCE]:
                is_old = keep_s is not None and (one.unused_s or 0.0) >= keep_s
                if is_old or self._is_low(runtime, policy):
                    _remove(runtime, references(one, stored), one.name)
            if found.images != before.images:
                self._save(found)  # what was removed is found gone at the next look

    def remove_all(self, runtime: Runtime) -> None:
        """Remove all that was pulled for orders and that no container has."""
        with self._lock:
            before = self._load()
            stored = _stored(runtime)
            for one in before.images:
                _remove(runtime, references(one, stored), one.name)
            self._save(Remembered())

    def _is_low(self, runtime: Runtime, policy: BoxPolicy) -> bool:
        if not policy.image_free_percent:
            return False
        if self._folder is None:
            # Asked once: this is looked at after every visit.
            try:
                self._folder = runtime.storage().containers
            except RuntimeFailure:
                return False
        free = self._free(self._folder)
        return free is not None and free < policy.image_free_percent

    def _load(self) -> Remembered:
        if self._path is None:
            return Remembered()
        try:
            found = read_record(Remembered, self._path, _MAGIC, MAX_FILE_BYTES, strict=False)
        except (StateError, DamagedError) as error:
            log("warning", "pulled images are forgotten", path=str(self._path), reason=str(error))
            found = None
        return found or Remembered()

    def _save(self, found: Remembered) -> None:
        if self._path is None:
            return
        try:
            write_record(self._path, _MAGIC, found, durable=False)
        except StateError as error:
            log("warning", "pulled images cannot be kept", path=str(self._path), reason=str(error))


NOWHERE = PulledImages(None)


def _stored(runtime: Runtime) -> tuple[StoredImage, ...]:
    try:
        return runtime.images()
    except RuntimeFailure:
        return ()


def _id_of(image: str, stored: Iterable[StoredImage]) -> str | None:
    return next((one.id for one in stored if image in one.names), None)


def _names(instances: Iterable[Instance]) -> Collection[str]:
    found = set()
    for container in (one for instance in instances for one in instance.containers):
        with contextlib.suppress(ImageError):
            found.add(parse_image(container.image).full)
    return found


def _remove(runtime: Runtime, what: Iterable[str], name: str) -> None:
    for reference in what:
        try:
            runtime.remove_image(reference)
        except RuntimeFailure as failure:
            log("info", "an image stays", name=name, reason=failure.reason)
        else:
            log("info", "image removed", name=name)
