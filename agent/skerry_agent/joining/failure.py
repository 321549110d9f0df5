"""Why a box could not join, or renew: one error, whose text says what to do."""

from __future__ import annotations


class JoinError(Exception):
    """It did not work; the text says why and what to do.

    `is_temporary`: the same may work later. `after_s`: not before, as the hub asks.
    `is_refused`: the hub has answered, and said no.
    """

    def __init__(
        self,
        text: str,
        *,
        is_temporary: bool = False,
        is_refused: bool = False,
        after_s: float = 0.0,
    ) -> None:
        super().__init__(text)
        self.is_temporary = is_temporary
        self.is_refused = is_refused
        self.after_s = after_s
