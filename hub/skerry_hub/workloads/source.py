"""Where a workload was asked for, for what is wrong with it beside what a hub knows. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from skerry_hub.views import Problem

Place = tuple[str, int]
"""A path in a file, and its line."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One workload's place in a file, or in a request, where there is no file.

    `parts` has the places of the record's fields (`expressions[2]`); without them a field is told
    in the record's own words, below `field`.
    """

    file: str | None = None
    line: int | None = None
    field: str = ""
    parts: Mapping[str, Place] | None = None

    def problem(self, reason: str, part: str = "") -> Problem:
        """Return what is wrong with a field of the workload, told where people wrote it."""
        if self.parts is None:
            below = ".".join(filter(None, (self.field, part)))
            return Problem(reason=reason, field=below or None)
        field, line = self.parts.get(part, (self.field, self.line))
        return Problem(reason=reason, file=self.file, line=line, field=field)


NOWHERE = Source()
"""Of a workload that was not asked for just now."""
