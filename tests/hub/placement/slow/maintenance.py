"""Times of maintenance, in which nothing new comes to a node."""

import datetime
from collections.abc import Iterator

from tests.hub.placement.slow.fleet import Fleet, Reason, is_meant

from skerry_hub.documents import Window
from skerry_hub.model import Node, Workload

DAY_S = 86_400


def reasons(fleet: Fleet, _load: Workload, node: Node) -> Iterator[Reason]:
    """Give each window that is open."""
    for window in fleet.windows():
        end = open_until(window, fleet.now)
        if end is not None and is_meant(node, window.nodes):
            day = datetime.datetime.fromtimestamp(end, datetime.UTC)
            says = f"{day:%Y-%m-%d %H:%M} UTC", window.reason
            yield Reason(f"maintenance {window.name}", says)


def open_until(window: Window, now: float) -> float | None:
    """Return when the window ends that is open now, None where it is closed.

    One that is longer than it takes to come again never closes.
    """
    every_s = {"": None, "daily": DAY_S, "weekly": 7 * DAY_S}[window.repeats]
    start = window.start
    while every_s is not None and start + every_s <= now:
        start += every_s
    return start + window.duration_s if start <= now < start + window.duration_s else None
