"""Which instances may be updated next: waves, the canary, how many at once. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.counting import many
from skerry_hub.rollout.looking import Seen
from skerry_hub.rollout.records import Member, Rollout

HELD_TURN_S = 300.0
"""How long a box that holds its update back has its place while others like it wait for one."""


def wave_order(value: str) -> tuple[bool, str]:
    """Sort the values of a label: nodes that lack it are the last wave."""
    return not value, value


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """Who is next, and, where it is nobody, why.

    `withdrawn` are those whose boxes hold them back and whose places others can use; at `look_at`
    there may be more of them.
    """

    members: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    look_at: float | None = None
    canary: Literal["", "over", "failed"] = ""
    """Whether those that were tried first have all ended, and none of them is done."""
    blocked: bool = False
    """Whether somebody waits and may not, because of those that are unavailable."""


def next_turn(
    rollout: Rollout,
    update: Update,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    now: float,
) -> Turn:
    """Return which waiting members get the new content now.

    No more than `max_unavailable` are at work or do not run for another reason, those on nodes that
    are away left out. Those that do not run anyway, and those that another rollout was at, come
    first: for them nothing more stops. Those that their boxes hold back count as at work: all of
    them may begin at one moment. They give their places to those that are not known to be held, and
    after a while to each other.
    """
    waiting = _reachable_waiting(members, seen)
    canary = _canary_left(rollout, update, members, seen)
    if canary is not None and canary.over and waiting:
        return Turn(canary="over" if canary.done else "failed")
    if update.wave_by:
        wave = min((wave_order(seen[key].wave) for key in _unfinished(members, seen)), default=None)
        # Those that are held back are waited for by no wave, and come when it is theirs or later.
        waiting = [key for key in waiting if wave is None or wave_order(seen[key].wave) <= wave]
    if not waiting:
        return Turn()
    turn = _chosen(rollout, update, members, seen, waiting, canary)
    left = [members[key] for key in waiting if key not in turn.members]
    return _with_withdrawn(turn, left, members, seen, now)


def _with_withdrawn(
    turn: Turn,
    left: list[Member],
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    now: float,
) -> Turn:
    """Return a turn with those whose places others need, who have held theirs for longest."""
    held = [
        one
        for key, one in members.items()
        if one.state == "updating" and one.held and one.former is not None
        if key in seen and seen[key].online and not seen[key].moved
    ]
    if not left or not held:
        return turn
    held.sort(key=lambda one: (one.held_since or 0.0, one.id))
    going = sum(one.withdrawn for one in members.values())
    free = sum(not one.held for one in left) - going
    over = [one for one in held if (one.held_since or 0.0) + HELD_TURN_S <= now]
    count = max(free, min(len(over), len(left) - going), 0)
    look_at = min((one.held_since or 0.0) + HELD_TURN_S for one in held[count:] or held)
    return dataclasses.replace(
        turn,
        withdrawn=tuple(one.id for one in held[:count]),
        look_at=look_at if look_at > now else None,
        blocked=False,
    )


def _chosen(
    rollout: Rollout,
    update: Update,
    members: Mapping[str, Member],
    seen: Mapping[str, Seen],
    waiting: list[str],
    canary: _Canary | None,
) -> Turn:
    most = many(update.max_unavailable, max(rollout.total, 1))
    at_work = sum(_is_at_work(one, seen[key]) for key, one in members.items() if key in seen)
    broken = {key for key, one in members.items() if key in seen and _is_broken(one, seen[key])}
    waiting.sort(key=lambda key: _rank(members[key], key in broken, seen[key]))
    slots = most - at_work
    if canary is not None:
        slots = min(slots, canary.left)
    chosen: list[str] = []
    others = len(broken)
    for key in waiting:
        if slots <= len(chosen):
            break
        if key in broken:
            others -= 1
        elif at_work + len(chosen) + others >= most:
            break
        chosen.append(key)
    blocked = not chosen and not at_work and (canary is None or canary.left > 0)
    return Turn(tuple(chosen), blocked=blocked)


@dataclasses.dataclass(frozen=True, slots=True)
class _Canary:
    left: int
    done: int
    over: bool


def _canary_left(
    rollout: Rollout, update: Update, members: Mapping[str, Member], seen: Mapping[str, Seen]
) -> _Canary | None:
    """Return how many more may be tried first; None where that is past."""
    if rollout.strategy != "canary" or rollout.canary_passed:
        return None
    most = many(update.canary, max(rollout.total - rollout.already, 1))
    tried = [
        one
        for key, one in members.items()
        if (one.state != "waiting" or one.withdrawn) and key in seen and not one.away
    ]
    done = sum(one.state == "done" for one in tried)
    ended = sum(one.state in ("done", "failed") for one in tried)
    return _Canary(left=most - len(tried), done=done, over=len(tried) >= most <= ended)


def _reachable_waiting(members: Mapping[str, Member], seen: Mapping[str, Seen]) -> list[str]:
    return [
        key
        for key, one in members.items()
        if one.state == "waiting"
        and not one.withdrawn
        and key in seen
        and seen[key].online
        and not seen[key].unplaced
    ]


def _unfinished(members: Mapping[str, Member], seen: Mapping[str, Seen]) -> Iterable[str]:
    """Yield those for which a wave waits."""
    for key, one in members.items():
        if key not in seen or seen[key].away or seen[key].unplaced or one.held:
            continue
        if one.state in ("waiting", "updating"):
            yield key


def _is_at_work(member: Member, seen: Seen) -> bool:
    return (member.state == "updating" or member.withdrawn) and not seen.away


def _is_broken(member: Member, seen: Seen) -> bool:
    """Say whether it does not run though nobody is at it."""
    if not seen.online or _is_at_work(member, seen):
        return False
    return not seen.available


def _rank(member: Member, broken: bool, seen: Seen) -> tuple[object, ...]:
    turn = member.since if member.held else 0.0
    wave = wave_order(seen.wave)
    return (
        member.held,
        turn,
        not broken,
        not member.was_updating,
        wave,
        seen.to_place,
        member.id,
    )
