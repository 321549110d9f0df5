"""Whether the box holds updates back, and what it says of that. Pure.

Its administrator may put a lock file there, for the box or for a workload, or name maintenance
windows in the policy. What runs is then not replaced; removals never wait, what is new only where
the policy says so.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from skerry_executor.switching import Held
from skerry_executor.windows import DAY_MIN, Window
from skerry_wire.frozen import frozen

LOCK_LOOK_S = 60.0
WINDOW_LOOK_MOST_S = 600.0
EARLIEST = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
"""When this version was made: a clock that says an earlier time is wrong."""


@frozen(kw_only=True)
class Holds:
    """What there is on the box: why it is held, or workloads of it are, by their lock files.

    `windows` are empty where updates may come at any time; `at` is the box's clock in the time in
    which they are written. `new`: what is new waits too.
    """

    box: str | None = None
    workloads: Mapping[str, str] = dataclasses.field(default_factory=dict)
    windows: Sequence[Window] = ()
    new: bool = False
    at: datetime.datetime = EARLIEST


def held(workload: str, holds: Holds) -> Held | None:
    """Return why instances of a workload are not replaced now; None when they may be."""
    reason = holds.box or holds.workloads.get(workload)
    if reason is not None:
        return Held(reason=reason, look_after_s=LOCK_LOOK_S, new=holds.new)
    return shut(holds)


def shut(holds: Holds) -> Held | None:
    """Return why no window is open; None when one is, or there are none."""
    if not holds.windows:
        return None
    at = holds.at
    if at < EARLIEST:
        reason = (
            f"the box's clock says {at:%Y-%m-%d %H:%M}, which cannot be: "
            "its maintenance windows stay shut"
        )
        return Held(reason=reason, look_after_s=LOCK_LOOK_S, new=holds.new)
    week_min = at.weekday() * DAY_MIN + at.hour * 60 + at.minute
    left_min = min(window.left_min(week_min) for window in holds.windows)
    if left_min == 0:
        return None
    opens = at + datetime.timedelta(minutes=left_min)
    zone = opens.tzname() or "local time"
    reason = f"outside the box's maintenance windows; the next opens {opens:%a %H:%M} {zone}"
    look_s = min(left_min * 60.0 - at.second, WINDOW_LOOK_MOST_S)
    return Held(reason=reason, look_after_s=max(look_s, 1.0), new=holds.new)
