"""How a command ends when it does not end well: exit statuses, and errors in words."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from skerry_cli.clean import clean

if TYPE_CHECKING:
    from skerry_cli.records import Problem


class Exit(enum.IntEnum):
    """The exit statuses, which scripts rely on."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_PLACED = 3
    TIMED_OUT = 4
    CHANGES_PENDING = 5
    STALE = 6
    DIFFERENT = 7
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class Failure(click.ClickException):
    """A command that failed; each line of the message is shown on stderr."""

    def __init__(self, message: str, status: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc] # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message, its control characters made visible."""
        for line in self.message.splitlines():
            click.echo(f"skerry: {clean(line)}", file=file, err=True)


class UnreachableError(Failure):
    """The hub did not answer. `passing`: it may, a moment later."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class UnexpectedAnswerError(Failure):
    """What answered does not speak as a hub of this version does."""


_OF_STATUS = {400: Exit.USAGE, 504: Exit.TIMED_OUT}
"""What the hub finds wrong with the request is wrong usage: of words and of files alike."""


class RefusedError(Failure):
    """The hub answered a request with problems; `lines` says each, `file:line: field: reason`."""

    def __init__(self, status: int, lines: Sequence[str], problems: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join(lines), _OF_STATUS.get(status, Exit.ERROR))
        self.status = status
        self.lines = tuple(lines)
        self._problems = tuple(problems)

    def placed(self, place: Callable[[Problem], Problem]) -> RefusedError:
        """Return the same, each problem told at another place."""
        if not self._problems:
            return self
        problems = [place(problem) for problem in self._problems]
        return RefusedError(self.status, [str(problem) for problem in problems], problems)

    @property
    def passing(self) -> bool:
        """Say whether the same request may be answered a moment later."""
        return self.status in (502, 503, 504)

    def as_stale(self) -> None:
        """Let the command end as one whose plan is stale, where the hub found another state."""
        if self.status == 409:
            self.exit_code = Exit.STALE  # type: ignore[misc] # click reads it from the instance

    @property
    def unknown_name(self) -> bool:
        """Say whether the hub does not know the thing that was asked for."""
        return self.status == 404

    def show(self, file: IO[Any] | None = None) -> None:
        """Write each problem as a line that editors can jump to."""
        for line in self.lines:
            click.echo(clean(line), file=file, err=True)
