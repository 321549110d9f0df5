"""Does the health checks that the runtime does not do, when they are due.

Those are http and tcp probes, and the commands of a runtime that has no timer of its own. What they
said is kept on tmpfs for the next run; without it, counting begins anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from skerry_executor import whole_file
from skerry_executor.actual import Actual, CheckResult, Phase
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.challenges import boot_id
from skerry_executor.health import (
    MAX_REASON,
    Tally,
    checks_of,
    counted,
    due_in_s,
    is_executors,
    reached_at,
    start_of,
)
from skerry_executor.probing import http_failure, tcp_failure
from skerry_executor.runtimes.base import Runtime, RuntimeFailure
from skerry_executor.settings import Settings
from skerry_executor.state import StateError, prepare
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.messages import Health
from skerry_wire.schema import Items, Text
from skerry_wire.workload import Container, HealthCheck, Instance

FILE = "checks"
MAX_FILE_BYTES = 512 * 1024
MOST_AT_ONCE = 8
MOST_S = 5.0
"""Of one check, however long it may take by itself: a visit is not to wait for longer."""
LOOK_S = 10.0
"""Of all checks of one look; what is not reached by then is checked at the next."""

Id = Annotated[str, Text(128)]


@frozen(kw_only=True)
class Tallies:
    """The content of the file: by container id."""

    boot: Annotated[str, Text(64)]
    tallies: Annotated[Mapping[Id, Tally], Items(2048)]


class Checks:
    """The checks of the containers on one runtime."""

    def __init__(
        self, folder: pathlib.Path, boot: str, runtime: Runtime, clock: Callable[[], float]
    ) -> None:
        """`folder` belongs on tmpfs; `clock` counts the seconds since the start of the box."""
        self._path = folder / FILE
        self._boot = boot
        self._runtime = runtime
        self._clock = clock
        self._tallies: dict[str, Tally] | None = None

    def __call__(
        self, instances: Iterable[Instance], actual: tuple[Actual, ...]
    ) -> tuple[Actual, ...]:
        """Return the containers with the health that their checks say, done where they are due."""
        pairs = checks_of(instances, actual)
        if not pairs:
            return actual
        if self._tallies is None:
            self._tallies = self._load()
        before = dict(self._tallies)
        running = [(made, one) for made, one in pairs if one.phase is Phase.RUNNING]
        for _, one in running:
            kept = self._tallies.get(one.id)
            if kept is not None and kept.start != start_of(one):
                del self._tallies[one.id]
        found = self._all([pair for pair in running if self._is_due(*pair)])
        there = {one.id for one in actual}
        self._tallies = {id_: one for id_, one in self._tallies.items() if id_ in there}
        if self._tallies != before:
            self._save()
        checks = {one.id: made.health for made, one in running}
        return tuple(self._told(one, checks.get(one.id), found.get(one.id)) for one in actual)

    def _told(self, one: Actual, check: HealthCheck | None, found: CheckResult | None) -> Actual:
        """Return a container with its health, and when that is to be checked again."""
        after = self._with_health(one, check, found)
        kept = self._tally(one.id)
        if check is None or kept is None or not is_executors(check, one):
            return after
        return dataclasses.replace(after, check_in_s=due_in_s(kept, check, self._clock()))

    def _with_health(
        self, one: Actual, check: HealthCheck | None, found: CheckResult | None
    ) -> Actual:
        if found is not None:
            return dataclasses.replace(one, health=found.health, health_reason=found.reason)
        kept = self._tally(one.id)
        if kept is None:
            return one
        is_probe = check is not None and not check.command
        # A runtime that knows nothing of its checks is told by what its last one said.
        if is_probe or (one.health is Health.STARTING and kept.health is not Health.STARTING):
            return dataclasses.replace(one, health=kept.health, health_reason=kept.reason)
        if one.health_reason or one.health not in (Health.STARTING, Health.UNHEALTHY):
            return one
        return dataclasses.replace(one, health_reason=kept.reason)

    def _is_due(self, made: Container, one: Actual) -> bool:
        check, kept = made.health, self._tally(one.id)
        if check is None or not is_executors(check, one):
            return False
        return kept is None or due_in_s(kept, check, self._clock()) <= 0

    def _all(self, pairs: list[tuple[Container, Actual]]) -> dict[str, CheckResult]:
        """Do checks, several at once; return what they say by container id."""
        left, found = list(reversed(pairs)), dict[str, CheckResult]()
        until = time.monotonic() + LOOK_S

        def work() -> None:
            with contextlib.suppress(IndexError):
                while time.monotonic() < until:
                    made, one = left.pop()
                    found[one.id] = self._one(made, one)

        threads = [
            threading.Thread(target=work, name=f"checks-{number}", daemon=True)
            for number in range(min(MOST_AT_ONCE, len(pairs)) - 1)
        ]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        return found

    def _one(self, made: Container, one: Actual) -> CheckResult:
        check = made.health
        if check is None:
            return CheckResult(one.health, one.health_reason)
        port = check.http.port if check.http else check.tcp.port if check.tcp else None
        if port is None:
            return self._commanded(made, one)
        reached = reached_at(made, one, port)
        if reached is None:
            return CheckResult(Health.UNKNOWN, f"the box has no way to its port {port}")
        most_s = min(check.timeout_s, MOST_S)
        failed = (
            http_failure(reached, check.http, most_s)
            if check.http is not None
            else tcp_failure(reached, port, most_s)
        )
        return self._count(one, check, failed)

    def _commanded(self, made: Container, one: Actual) -> CheckResult:
        """Have the runtime run the command now."""
        try:
            found = self._runtime.checked(one.id)
        except RuntimeFailure as failure:
            found = CheckResult(one.health, one.health_reason or f"not checked: {failure}")
        check, tallies = made.health, self._tallies
        if check is None or tallies is None:
            return found
        if not self._runtime.counts_checks and found.health in (Health.HEALTHY, Health.UNHEALTHY):
            failed = found.reason if found.health is Health.UNHEALTHY else None
            return self._count(one, check, failed)
        now_s, kept = self._clock(), self._tally(one.id)
        if not self._runtime.counts_checks and kept is not None:
            tallies[one.id] = dataclasses.replace(kept, checked_s=now_s)
            return CheckResult(kept.health, kept.reason)
        tallies[one.id] = Tally(
            start=start_of(one), since_s=now_s, checked_s=now_s, health=found.health,
            reason=found.reason[:MAX_REASON],
        )  # fmt: skip
        return found

    def _count(self, one: Actual, check: HealthCheck, failed: str | None) -> CheckResult:
        kept = counted(self._tally(one.id), check, start_of(one), failed, self._clock())
        if self._tallies is not None:
            self._tallies[one.id] = kept
        return CheckResult(kept.health, kept.reason)

    def _tally(self, container: str) -> Tally | None:
        return (self._tallies or {}).get(container)

    def _load(self) -> dict[str, Tally]:
        try:
            data = whole_file.read(self._path, MAX_FILE_BYTES)
            found = codec.decode(Tallies, data or b"", strict=True, most=MAX_FILE_BYTES)
        except (OSError, ValueError, WireError):
            return {}
        return dict(found.tallies) if found.boot == self._boot else {}

    def _save(self) -> None:
        content = Tallies(boot=self._boot, tallies=self._tallies or {})
        try:
            prepare(self._path.parent)
            whole_file.write(self._path, codec.pack(content), durable=False)
        except (OSError, StateError):
            return  # the next run begins to count anew


def on_box(settings: Settings, runtime: Runtime) -> Checks:
    """Return the checks of a run on this box."""
    try:
        boot = boot_id(settings.root)
    except StateError:
        boot = ""
    return Checks(settings.run, boot, runtime, since_boot_s)
