"""What a command takes, read from its parser: so that no page can say what the program does not."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator

FILES = ("FILE", "PATH", "DIR")
"""Beginnings of names of values that are a place in the file system."""


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One option or argument. An argument has no flags; an option without a value no metavar."""

    flags: tuple[str, ...]
    metavar: str
    words: str
    choices: tuple[str, ...] = ()
    required: bool = False
    many: bool = False

    @property
    def is_file(self) -> bool:
        """Whether its value is a place in the file system."""
        return self.metavar.startswith(FILES)


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """A program, or one of its commands."""

    words: tuple[str, ...]
    summary: str
    description: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Option, ...]
    commands: tuple[Command, ...] = ()

    @property
    def name(self) -> str:
        """Return what stands on the command line."""
        return " ".join(self.words)

    @property
    def page(self) -> str:
        """Return the name of its man page."""
        return "-".join(self.words)


def read(parser: argparse.ArgumentParser, summary: str = "") -> Command:
    """Return what a parser takes, with all commands below it."""
    words = tuple(parser.prog.split())
    options, arguments, commands = [], [], []
    for action in parser._actions:  # argparse has no other door
        if isinstance(action, argparse._SubParsersAction):
            told = {one.dest: one.help or "" for one in action._choices_actions}
            for name, below in action.choices.items():
                commands.append(_named(read(below, told.get(name, "")), (*words, name)))
        elif action.help == argparse.SUPPRESS:
            continue
        elif action.option_strings:
            options.append(_option(parser, action))
        else:
            arguments.append(_option(parser, action))
    return Command(
        words=words,
        summary=summary,
        description=parser.description or "",
        epilog=parser.epilog or "",
        options=tuple(options),
        arguments=tuple(arguments),
        commands=tuple(commands),
    )


def every(command: Command) -> Iterator[Command]:
    """Yield a command and all that are below it."""
    yield command
    for below in command.commands:
        yield from every(below)


def _named(command: Command, words: tuple[str, ...]) -> Command:
    return dataclasses.replace(command, words=words)


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    takes_value = action.nargs != 0
    choices = tuple(str(one) for one in action.choices or ())
    given = action.metavar or ("|".join(choices) if choices else action.dest.upper())
    metavar = " ".join(given) if isinstance(given, tuple) else given
    formatter = parser._get_formatter()  # it alone fills %(default)s in
    return Option(
        flags=tuple(action.option_strings),
        metavar=metavar if takes_value or not action.option_strings else "",
        words=formatter._expand_help(action) if action.help else "",
        choices=choices,
        required=action.required,
        many=action.nargs in ("*", "+"),
    )
