"""`./dev soak`: faults in numbers, on real parts, for as long as that takes."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab import (
    soak_disk,
    soak_hung,
    soak_kills,
    soak_links,
    soak_loss,
    soak_offline,
    soak_partitions,
    soak_power,
)
from lab.debian import run
from lab.install import ROOT
from lab.processes import LabError

LOSS_S = 30.0
"""99 % of services run elsewhere so long after their node's last heartbeat."""
INSIDE = "SKERRY_SOAK_INSIDE"
"""Set within the network namespace of a run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a run came to: how many of what was wanted are `met`, in words, and each of them."""

    table: str
    met: int
    each: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One sort of fault. `count` is how many (of `unit`) where it is not given."""

    words: str
    takes: str
    unit: str
    count: int
    measure: Callable[[int, int], Result]
    whole_boxes: bool = False
    """In user-mode-linux, and so in a network namespace of its own."""


def _kills(count: int, seed: int) -> Result:
    found = soak_kills.kills(count, seed)
    return Result(soak_kills.table(found), sum(one.met for one in found), _plain(found))


def _disk(count: int, _seed: int) -> Result:
    found = soak_disk.disks(float(count))
    met = count if all(one.met for one in found) else 0
    return Result(soak_disk.table(found), met, _plain(found))


def _hung(count: int, _seed: int) -> Result:
    found = soak_hung.aways(float(count))
    met = int(min((one.for_s for one in found if one.met), default=0))
    return Result(
        soak_hung.table(found), met if all(one.met for one in found) else 0, _plain(found)
    )


def _power(count: int, seed: int) -> Result:
    found = soak_power.cuts((count + 1) // 2, seed)
    met = sum(one.converged_s is not None and not one.problem for one in found)
    return Result(soak_power.table(found), met, _plain(found))


def _partitions(count: int, seed: int) -> Result:
    found, _ = soak_partitions.troubles(count, seed)
    met = sum(not one.overlaps and not one.problem for one in found)
    return Result(soak_partitions.table(found), met, _plain(found))


def _links(count: int, seed: int) -> Result:
    seen = soak_links.links(float(count), seed)
    all_came = all(one.taken_s is not None for one in seen.orders)
    met = count if seen.orders and all_came and not seen.lost else 0
    return Result(soak_links.table(seen), met, _plain(seen.orders))


def _offline(count: int, _seed: int) -> Result:
    found = soak_offline.offline(count)
    met = sum(not one.problem for one in found)
    return Result(soak_offline.table(found), met, _plain(found))


def _loss(count: int, seed: int) -> Result:
    wanted = soak_loss.Wanted(kill=count, seed=seed)
    with tempfile.TemporaryDirectory(prefix="skerry-loss-") as name:
        found = soak_loss.measure(pathlib.Path(name), wanted)
    late = found.at(0.99)
    met = 0 if late is None or late > LOSS_S or found.false_losses else count - len(found.missing)
    words = {name: value for name, value in found.plain.items() if name != "seconds"}
    return Result(
        "\n".join(f"{name:14}{value}" for name, value in words.items()), met, [found.plain]
    )


RUNS: dict[str, Run] = {
    "kills": Run(
        "kill -9 of agent and executor at random points with 20 containers, an apply at each "
        "fifth: none restarted, doubled or orphaned, all as wanted within 5 s",
        "an hour", "kills", 1000, _kills,
    ),
    "disk": Run(
        "the disk under agent, executor and then podman's store too is full at every write: no "
        "workload stops, all heals within a minute after",
        "three times the seconds", "seconds", 600, _disk,
    ),
    "hung": Run(
        "podman hangs, then is gone: said in the report, heartbeats, probes and the ends of "
        "leases go on, all as wanted within a minute after",
        "twice the seconds", "seconds", 600, _hung,
    ),
    "loss": Run(
        "boxes vanish from a fleet of 1,000 (simulated, on a real broker): 99 % of their services "
        "run elsewhere within 30 s of the last heartbeat, no other box is taken for lost",
        "ten minutes", "boxes", 50, _loss,
    ),
    "power": Run(
        "power cuts of two boxes in the middle of updates, pulls, first starts and ends: each "
        "comes up with one revision whole and converges",
        "two hours", "cuts", 200, _power, whole_boxes=True,
    ),
    "partitions": Run(
        "partitions, power losses, reboots and kills with two single-writer workloads that move "
        "between two boxes: never both at once",
        "eight hours", "troubles", 500, _partitions, whole_boxes=True,
    ),
    "links": Run(
        "orders over 56 kbit/s, 600 ms +- 300, 5 % loss, blackouts of 30 s: every one converges, "
        "no box is taken for lost; traffic counted",
        "as long as that", "minutes", 60, _links, whole_boxes=True,
    ),
    "offline": Run(
        "a boot without network, agent and executor, a clock in 1970, one ten years ahead: what "
        "ran runs on, what has a lease waits for the hub",
        "four minutes", "courses", 3, _offline, whole_boxes=True,
    ),
}  # fmt: skip
"""In the order in which they are listed."""


def _plain(found: Sequence[Any]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(one) for one in found]


def main(arguments: Sequence[str] | None = None, runs: Mapping[str, Run] = RUNS) -> int:
    """Make one run; the exit status is 0 when all that was wanted is met."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = _parser(runs).parse_args(words)
    wanted = runs[given.name]
    if os.geteuid() != 0:
        print("./dev soak: only root may start containers and boxes", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if wanted.whole_boxes and INSIDE not in os.environ:
            return _in_a_network_of_its_own(words)
        return _measured(given, wanted)
    except LabError as error:
        print(f"./dev soak {given.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(*_signal: object) -> None:
    """End as Ctrl-C does: what was started is ended, and its folders go."""
    raise KeyboardInterrupt


def _measured(given: argparse.Namespace, run: Run) -> int:
    count = run.count if given.count is None else given.count
    print(f"{given.name}: {count} {run.unit}, seed {given.seed}", file=sys.stderr, flush=True)
    with contextlib.redirect_stdout(sys.stderr):
        result = run.measure(count, given.seed)
    if given.output == "json":
        print(json.dumps({"run": given.name, "wanted": count, **dataclasses.asdict(result)}))
    else:
        print(result.table)
        print(f"{result.met} of {count} {run.unit} as is asked for")
    return 0 if result.met >= count else 1


def _in_a_network_of_its_own(words: Sequence[str]) -> int:
    """Run the same within a network namespace, and remove that at the end."""
    from lab import uml_image  # noqa: PLC0415 - of no use to the others

    # Before: there is no network in there to fetch packages from.
    uml_image.image()
    name = f"skerry-soak-{os.getpid()}"
    run(["ip", "netns", "add", name])
    child = subprocess.Popen(
        ["ip", "netns", "exec", name, sys.executable, "-m", "lab.soak_main", *words],
        cwd=ROOT,
        env={**os.environ, INSIDE: name},
    )
    try:
        # Ctrl-C reaches the child, too, which cleans up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        return child.wait()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def _parser(runs: Mapping[str, Run]) -> argparse.ArgumentParser:
    listed = "\n".join(
        textwrap.fill(
            f"{name:<11} {run.words}. {run.count} {run.unit}, {run.takes}.",
            90,
            initial_indent="  ",
            subsequent_indent=" " * 14,
        )
        for name, run in runs.items()
    )
    parser = argparse.ArgumentParser(
        prog="./dev soak",
        description=f"{__doc__}\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit status: 0 all that was wanted is met, 1 not",
    )
    parser.add_argument("name", choices=list(runs), metavar="NAME", help=", ".join(runs))
    parser.add_argument("--count", type=_at_least_one, metavar="N", help="how many, or how long")
    parser.add_argument("--seed", type=int, default=1, help="what makes the choices (1)")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it is 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
