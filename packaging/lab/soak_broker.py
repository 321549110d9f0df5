"""What a hub makes of it when its broker was away: who is lost that was there, who died meanwhile.

    python -m lab.soak_broker --boxes 300 --kill 3 --away 35

A real broker, which is ended by kill -9, and a real hub; the boxes are simulated (`lab.boxes`).
While the broker is away some boxes vanish. Nothing of the others may be moved, and what those had
runs elsewhere within a bounded time after the broker is back.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from lab.broker import Mosquitto
from lab.fleet import Hub
from lab.processes import LabError, wait_for
from lab.soak_loss import Farm, Wanted, elsewhere, moved, settle
from lab.soak_progress import Progress
from skerry_wire import reconnecting

AWAY_S = 35.0
REPLACED_S = 15.0
"""What judging, deciding and a box's start may take on a busy machine."""
PAUSED_S = 120.0
"""How much longer it may take with a box of which heartbeats came late before: on a busy machine a
pause of more than half of the tolerance is common, and the hub bears four times that."""
_NEW_CLIENT = re.compile(r"^(\d+): New client connected", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of it; seconds are counted from when the broker was back."""

    boxes: int
    away_s: float
    back_s: float
    """Until every box that is there was online again."""
    most_connects: int
    """In one second, after the broker was back."""
    false_losses: tuple[str, ...]
    """Nodes of which something was moved though they were there."""
    replaced_s: tuple[float, ...]
    """Until what the vanished boxes had ran elsewhere, sorted."""
    allowed_s: float
    """How long that may take with a box that never paused before, ..."""
    missing: tuple[str, ...]
    """... and what of vanished boxes ran nowhere else `PAUSED_S` later."""

    @property
    def met(self) -> bool:
        """Say whether nobody was falsely lost, and who vanished was lost in time."""
        return not self.false_losses and not self.missing

    @property
    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return dataclasses.asdict(self)


def measure(folder: pathlib.Path, wanted: Wanted, away_s: float) -> Found:
    """Start everything in a folder, have the broker go and come back, return what came of it."""
    broker = Mosquitto(folder / "broker")
    broker.start()
    options = ("--lost-after", str(wanted.lost_after_s), "--new-for", str(wanted.watch_s))
    hub = Hub(folder / "hub", broker, options)
    farm = None
    try:
        hub.start()
        farm = Farm(broker.url, hub.key, wanted)
        settle(folder, hub, farm, wanted)
        return _course(broker, hub, farm, wanted, away_s)
    finally:
        if farm is not None:
            farm.stop()
        hub.stop()
        broker.stop()


def _course(broker: Mosquitto, hub: Hub, farm: Farm, wanted: Wanted, away_s: float) -> Found:
    assert broker.process is not None
    broker.kill()
    gone_at = time.monotonic()
    step = max(1, len(farm.names) // max(wanted.kill, 1))  # not all of one site
    lost = {name: farm.vanish(name) for name in farm.names[::step][: wanted.kill]}
    time.sleep(max(0.0, gone_at + away_s - time.monotonic()))
    broker.start()
    back_at, back_time = time.monotonic(), time.time()
    there = wanted.boxes - len(lost)
    wait_for("every box to be back", lambda: _heard(hub, back_time) >= there, 300)
    back_s = time.monotonic() - back_at
    ceiling_s = reconnecting.ceiling_for(wanted.boxes)
    allowed_s = reconnecting.back_within_s(ceiling_s, away_s + wanted.heartbeat_s)
    allowed_s += wanted.lost_after_s + REPLACED_S
    ids = {one for _, instances in lost.values() for one in instances}
    while ids - elsewhere(farm, lost).keys() and time.monotonic() < back_at + allowed_s + PAUSED_S:
        time.sleep(1)
    found = elsewhere(farm, lost)
    return Found(
        boxes=wanted.boxes,
        away_s=away_s,
        back_s=round(back_s, 1),
        most_connects=most_in_a_second(broker.process.log(), back_time),
        false_losses=tuple(sorted(moved(hub) - lost.keys())),
        replaced_s=tuple(sorted(round(found[one] - back_time, 1) for one in ids & found.keys())),
        allowed_s=round(allowed_s, 1),
        missing=tuple(sorted(ids - found.keys())),
    )


def aways(count: int, seed: int, progress: Progress[Found] | None = None) -> list[Found]:
    """Have the broker of 1,000 boxes be away so many times, and return what was seen."""
    progress = progress or Progress(count, "absences")
    progress.begin()
    for number in range(count):
        with tempfile.TemporaryDirectory(prefix="broker-") as name:
            wanted = Wanted(kill=5, seed=seed + number)
            found = measure(pathlib.Path(name), wanted, AWAY_S)
        progress.add(found, table([found]))
    return progress.found


def table(found: Sequence[Found]) -> str:
    """Return what came of it, an absence a line."""
    return f"{len(found)} absences\n" + "\n".join(
        f"{one.boxes} boxes, broker away {one.away_s:g} s: all back after {one.back_s:g} s, "
        f"{one.most_connects} in the busiest second; what {len(one.replaced_s)} dead ones had ran "
        f"elsewhere {max(one.replaced_s, default=0.0):g} s after it was back; "
        f"not at all: {', '.join(one.missing) or 'none'}; "
        f"lost falsely: {', '.join(one.false_losses) or 'none'}"
        for one in found
    )


def most_in_a_second(log: str, since: float) -> int:
    """Return how many clients connected in the busiest second of a broker's log."""
    seconds = collections.Counter(int(one) for one in _NEW_CLIENT.findall(log))
    return max((count for at, count in seconds.items() if at >= int(since)), default=0)


def _heard(hub: Hub, since: float) -> int:
    return sum(one["last_seen"] >= since for one in hub.get("/api/v1/nodes")["items"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status: 0 when all is as wanted."""
    parser = argparse.ArgumentParser(prog="soak_broker", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--boxes", type=int, default=300)
    parser.add_argument("--kill", type=int, default=3)
    parser.add_argument("--away", type=float, default=AWAY_S, help="seconds")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-soak-"))
    try:
        found = measure(folder, Wanted(boxes=given.boxes, kill=given.kill), given.away)
    except LabError as error:
        print(f"soak_broker: {error}; everything is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    if given.output == "json":
        print(json.dumps(found.plain))
    else:
        print("\n".join(f"{name:14}{value}" for name, value in found.plain.items()))
    return 0 if found.met else 1


if __name__ == "__main__":
    raise SystemExit(main())
