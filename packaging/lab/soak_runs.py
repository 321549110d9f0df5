"""Every sort of soak: what it does, how many by default, and what it makes.

What is needed to make them is imported when that is asked for: help needs the words alone, and
comes before anything is installed.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.soak_progress import Progress


@dataclasses.dataclass(frozen=True, slots=True)
class Soak:
    """How a run is made: `measure(count, seed, progress)` makes so many `one`s.

    `table` says what those came to. `times`: it does `count` so many times, in so many ways.
    """

    one: type
    measure: Callable[[int, int, Progress[Any]], object]
    table: Callable[[Sequence[Any]], str]
    times: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One sort of soak in words. `count` is how many (of `unit`) where it is not given."""

    words: str
    takes: str
    unit: str
    count: int
    load: Callable[[], Soak]
    whole_boxes: bool = False
    """In user-mode-linux, of which the image must be there."""


def _kills() -> Soak:
    from lab import soak_kills as one

    return Soak(
        one.Kill,
        lambda count, seed, progress: one.kills(count, seed, progress=progress),
        one.table,
    )


def _disk() -> Soak:
    from lab import soak_disk as one

    return Soak(
        one.Full,
        lambda count, _seed, progress: one.disks(float(count), progress=progress),
        one.table,
        len(one.PLACES),
    )


def _hung() -> Soak:
    from lab import soak_hung as one

    return Soak(
        one.Away,
        lambda count, _seed, progress: one.aways(float(count), progress=progress),
        one.table,
        len(one.KINDS),
    )


def _loss() -> Soak:
    from lab import soak_loss as one

    return Soak(one.Found, one.losses, one.table)


def _broker() -> Soak:
    from lab import soak_broker as one

    return Soak(one.Found, one.aways, one.table)


def _storm() -> Soak:
    from lab import soak_storm as one

    return Soak(one.Found, one.storms, one.table)


def _power() -> Soak:
    from lab import soak_power as one

    return Soak(
        one.Cut, lambda count, seed, progress: one.cuts(count, seed, progress=progress), one.table
    )


def _partitions() -> Soak:
    from lab import soak_partitions as one

    return Soak(
        one.Trouble,
        lambda count, seed, progress: one.troubles(count, seed, progress=progress),
        one.table,
    )


def _links() -> Soak:
    from lab import soak_links as one

    return Soak(
        one.Ordered,
        lambda count, seed, progress: one.links(float(count), seed, progress=progress),
        one.table,
    )


def _offline() -> Soak:
    from lab import soak_offline as one

    return Soak(one.Result, lambda count, _seed, progress: one.offline(count, progress), one.table)


def _tamper() -> Soak:
    from lab import soak_tamper as one

    return Soak(one.Tampered, one.tamper, one.table, len(one.KINDS))


RUNS: Mapping[str, Run] = {
    "kills": Run(
        "kill -9 of agent and executor at random points with 20 containers, an apply at each "
        "fifth: none restarted, doubled or orphaned, all as wanted within 5 s",
        "an hour", "kills", 1000, _kills,
    ),
    "disk": Run(
        "the disk under agent, executor and then podman's store too is full at every write: no "
        "workload stops, all heals within a minute after",
        "each of three ways", "seconds", 600, _disk,
    ),
    "hung": Run(
        "podman hangs, then is gone: said in the report, heartbeats, probes and the ends of "
        "leases go on, all as wanted within a minute after",
        "each of two ways", "seconds", 600, _hung,
    ),
    "loss": Run(
        "boxes vanish from a fleet of 1,000 (simulated, on a real broker): 99 % of their services "
        "run elsewhere within 30 s of the last heartbeat, no other box is taken for lost",
        "ten minutes", "boxes", 50, _loss,
    ),
    "broker": Run(
        "the broker of 1,000 boxes (simulated) is away for 35 s by kill -9, and five boxes die "
        "meanwhile: no other box is taken for lost, those are within a bounded time",
        "five minutes each", "absences", 1, _broker,
    ),
    "storm": Run(
        "the broker of 1,000 boxes with certificates (simulated) is killed, and away for 1, 8 and "
        "35 s in turn: all are back within 60 s, never more than 100 connections in a second; who "
        "is refused asks at most once a minute after five minutes",
        "a quarter of an hour for three", "absences", 3, _storm,
    ),
    "power": Run(
        "power cuts in the middle of updates, pulls, first starts and ends: each comes up with "
        "one revision whole and converges",
        "two hours", "cuts", 200, _power, whole_boxes=True,
    ),
    "partitions": Run(
        "partitions, power losses, reboots and kills with two single-writer workloads that move "
        "between the two boxes of a pair, several pairs at once: never both at once",
        "an hour and a half", "troubles", 500, _partitions, whole_boxes=True,
    ),
    "links": Run(
        "orders over 56 kbit/s, 600 ms +- 300, 5 % loss, blackouts of 30 s: every one converges, "
        "no box is taken for lost; traffic counted",
        "as long as that", "minutes", 60, _links, whole_boxes=True,
    ),
    "offline": Run(
        "a boot without network, agent and executor, a clock in 1970, one ten years ahead, a boot "
        "in 1970 and the jump to now: what ran runs on, what has a lease waits for the hub",
        "six minutes", "courses", 4, _offline, whole_boxes=True,
    ),
    "tamper": Run(
        "requests for certificates, join tokens, orders and all else that the hub or a second "
        "person signs, with something changed: none is accepted, good ones are, before and after",
        "each of eight kinds, half an hour", "attempts", 100_000, _tamper,
    ),
}  # fmt: skip
"""In the order in which they are listed."""
