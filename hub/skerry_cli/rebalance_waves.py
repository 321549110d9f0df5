"""The waves of a rebalance made, each when the last one runs; and how far that came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from skerry_cli import words
from skerry_cli.failures import Failure, RefusedError
from skerry_cli.goals import Goal, wait_for
from skerry_cli.hub import Hub, path
from skerry_cli.rebalance_text import Rebalance, Wave
from skerry_cli.records import part_of
from skerry_cli.screen import Screen


class Waves:
    """The waves of a plan of the hub, perhaps of a `file`, and how many of them run by now."""

    def __init__(
        self,
        screen: Screen,
        hub: Hub,
        answer: Mapping[str, Any],
        found: Rebalance,
        file: str,
        timeout_s: float,
    ) -> None:
        self._screen, self._hub, self._found = screen, hub, found
        self._plain: Sequence[Any] = part_of(answer, "waves")
        self._file, self._timeout_s = file, timeout_s
        self._done = 0

    @property
    def so_far(self) -> dict[str, int]:
        """Return how many waves and moves are made, for programs."""
        return {"waves_done": self._done, "moves_done": _count(self._found.waves[: self._done])}

    def make(self, before: int) -> None:
        """Make the waves, but for those that were made before. Raises Failure."""
        self._done = max(0, before - 1)
        for number in range(self._done, len(self._found.waves)):
            self._make(number, begun=number < before)
            self._done += 1
        if self._found.waves:
            self._screen.note(f"rebalanced: {self._told()}")

    def _make(self, number: int, *, begun: bool) -> None:
        """Make a wave, and wait until it runs; one that was begun before is only waited for."""
        wave, label = self._found.waves[number], f"wave {number + 1} of {len(self._found.waves)}"
        try:
            if begun:
                self._screen.note(f"{label} was made before; no other begins until it runs")
            else:
                self._begin(number, label)
                begun = True
                self._screen.note(f"{label}: {words.count(len(wave.moves), 'instance')} move")
            wait_for(self._screen, self._hub, _goals(wave), self._timeout_s)
        except (Failure, KeyboardInterrupt, click.Abort) as failure:
            if isinstance(failure, RefusedError) and not begun:
                failure.as_stale()
                self._screen.note(f"{label} refused; {self._told()}, and all of them run")
                raise
            how = "is under way and goes on" if begun else "may have been begun"
            self._screen.note(f"{label} {how}; no other is begun, {self._told()}")
            self._tell_how_to_go_on()
            raise

    def _begin(self, number: int, label: str) -> None:
        self._hub.deadline = None
        moves = part_of(self._plain[number], "moves")
        note = f"{self._found.objective}, {label}"
        self._hub.post(path("rebalance", "moves"), {"moves": moves, "note": note})

    def _tell_how_to_go_on(self) -> None:
        if self._file:
            self._screen.note(f"to go on: skerry rebalance --apply {self._file}")

    def _told(self) -> str:
        made = _count(self._found.waves[: self._done])
        return f"{made} of {words.count(_count(self._found.waves), 'move')} made"


def _count(waves: Sequence[Wave]) -> int:
    return sum(len(wave.moves) for wave in waves)


def _goals(wave: Wave) -> list[Goal]:
    return [
        goal
        for move in wave.moves
        for goal in (
            Goal("instance", move.instance, "healthy", move.target),
            Goal("instance", move.instance, "deleted", move.source),
        )
    ]
