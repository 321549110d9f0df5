"""What the checks of a container that the executor does itself say of its health. Pure.

As the runtimes count: starting until the first success, or until so many failures in a row after
the start period; then healthy or unhealthy. What fails within the start period does not count.
The agent visits for them while all is at rest: see `outcome`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Annotated

from skerry_executor.actual import Actual
from skerry_executor.specs import spec_of
from skerry_wire.frozen import frozen
from skerry_wire.messages import Health
from skerry_wire.schema import Range, Sparse, Text
from skerry_wire.types import Count
from skerry_wire.workload import Container, HealthCheck, Instance

MAX_REASON = 300
LOCALHOST = "127.0.0.1"
BootSeconds = Annotated[float, Range(0, 2**40)]


@frozen(kw_only=True)
class Tally:
    """What is remembered of one start of a container: `start` tells it from another one.

    The seconds count from the start of the box.
    """

    start: Annotated[str, Text(200)]
    since_s: BootSeconds
    checked_s: BootSeconds
    failures: Count = 0
    health: Health = Health.STARTING
    reason: Annotated[str, Text(MAX_REASON), Sparse()] = ""
    """Why the last check failed; empty where it did not."""


@frozen()
class Reached:
    """Where a port of a container is reached from the box."""

    host: str
    port: int


def start_of(one: Actual) -> str:
    """Return what tells this start of a container from every other."""
    return f"{one.id[:64]} {one.pid or 0} {one.restarts}"


def is_executors(check: HealthCheck, one: Actual) -> bool:
    """Say whether the executor has to do a container's check: a probe, of which no runtime knows.

    A command, too, as long as the runtime does not say that it went well: it may have no timer.
    """
    return not check.command or one.health in (Health.STARTING, Health.UNHEALTHY)


def due_in_s(tally: Tally, check: HealthCheck, now_s: float) -> float:
    """Return in how long it is time for another check; 0: now."""
    return max(0.0, tally.checked_s + check.interval_s - now_s)


def counted(
    tally: Tally | None, check: HealthCheck, start: str, failed: str | None, now_s: float
) -> Tally:
    """Return the tally after one more check. `failed` says why it failed, None where it did not."""
    if tally is None:
        tally = Tally(start=start, since_s=now_s, checked_s=now_s)
    if failed is None:
        return dataclasses.replace(
            tally, checked_s=now_s, failures=0, health=Health.HEALTHY, reason=""
        )
    tally = dataclasses.replace(tally, checked_s=now_s, reason=failed[:MAX_REASON])
    starting = tally.health is Health.STARTING
    if starting and now_s - tally.since_s < check.start_period_s:
        return tally
    failures = tally.failures + 1
    if failures >= check.retries:
        return dataclasses.replace(tally, failures=failures, health=Health.UNHEALTHY)
    reason = streak(failures, check.retries, failed)[:MAX_REASON]
    return dataclasses.replace(tally, failures=failures, reason=reason)


def streak(failures: int, retries: int, reason: str) -> str:
    """Return why a check failed that has not failed often enough yet: `1 of 2 failures: ...`."""
    return f"{failures} of {retries} failures: {reason}"


def reached_at(container: Container, one: Actual, port: int) -> Reached | None:
    """Return where a port is reached; None where the box has no way to it."""
    if container.network == "host":
        return Reached(LOCALHOST, port)
    if one.address is not None:
        return Reached(one.address, port)
    for mapping in container.ports:
        if mapping.container == port and mapping.protocol == "tcp":
            host = mapping.host_ip if mapping.host_ip not in ("", "0.0.0.0", "::") else LOCALHOST  # noqa: S104
            return Reached(host, mapping.host)
    return None


def checks_of(
    instances: Iterable[Instance], actual: Iterable[Actual]
) -> list[tuple[Container, Actual]]:
    """Return the running containers that have a health check, each with what it was made from."""
    made = {
        (instance.id, spec_of(instance, container)): container
        for instance in instances
        for container in instance.containers
        if container.health is not None
    }
    if not made:
        return []
    pairs = ((made.get((one.instance, one.spec)), one) for one in actual)
    return [(container, one) for container, one in pairs if container is not None]
