"""Messages with something changed in them, in numbers: none may be accepted.

Each kind has the real code that takes such messages, and many good ones of which each attempt
changes something: bits, characters, whole parts, and parts of one in another. Before and after, a
good one must be accepted: else nothing would be shown.
"""

from __future__ import annotations

import dataclasses
import pathlib
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from lab import tampered_joining, tampered_signed
from lab.soak_progress import Progress

BATCH = 1000
MOST_TOLD = 5


class Target(Protocol):
    """What takes messages of a kind."""

    def attempt(self, chance: random.Random) -> str | None:
        """Offer something that was changed; say how where it was accepted, None where not."""

    def accepts_good(self) -> bool:
        """Say whether one is accepted in which nothing was changed."""

    def close(self) -> None:
        """End."""


KINDS: Mapping[str, Callable[[pathlib.Path], Target]] = {
    "requests": tampered_joining.Requests,
    "tokens": tampered_joining.Tokens,
    "orders": tampered_signed.Orders,
    "key changes": tampered_signed.KeysOfOrders,
    "targets": tampered_signed.TargetLists,
    "grants": tampered_signed.Grants,
    "instance requests": tampered_signed.Requests,
    "approvals": tampered_signed.Approvals,
}
"""The visible table: what is tampered with, and what takes it; each gets a folder of its own."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tampered:
    """Some attempts of one kind: how many were made, and which of them were accepted."""

    kind: str
    tried: int
    took_s: float
    accepted: tuple[str, ...]
    good: bool
    """Whether good ones were accepted, before and after."""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        return self.good and not self.accepted and self.tried > 0


def tamper(
    count: int, seed: int, progress: Progress[Tampered] | None = None, kinds: Sequence[str] = ()
) -> list[Tampered]:
    """Make so many attempts of each kind, and return what was seen."""
    progress = progress or Progress(count * len(kinds or KINDS), "attempts")
    progress.begin()
    for kind in kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="tamper-") as name:
            target = KINDS[kind](pathlib.Path(name))
            try:
                _tamper_with(kind, target, count, random.Random(f"{seed} {kind}"), progress)
            finally:
                target.close()
        if progress.ended:
            break
    return progress.found


def _tamper_with(
    kind: str, target: Target, count: int, chance: random.Random, progress: Progress[Tampered]
) -> None:
    left = count
    while left and not progress.ended:
        tried = min(BATCH, left)
        begun, good = time.monotonic(), target.accepts_good()
        said = [found for _ in range(tried) if (found := target.attempt(chance)) is not None]
        good = good and target.accepts_good()
        took_s = round(time.monotonic() - begun, 2)
        one = Tampered(kind, tried, took_s, tuple(said[:MOST_TOLD]), good)
        progress.add(one, "" if one.met else _line(one), tried)
        left -= tried


def _line(one: Tampered) -> str:
    said = f"accepted: {'; '.join(one.accepted)}" if one.accepted else "none accepted"
    return f"{one.kind}: {one.tried}, {said}{'' if one.good else ', but good ones were refused'}"


def table(found: Sequence[Tampered]) -> str:
    """Return what it came to, by kind."""
    lines = []
    for kind in dict.fromkeys(one.kind for one in found):
        ours = [one for one in found if one.kind == kind]
        tried, took_s = sum(one.tried for one in ours), sum(one.took_s for one in ours)
        wrong = [text for one in ours for text in one.accepted]
        said = f"ACCEPTED: {'; '.join(wrong[:MOST_TOLD])}" if wrong else "none accepted"
        lines.append(f"{kind}: {tried} changed ones, {said} ({took_s:.0f} s)")
    return "\n".join(lines) or "nothing was tried"
