"""Looks for what holds updates back on the box: lock files, windows of the policy, the clock.

A lock file holds by being there; its first line says why. `hold` is for the whole box, a file in
`hold.d` for the workload whose name it has. They lie beside the policy, where they outlive a start
of the box, and in /run/skerry, where they do not.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import time

from skerry_executor.holding import Holds
from skerry_executor.settings import Settings
from skerry_executor.windows import parse_window
from skerry_wire.box_policy import Updates

LOCK = "hold"
WORKLOADS = "hold.d"
MAX_LINE_BYTES = 300
MAX_WORKLOADS = 512


def folders(settings: Settings) -> tuple[pathlib.Path, ...]:
    """Return where lock files may lie."""
    return settings.policy.parent, settings.root / "run" / "skerry"


def read_holds(settings: Settings, updates: Updates) -> Holds:
    """Return what holds updates back now. A file that cannot be read holds too."""
    places = folders(settings)
    boxes = [reason for place in places if (reason := _reason(place / LOCK)) is not None]
    workloads: dict[str, str] = {}
    for place in places:
        for name in _names(place / WORKLOADS):
            reason = _reason(place / WORKLOADS / name)
            if reason is not None:
                workloads.setdefault(name, reason)
    now = datetime.datetime.fromtimestamp(time.time(), tz=datetime.UTC)
    return Holds(
        box=boxes[0] if boxes else None,
        workloads=workloads,
        windows=tuple(parse_window(text) for text in updates.windows),
        new=updates.new == "hold",
        at=now.astimezone() if updates.time == "local" else now,
    )


def _names(folder: pathlib.Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:MAX_WORKLOADS]
    except OSError:
        return []


def _reason(path: pathlib.Path) -> str | None:
    """Return why a lock file holds, or None when it is not there."""
    if not os.path.lexists(path):
        return None
    try:
        # Not to wait for a pipe that somebody put there.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            line = file.read(MAX_LINE_BYTES).partition(b"\n")[0].decode(errors="replace")
    except OSError:
        line = ""
    words = "".join(c if c.isprintable() else " " for c in line).strip()
    return f"{path} holds it back" + (f": {words}" if words else "")
