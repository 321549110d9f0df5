"""Every sort of soak: what it does, how many by default, and what it makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab import (
    soak_broker,
    soak_disk,
    soak_hung,
    soak_kills,
    soak_links,
    soak_loss,
    soak_offline,
    soak_partitions,
    soak_power,
)
from lab.soak_progress import Progress


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One sort of soak. `count` is how many (of `unit`) where it is not given.

    `measure(count, seed, progress)` makes so many `one`s, of which `table` says what they came to.
    """

    words: str
    takes: str
    unit: str
    count: int
    one: type
    measure: Callable[[int, int, Progress[Any]], object]
    table: Callable[[Sequence[Any]], str]
    times: int = 1
    """`measure` does `count` so many times: in so many ways."""
    whole_boxes: bool = False
    """In user-mode-linux, of which the image must be there."""


RUNS: Mapping[str, Run] = {
    "kills": Run(
        "kill -9 of agent and executor at random points with 20 containers, an apply at each "
        "fifth: none restarted, doubled or orphaned, all as wanted within 5 s",
        "an hour", "kills", 1000, soak_kills.Kill,
        lambda count, seed, progress: soak_kills.kills(count, seed, progress=progress),
        soak_kills.table,
    ),
    "disk": Run(
        "the disk under agent, executor and then podman's store too is full at every write: no "
        "workload stops, all heals within a minute after",
        "each of three ways", "seconds", 600, soak_disk.Full,
        lambda count, _seed, progress: soak_disk.disks(float(count), progress=progress),
        soak_disk.table, times=len(soak_disk.PLACES),
    ),
    "hung": Run(
        "podman hangs, then is gone: said in the report, heartbeats, probes and the ends of "
        "leases go on, all as wanted within a minute after",
        "each of two ways", "seconds", 600, soak_hung.Away,
        lambda count, _seed, progress: soak_hung.aways(float(count), progress=progress),
        soak_hung.table, times=len(soak_hung.KINDS),
    ),
    "loss": Run(
        "boxes vanish from a fleet of 1,000 (simulated, on a real broker): 99 % of their services "
        "run elsewhere within 30 s of the last heartbeat, no other box is taken for lost",
        "ten minutes", "boxes", 50, soak_loss.Found, soak_loss.losses, soak_loss.table,
    ),
    "broker": Run(
        "the broker of 1,000 boxes (simulated) is away for 35 s by kill -9, and five boxes die "
        "meanwhile: no other box is taken for lost, those are within a bounded time",
        "five minutes each", "absences", 1, soak_broker.Found, soak_broker.aways, soak_broker.table,
    ),
    "power": Run(
        "power cuts in the middle of updates, pulls, first starts and ends: each comes up with "
        "one revision whole and converges",
        "two hours", "cuts", 200, soak_power.Cut,
        lambda count, seed, progress: soak_power.cuts(count, seed, progress=progress),
        soak_power.table, whole_boxes=True,
    ),
    "partitions": Run(
        "partitions, power losses, reboots and kills with two single-writer workloads that move "
        "between the two boxes of a pair, several pairs at once: never both at once",
        "an hour and a half", "troubles", 500, soak_partitions.Trouble,
        lambda count, seed, progress: soak_partitions.troubles(count, seed, progress=progress),
        soak_partitions.table, whole_boxes=True,
    ),
    "links": Run(
        "orders over 56 kbit/s, 600 ms +- 300, 5 % loss, blackouts of 30 s: every one converges, "
        "no box is taken for lost; traffic counted",
        "as long as that", "minutes", 60, soak_links.Ordered,
        lambda count, seed, progress: soak_links.links(float(count), seed, progress=progress),
        soak_links.table, whole_boxes=True,
    ),
    "offline": Run(
        "a boot without network, agent and executor, a clock in 1970, one ten years ahead, a boot "
        "in 1970 and the jump to now: what ran runs on, what has a lease waits for the hub",
        "six minutes", "courses", 4, soak_offline.Result,
        lambda count, _seed, progress: soak_offline.offline(count, progress),
        soak_offline.table, whole_boxes=True,
    ),
}  # fmt: skip
"""In the order in which they are listed."""
