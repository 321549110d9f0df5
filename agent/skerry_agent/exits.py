"""When to look because an instance has ended: at once, and more seldom at one that keeps ending.

Pure. Each instance has its own pace: one that loops does not keep the others' ends from being seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry_wire.frozen import frozen

MOST_DOUBLED = 30


@frozen()
class Ended:
    """The last end of an instance, how many came shortly after another, and the look for it."""

    at: float
    streak: int
    look_at: float


Exits = Mapping[str, Ended]


def ended(
    exits: Exits, instance: str, now: float, *, gap_s: float, gap_most_s: float, calm_s: float
) -> Exits:
    """Return the ends with one more. Those that are calm since are forgotten.

    `gap_s` is the least time between two looks at one instance; it doubles with each end, up to
    `gap_most_s`, until it did not end for `calm_s`.
    """
    recent = {name: one for name, one in exits.items() if now - one.at <= calm_s}
    before = recent.get(instance)
    if before is None:
        return {**recent, instance: Ended(now, 0, now)}
    streak = before.streak + 1
    gap = min(gap_most_s, gap_s * 2.0 ** min(streak, MOST_DOUBLED))
    return {**recent, instance: Ended(now, streak, max(now, before.look_at + gap))}
