"""An answer in parts, put in order as they come. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from skerry_wire.messages import Reply

MOST_AHEAD = 16
"""Parts that may be there before one that is missing; with more, it is lost."""


class Gap(Exception):  # noqa: N818 - what happened to the answer
    """A part is missing for good."""


class Parts:
    """The parts of one answer. The broker may bring one twice, or an older one after a newer."""

    def __init__(self) -> None:
        self._next = 0
        self._ahead: dict[int, Reply] = {}

    @property
    def waiting(self) -> Mapping[int, Reply]:
        """Return what came before its turn."""
        return self._ahead

    def take(self, reply: Reply) -> list[Reply]:
        """Return what may now be passed on, in order. Raises Gap."""
        if reply.part < self._next or reply.part in self._ahead:
            return []
        self._ahead[reply.part] = reply
        ready = []
        while self._next in self._ahead:
            ready.append(self._ahead.pop(self._next))
            self._next += 1
        if len(self._ahead) > MOST_AHEAD:
            raise Gap(f"part {self._next} of the answer was lost on the way")
        return ready
