"""What is wrong with files: every problem with its file, line and field, up to a limit. Pure.

A warning is told likewise, and refuses nothing: what is taken means less here than it says.
"""

from __future__ import annotations

from collections.abc import Sequence

from skerry_hub.views import Problem

MAX_PROBLEMS = 100
"""Most problems that are told of one file. Nobody reads more, and a bad file may hold thousands."""

_LONGEST_KEY = 80


class RefusedError(Exception):
    """One value that cannot be taken; says why. `field` and `line` where they are not its own."""

    def __init__(self, reason: str, field: str | None = None, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.line = line


class TooManyProblemsError(Exception):
    """MAX_PROBLEMS are known; the rest of the file is not looked at."""


class Problems:
    """The problems of one file, or of a request without one."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self._found: list[Problem] = []
        self._warnings: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, reason: str, field: str | None = None, line: int | None = None) -> None:
        """Note a problem. Raises TooManyProblemsError when it is one too many."""
        if len(self._found) >= MAX_PROBLEMS:
            self._found.append(
                Problem(
                    reason=f"has more than {MAX_PROBLEMS} problems; the rest was not looked at",
                    file=self.file,
                )
            )
            raise TooManyProblemsError
        self._found.append(Problem(reason=reason, file=self.file, line=line, field=field or None))

    def warn(self, reason: str, field: str, line: int) -> None:
        """Note a warning; more than MAX_PROBLEMS are not kept."""
        if len(self._warnings) < MAX_PROBLEMS:
            self._warnings.append(Problem(reason=reason, file=self.file, line=line, field=field))

    def in_order(self) -> tuple[Problem, ...]:
        """Return the problems as people read the file; what belongs to no line comes last."""
        return _by_line(self._found)

    def warnings_in_order(self) -> tuple[Problem, ...]:
        """Return the warnings likewise."""
        return _by_line(self._warnings)


def _by_line(found: Sequence[Problem]) -> tuple[Problem, ...]:
    last = 1 + max((one.line or 0 for one in found), default=0)
    return tuple(sorted(found, key=lambda one: one.line or last))


def under(field: str, key: str) -> str:
    """Return the path of a key of a mapping. Keys are whatever a file says: none is long."""
    short = key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + "..."
    return f"{field}.{short}" if field else short


def short(text: str) -> str:
    """Return a text as it may stand in a reason: quoted, escaped and not long."""
    return repr(text if len(text) <= _LONGEST_KEY else text[:_LONGEST_KEY] + "...")
