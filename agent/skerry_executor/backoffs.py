"""Remembers what fails again and again on this box, and when it may be tried again.

On tmpfs, so that the next run of the executor knows; a start of the box forgets it. When that is,
`backoff` decides.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from skerry_executor import backoff, whole_file
from skerry_executor.actual import Actual
from skerry_executor.backoff import Ending, Failing, Kept, Looping
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.challenges import boot_id
from skerry_executor.log import log
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.specs import name_of, spec_of
from skerry_executor.state import StateError, prepare
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.images import parse_image
from skerry_wire.workload import Instance

FILE = "backoffs"
MAX_FILE_BYTES = 1024 * 1024
_START_KINDS = (Failure.OTHER, Failure.NOT_FOUND)
"""Of a start. All else is over once the box has what it lacks, and looked for at its own pace."""
_KINDS = frozenset(Failure)


def kept(folder: pathlib.Path | None, root: pathlib.Path) -> Kept:
    """Return what is remembered of this start of the box; nothing where that cannot be read."""
    try:
        boot = boot_id(root)
    except StateError:
        boot = "unknown"
    fresh = Kept(boot_id=boot)
    if folder is None:
        return fresh
    try:
        data = whole_file.read(folder / FILE, MAX_FILE_BYTES)
        found = None if data is None else codec.decode(Kept, data, most=MAX_FILE_BYTES)
    except (OSError, ValueError, WireError) as error:
        log("warning", "back-offs are forgotten", path=str(folder / FILE), reason=str(error))
        return fresh
    return fresh if found is None or found.boot_id != boot else found


class BackOffs:
    """Those of one box. Any thread, one process at a time."""

    def __init__(
        self,
        folder: pathlib.Path | None = None,
        root: pathlib.Path = pathlib.Path("/"),
        clock: Callable[[], float] = since_boot_s,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`folder` belongs on tmpfs; without one, this process alone remembers."""
        self._folder = folder
        self._clock = clock
        self._draw = draw
        self._lock = threading.Lock()
        found = kept(folder, root)
        self._boot_id = found.boot_id
        # The file may be that of another version, with kinds of its own.
        self._failing: dict[str, Failing] = {
            one.key: one for one in found.failing if one.kind in _KINDS
        }
        self._endings: dict[str, Ending] = {one.id: one for one in found.endings}

    # --- pulls and starts ------------------------------------------------------------------

    @contextlib.contextmanager
    def pulling(self, image: str, instances: Sequence[Instance]) -> Iterator[None]:
        """Pull an image within this, for those of `instances` that have it.

        Raises RuntimeFailure, and does not go in, while the last failure is too short ago.
        """
        trying = Failing(
            key=f"pull {image}", asked=_asked(image, instances), kind=Failure.PULL,
            what="image pull", reason="",
        )  # fmt: skip
        with self._paced(trying, (Failure.PULL,)):
            yield

    @contextlib.contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Start a container within this. Raises RuntimeFailure as `pulling` does."""
        trying = Failing(key=f"start {name}", asked="", kind="", what="start", reason="")
        with self._paced(trying, _START_KINDS):
            yield

    def made(self, name: str) -> None:
        """Forget the failed starts of a container that another one has taken the place of."""
        self._forget_failing([f"start {name}"])

    @contextlib.contextmanager
    def _paced(self, trying: Failing, kinds: Collection[Failure]) -> Iterator[None]:
        with self._lock:
            before = self._failing.get(trying.key)
            left_s = backoff.left_s(before, trying.asked, self._clock())
        if before is not None and left_s is not None:
            raise RuntimeFailure(Failure(before.kind), before.reason, left_s)
        try:
            yield
        except RuntimeFailure as failure:
            if failure.kind not in kinds:
                raise
            raise self._failed(trying, failure) from None
        self._forget_failing([trying.key])

    def _failed(self, trying: Failing, failure: RuntimeFailure) -> RuntimeFailure:
        with self._lock:
            now_s = self._clock()
            again = Failing(
                key=trying.key, asked=trying.asked, kind=failure.kind, what=trying.what,
                reason=failure.reason[:1000],
            )  # fmt: skip
            # Behind all others: the oldest is forgotten where there are too many.
            before = self._failing.pop(trying.key, None)
            after = backoff.failed(before, again, now_s, self._draw())
            self._failing[trying.key] = after
            self._save()
        return RuntimeFailure(failure.kind, after.reason, after.until_s - now_s)

    def _forget_failing(self, keys: Collection[str]) -> None:
        with self._lock:
            found = [self._failing.pop(key, None) for key in keys]
            if any(found):
                self._save()

    # --- containers that keep ending -------------------------------------------------------

    def look(
        self,
        instances: Sequence[Instance],
        actual: Sequence[Actual],
        *,
        spaces_restarts: bool,
        counts_retries: bool = True,
    ) -> tuple[Actual, ...]:
        """Take note of who has ended since the last look, and return all as they are told.

        `actual` is all that the runtime has of this node. `instances` are those of the order, and
        what may be gone back to; the other two are what the runtime does by itself.
        """
        rests = {
            (instance.id, spec_of(instance, container)): not backoff.gives_up(container)
            for instance in instances
            for container in instance.containers
            if backoff.counts_by_executor(
                instance,
                container,
                spaces_restarts=spaces_restarts,
                counts_retries=counts_retries,
            )
        }
        with self._lock:
            now_s = self._clock()
            found: dict[str, Ending] = {}
            for one in actual:
                key = one.instance, one.spec
                if key in rests:
                    before = self._endings.get(one.id)
                    draw = self._draw() if rests[key] else None
                    after = backoff.looked(before, one, now_s, draw)
                    if after is None:
                        continue
                    rested = before is not None and before.until_s is not None
                    if after.until_s is not None and not rested:
                        after = backoff.apart(after, _rests({**self._endings, **found}))
                    found[one.id] = after
            if found != self._endings:
                self._endings = found
                self._save()
        return tuple(self.counted(one) for one in actual)

    def counted(self, one: Actual) -> Actual:
        """Return a container as it is told: with all its restarts."""
        with self._lock:
            return backoff.counted(self._endings.get(one.id), one)

    def looping(self) -> dict[str, Looping]:
        """Return the containers that keep ending, by id."""
        with self._lock:
            now_s = self._clock()
            told = {name: backoff.looping(one, now_s) for name, one in self._endings.items()}
        return {name: one for name, one in told.items() if one is not None}

    def started(self, one: Actual) -> None:
        """Note that the executor has started a container, which is told as the runtime does."""
        with self._lock:
            before = self._endings.get(one.id)
            if before is not None:
                self._endings[one.id] = backoff.started(before, one, self._clock())
                self._save()

    def resting(self) -> tuple[str, ...]:
        """Return the containers that are stopped until the executor starts them, by id."""
        with self._lock:
            return tuple(one.id for one in self._endings.values() if one.until_s is not None)

    def next_s(self) -> float | None:
        """Return in how many seconds the first of them is to be started, or looked at again.

        None: nothing rests, and nothing has just been started that may be about to end.
        """
        with self._lock:
            now_s = self._clock()
            found = (backoff.due_s(one, now_s) for one in self._endings.values())
            return min((one - now_s for one in found if one is not None), default=None)

    def forget(self, instance: Instance, containers: Sequence[Actual]) -> bool:
        """Forget the back-offs of an instance, as somebody wants it tried now.

        `containers` are those of the node. Says whether a pull or a start of it waited.
        """
        with self._lock:
            waited = [self._failing.pop(key, None) for key in _keys_of(instance)]
            bounded = {one.name for one in instance.containers if backoff.gives_up(one)}
            for one in containers:
                before = self._endings.get(one.id)
                if before is None or one.instance != instance.id:
                    continue
                if one.container in bounded:
                    del self._endings[one.id]  # its retries are counted anew
                else:
                    after = backoff.started(before, one, self._clock())
                    after = dataclasses.replace(after, streak=0, rests=0)
                    self._endings[one.id] = after
            self._save()
            return any(waited)

    def failing(self, instance: Instance) -> RuntimeFailure | None:
        """Return why the last pull or start of an instance failed; None where none did."""
        with self._lock:
            found = (self._failing.get(key) for key in _keys_of(instance))
            last = next((one for one in found if one is not None), None)
        return None if last is None else RuntimeFailure(Failure(last.kind), last.reason)

    def waits(self, instance: Instance) -> bool:
        """Say whether a pull or a start of an instance waits."""
        with self._lock:
            return any(key in self._failing for key in _keys_of(instance))

    # --- what is kept ----------------------------------------------------------------------

    def _save(self) -> None:
        """Keep what is known, as far as that goes: forgetting costs no more than one try."""
        now_s = self._clock()
        for key in [k for k, one in self._failing.items() if now_s > one.until_s + backoff.CALM_S]:
            del self._failing[key]
        for remembered in (self._failing, self._endings):
            _shorten(remembered)
        if self._folder is None:
            return
        state = Kept(
            boot_id=self._boot_id,
            failing=tuple(self._failing.values()),
            endings=tuple(self._endings.values()),
        )
        try:
            prepare(self._folder)
            whole_file.write(self._folder / FILE, codec.pack(state), durable=False)
        except (OSError, StateError) as error:
            log("warning", "back-offs are only in memory", reason=str(error))


def _rests(endings: Mapping[str, Ending]) -> list[float]:
    return [one.until_s for one in endings.values() if one.until_s is not None]


def _shorten(remembered: dict[str, Failing] | dict[str, Ending]) -> None:
    while len(remembered) > backoff.MOST:
        del remembered[next(iter(remembered))]


def _keys_of(instance: Instance) -> list[str]:
    keys = [f"start {name_of(instance.id, one.name)}" for one in instance.containers]
    return keys + [f"pull {parse_image(one.image).full}" for one in instance.containers]


def _asked(image: str, instances: Sequence[Instance]) -> str:
    """Return what tells who wants an image, and with which credentials."""
    wanting: list[object] = [
        [
            instance.id,
            instance.revision,
            container.name,
            None if container.credentials is None else codec.to_plain(container.credentials),
        ]
        for instance in instances
        for container in instance.containers
        if parse_image(container.image).full == image
    ]
    return codec.revision_of(wanting)


def is_held(folder: pathlib.Path, root: pathlib.Path = pathlib.Path("/")) -> bool:
    """Say whether the runs before left something that has to be started."""
    return any(one.until_s is not None for one in kept(folder, root).endings)
