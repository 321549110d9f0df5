"""The commands in the documents are ones that the command line takes."""

import pathlib
import re
import shlex

import click
import pytest

from skerry_cli.main import cli

ROOT = pathlib.Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md")
BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
LINE = re.compile(r"^(?:\$ |.*\| )?skerry (.+)$", re.MULTILINE)
INLINE = re.compile(r"`skerry ([^`]+)`")
SAID_OF_IT = re.compile(r"\s{3,}.*| > \S+$")
"""What follows a command in its line: words about it, or where its output goes."""


def commands():
    """Yield (page, command, whole): one that is not whole may lack arguments."""
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.findall(text):
            for line in LINE.findall(block):
                yield page.name, line, True
        for line in INLINE.findall(BLOCK.sub("", text)):
            yield page.name, line, False


def parsed(words):
    """Return the context of a command that is not run. Raises click.UsageError."""
    command, ctx = cli, click.Context(cli)
    while isinstance(command, click.Group):
        if command.invoke_without_command and words and words[0].startswith("-"):
            break
        name = words.pop(0) if words else ""
        found = command.get_command(ctx, name)
        if found is None:
            raise click.UsageError(f"no such command: {name}")
        command, ctx = found, click.Context(found, parent=ctx)
    return command.make_context(command.name, words)


def trouble(line, *, whole):
    """Return what is wrong with a command, empty where nothing is."""
    words = shlex.split(
        SAID_OF_IT.sub("", line).translate(str.maketrans("[]", "  ")), comments=True
    )
    try:
        ctx = parsed(words)
    except (click.MissingParameter, click.BadOptionUsage) as error:
        return error.format_message() if whole else ""
    except click.UsageError as error:
        return error.format_message()
    for one in ctx.command.params:
        # `drain node` would drain a box of the name `node`.
        named = ctx.params.get(one.name)
        kind = (one.metavar or "").strip(".[]").lower()
        if kind and kind in (named if isinstance(named, tuple) else (named,)):
            return f"{kind} is no name of a {kind}"
    return ""


def test_commands_are_found():
    assert len(list(commands())) > 100


@pytest.mark.parametrize(("page", "line", "whole"), list(dict.fromkeys(commands())))
def test_every_command_is_one_that_is_taken(page, line, whole):
    assert trouble(line, whole=whole) == "", page


@pytest.mark.parametrize("line", ["drain node NODE", "drain node", "forget NODE", "logs x --ever"])
def test_another_one_is_not(line):
    assert trouble(line, whole=False)
