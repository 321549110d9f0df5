"""Asks a person before what cannot be undone: the one place that does, so it is always the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from skerry_cli.failures import Exit, Failure

F = TypeVar("F", bound=Callable[..., Any])


def yes_option(text: str = "Do not ask. Without a terminal it must be given.") -> Callable[[F], F]:
    """Let a command take -y."""
    return click.option("-y", "--yes", is_flag=True, help=text)


def confirm(question: str, *, yes: bool) -> None:
    """Go on if a person says so, or if the command line did. Raises Failure."""
    if not agreed(question, yes=yes):
        raise Failure("nothing was done", Exit.ERROR)


def agreed(question: str, *, yes: bool) -> bool:
    """Return what a person says, or the command line did. Raises Failure."""
    check_asking(question, yes=yes)
    return yes or click.confirm(question, err=True)


def check_asking(question: str, *, yes: bool) -> None:
    """Refuse where nobody can be asked: that nobody says no is not a yes. Raises Failure."""
    if not yes and not sys.stdin.isatty():
        raise Failure(
            f"{question} There is no terminal to ask at, so nothing was done: give -y to do it",
            Exit.USAGE,
        )
