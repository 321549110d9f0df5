"""How long it takes from a node's last heartbeat to its services running elsewhere.

    python -m lab.soak_loss --boxes 1000 --kill 50

A real broker and a real hub; the boxes are simulated (`lab.boxes`), in processes of their own. Boxes
vanish without a word at random times. What is measured is by this machine's one clock: from when a
box sent its last heartbeat to when another took the order for what it ran. Boxes that nobody ended
and whose instances were moved are lost falsely.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import pathlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from lab.boxes import Boxes, standing
from lab.broker import Mosquitto
from lab.fleet import Hub
from lab.processes import LabError, wait_for
from lab.soak_progress import Progress

PER_PROCESS = 150
"""Boxes in one process: each has five descriptors, of which `select` takes 1,024."""
LATE_S = 30.0
"""99 % of services run elsewhere so long after their node's last heartbeat."""
SETTLE_S = 45.0
"""How long after the last loss everything must run elsewhere, beside the tolerance."""

COMPOSE = """\
name: soak
services:
  web:
    image: localhost/skerry-demo-web:1
    deploy:
      replicas: {replicas}
      resources: {{reservations: {{cpus: "0.1", memory: 32M}}}}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is measured: so many boxes, of which some vanish within `within_s`."""

    boxes: int = 1000
    kill: int = 50
    heartbeat_s: float = 5.0
    lost_after_s: float = 15.0
    watch_s: float = 60.0
    """How long the hub watches a node until it knows its link, and how long is waited for that."""
    within_s: float = 120.0
    seed: int = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Seconds from a last heartbeat to each of its instances running elsewhere, sorted."""

    boxes: int
    killed: int
    instances: int
    seconds: tuple[float, ...]
    missing: tuple[str, ...]
    """Instances of boxes that vanished, and that ran nowhere else at the end."""
    false_losses: tuple[str, ...]
    """Nodes of which something was moved though they were there."""

    def at(self, part: float) -> float | None:
        """Return the seconds below which this part of all lies."""
        if not self.seconds:
            return None
        return self.seconds[min(len(self.seconds) - 1, int(part * len(self.seconds)))]

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        late_s = self.at(0.99)
        in_time = late_s is not None and late_s <= LATE_S
        return in_time and not self.missing and not self.false_losses

    @property
    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            **dataclasses.asdict(self),
            "p50_s": self.at(0.5),
            "p99_s": self.at(0.99),
            "max_s": self.at(1.0),
        }


# --- boxes, in processes of their own -----------------------------------------------------------


def _serve(
    pipe: Connection, broker_url: str, key: str, names: Sequence[str], wanted: Wanted
) -> None:
    """Run boxes, and do what the other end of the pipe asks."""
    made = standing(wanted.boxes)
    boxes = Boxes(broker_url, key, {name: made[name] for name in names}, {})
    for box in boxes:
        box.settings = dataclasses.replace(
            box.settings, heartbeat_s=wanted.heartbeat_s, round_trips=False
        )
    boxes.start()
    while True:
        verb, name = pipe.recv()
        if verb == "end":
            break
        if verb == "vanish":
            box = boxes[name]
            box.vanish()
            pipe.send((box.beat_at, box.instances))
        if verb == "running":
            pipe.send({box.node: dict(box.hand.since) for box in boxes})


class Farm:
    """All boxes, by processes."""

    def __init__(self, broker_url: str, key: str, wanted: Wanted) -> None:
        context = multiprocessing.get_context("spawn")
        self.names = tuple(standing(wanted.boxes))
        self._pipes: dict[str, Connection] = {}
        self._processes = []
        for start in range(0, len(self.names), PER_PROCESS):
            names = self.names[start : start + PER_PROCESS]
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, broker_url, key, names, wanted))
            process.start()
            self._processes.append(process)
            self._pipes.update(dict.fromkeys(names, ours))

    def vanish(self, name: str) -> tuple[float, tuple[str, ...]]:
        """End a box without a word; return when it last beat, and what it ran."""
        self._pipes[name].send(("vanish", name))
        beat_at, instances = self._pipes[name].recv()
        return beat_at, instances

    def running(self) -> dict[str, dict[str, float]]:
        """Return since when each instance runs, by node."""
        found: dict[str, dict[str, float]] = {}
        for pipe in {id(one): one for one in self._pipes.values()}.values():
            pipe.send(("running", ""))
            found |= pipe.recv()
        return found

    def stop(self) -> None:
        """End all."""
        for pipe in {id(one): one for one in self._pipes.values()}.values():
            pipe.send(("end", ""))
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()


# --- the course ---------------------------------------------------------------------------------


def measure(folder: pathlib.Path, wanted: Wanted) -> Found:
    """Start everything in a folder, let boxes vanish, and return what came of it."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    options = ("--lost-after", str(wanted.lost_after_s), "--new-for", str(wanted.watch_s))
    hub = Hub(folder / "hub", broker, options)
    farm = None
    try:
        hub.start()
        farm = Farm(broker.url, hub.key, wanted)
        settle(folder, hub, farm, wanted)
        return _course(hub, farm, wanted)
    finally:
        if farm is not None:
            farm.stop()
        hub.stop()
        broker.stop()


def settle(folder: pathlib.Path, hub: Hub, farm: Farm, wanted: Wanted) -> None:
    """Have every box run something, and wait until the hub knows its link."""
    wait_for("every box to be online", lambda: online(hub) == wanted.boxes, 300)
    (folder / "soak.yaml").write_text(COMPOSE.format(replicas=wanted.boxes))
    hub.cli("apply", "-f", str(folder / "soak.yaml"))
    wait_for("every instance to run", lambda: _count(farm) == wanted.boxes, 300)
    time.sleep(wanted.watch_s + 3 * wanted.heartbeat_s)


def _course(hub: Hub, farm: Farm, wanted: Wanted) -> Found:
    chance = random.Random(wanted.seed)
    names = chance.sample(farm.names, wanted.kill)
    times = sorted(chance.uniform(0, wanted.within_s) for _ in names)
    start, lost = time.monotonic(), {}
    for name, at in zip(names, times, strict=True):
        time.sleep(max(0.0, start + at - time.monotonic()))
        lost[name] = farm.vanish(name)
    wanted_ids = {one for _, instances in lost.values() for one in instances}
    deadline = time.monotonic() + wanted.lost_after_s + SETTLE_S
    while wanted_ids - elsewhere(farm, lost).keys() and time.monotonic() < deadline:
        time.sleep(1)
    found = elsewhere(farm, lost)
    # Where the box to which an instance went has vanished too, the last time counts.
    last = {one: at for at, ones in sorted(lost.values()) for one in ones}
    seconds = [found[one] - at for one, at in last.items() if one in found]
    return Found(
        boxes=wanted.boxes,
        killed=len(lost),
        instances=len(wanted_ids),
        seconds=tuple(sorted(round(one, 3) for one in seconds)),
        missing=tuple(sorted(wanted_ids - found.keys())),
        false_losses=tuple(sorted(moved(hub) - lost.keys())),
    )


def losses(count: int, seed: int, progress: Progress[Found] | None = None) -> list[Found]:
    """Let so many boxes vanish from a thousand, and return what was seen: one course."""
    progress = progress or Progress(count, "boxes")
    progress.begin()
    with tempfile.TemporaryDirectory(prefix="loss-") as name:
        found = measure(pathlib.Path(name), Wanted(kill=count, seed=seed))
    progress.add(found, table([found]), found.killed)
    return progress.found


def table(found: Sequence[Found]) -> str:
    """Return what the courses came to, together."""
    seconds = tuple(sorted(one for course in found for one in course.seconds))
    together = Found(
        boxes=max((course.boxes for course in found), default=0),
        killed=sum(course.killed for course in found),
        instances=sum(course.instances for course in found),
        seconds=seconds,
        missing=tuple(one for course in found for one in course.missing),
        false_losses=tuple(one for course in found for one in course.false_losses),
    )
    p50, p99, most = (together.at(part) or 0.0 for part in (0.5, 0.99, 1.0))
    return (
        f"{together.killed} boxes of {together.boxes} vanished with {together.instances} instances: "
        f"these ran elsewhere after {p50:.1f} s (median), {p99:.1f} s (99 %), {most:.1f} s at most; "
        f"not at all: {', '.join(together.missing) or 'none'}; "
        f"lost falsely: {', '.join(together.false_losses) or 'none'}"
    )


def elsewhere(farm: Farm, lost: Mapping[str, Any]) -> dict[str, float]:
    """Return since when instances run on boxes that are there."""
    return {
        instance: since
        for name, ones in farm.running().items()
        if name not in lost
        for instance, since in ones.items()
    }


def _count(farm: Farm) -> int:
    return sum(map(len, farm.running().values()))


def online(hub: Hub) -> int:
    """Return how many nodes are there, with what they have."""
    items = hub.get("/api/v1/nodes")["items"]
    return sum(1 for one in items if one["liveness"] == "online" and one["capability"])


def moved(hub: Hub) -> set[str]:
    """Return the nodes of which something was replaced."""
    items = hub.get("/api/v1/events?limit=10000")["items"]
    return {one["node"] for one in items if one["kind"] == "replaced"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status: 0 when nothing is missing or falsely lost."""
    usual = Wanted()
    parser = argparse.ArgumentParser(prog="soak_loss", description=__doc__.split("\n\n", 1)[0])
    for name, kind in Wanted.__annotations__.items():
        default = getattr(usual, name)
        flag = f"--{name.removesuffix('_s').replace('_', '-')}"
        parser.add_argument(
            flag, dest=name, type=type(default), default=default, help=f"{kind}, {default}"
        )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    given = vars(parser.parse_args(arguments))
    output = given.pop("output")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-soak-"))
    try:
        found = measure(folder, Wanted(**given))
    except LabError as error:
        print(f"soak_loss: {error}; everything is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    if output == "json":
        print(json.dumps(found.plain))
    else:
        for name, value in found.plain.items():
            print(f"{name:14}{len(value) if name == 'seconds' else value}")
    return 1 if found.missing or found.false_losses else 0


if __name__ == "__main__":
    raise SystemExit(main())
