"""The man pages: one for each command of the agent, one for the executor, one for each file."""

from __future__ import annotations

import pathlib

from manual import roff, settings
from manual.commands import Command, Option, every
from manual.roff import Page, bold, slanted

AGENT_FILES = (
    ("/etc/skerry/agent.toml", "The settings; see skerry-agent.toml(5)."),
    ("/var/lib/skerry-agent", "What must survive a power cut, and what a join brought."),
    ("/run/skerry-agent/control.sock", "What skerry-agent status asks."),
    ("/run/skerry/executor.sock", "The socket of skerry-executor(8)."),
)
EXECUTOR_FILES = (
    ("/etc/skerry/policy.toml", "What this box allows; see skerry-policy.toml(5)."),
    ("/etc/skerry/trusted-keys.d/*.pub", "Public keys of the hubs that this box obeys."),
    ("/var/lib/skerry-executor", "The accepted order, keys, files of containers. Root's alone."),
    ("/run/skerry/executor.sock", "Where systemd listens and starts it."),
)
SEE = (
    ("skerry-agent", 1),
    ("skerry-executor", 8),
    ("skerry-agent.toml", 5),
    ("skerry-policy.toml", 5),
)


def pages(agent: Command, executor: Command, packaging: pathlib.Path) -> tuple[Page, ...]:
    """Return all of them. `packaging` has the files that the package installs in /etc/skerry."""
    return (
        _program(agent, 1, AGENT_FILES, "tells a hub what this box has and carries its orders on"),
        *(_command(one, 1) for one in every(agent) if one is not agent),
        _whole(executor, 8, EXECUTOR_FILES, "carries out a hub's signed orders on this box"),
        settings.page(
            "skerry-agent.toml",
            "agent.toml",
            "settings of skerry-agent",
            (packaging / "agent.toml").read_text(),
            SEE,
        ),
        settings.page(
            "skerry-policy.toml",
            "policy.toml",
            "what a box allows, whatever the hub orders",
            (packaging / "policy.toml").read_text(),
            SEE,
        ),
    )


def _program(command: Command, number: int, files: tuple[tuple[str, str], ...], summary: str
             ) -> Page:  # fmt: skip
    """Return the page of a program whose commands have pages of their own."""
    rows = [
        (f"{bold(one.page)}({number})", _sentence(one.summary)) for one in every(command)
        if one is not command
    ]  # fmt: skip
    parts = [
        roff.section("Synopsis", _synopsis(command)),
        roff.section("Description", roff.paragraph(command.description)),
        roff.section("Commands", roff.tagged(rows)),
        *_epilog(command),
        roff.section("Files", roff.tagged((slanted(path), text) for path, text in files)),
        _see((command.page, number)),
    ]
    return Page(command.page, number, summary, "\n".join(parts))


def _command(command: Command, number: int) -> Page:
    parts = [
        roff.section("Synopsis", _synopsis(command)),
        roff.section("Description", roff.paragraph(command.description)),
        *_options("Options", command),
        *_epilog(command),
        _see(("", 0)),
    ]
    return Page(command.page, number, command.summary, "\n".join(parts))


def _whole(command: Command, number: int, files: tuple[tuple[str, str], ...], summary: str
           ) -> Page:  # fmt: skip
    """Return the page of a program with all of its commands."""
    own = {one.flags for one in command.options}
    parts = [
        roff.section("Synopsis", *map(_synopsis, command.commands)),
        roff.section("Description", roff.paragraph(command.description)),
        roff.section("Commands"),
    ]
    for one in command.commands:
        below = [option for option in one.options if option.flags not in own]
        parts += [
            f".SS {roff.quoted(one.words[-1])}",
            roff.paragraph(_sentence(one.summary)),
            *([roff.paragraph(one.description)] if one.description else []),
            *([roff.tagged(map(_row, below))] if below else []),
        ]
    parts += [
        *_options("Options", command),
        *_epilog(command),
        roff.section("Files", roff.tagged((slanted(path), text) for path, text in files)),
        _see((command.page, number)),
    ]
    return Page(command.page, number, summary, "\n".join(parts))


def _see(own: tuple[str, int]) -> str:
    return roff.section("See also", roff.references(one for one in SEE if one != own))


def _options(title: str, command: Command) -> list[str]:
    rows = [*map(_row, command.arguments), *map(_row, command.options)]
    return [roff.section(title, roff.tagged(rows))] if rows else []


def _row(option: Option) -> tuple[str, str]:
    value = f" {slanted(option.metavar)}" if option.metavar and option.flags else ""
    if not option.flags:
        return slanted(option.metavar), _sentence(option.words)
    return f"{', '.join(map(bold, option.flags))}{value}", _sentence(option.words)


def _synopsis(command: Command) -> str:
    said = [bold(command.name)]
    for option in command.options:
        if "-h" in option.flags:
            continue
        value = f" {slanted(option.metavar)}" if option.metavar else ""
        words = f"{bold(option.flags[-1])}{value}"
        said.append(words if option.required else f"[{words}]")
    if command.commands:
        said.append(slanted("COMMAND"))
    for argument in command.arguments:
        words = slanted(argument.metavar)
        said.append(f"[{words}...]" if argument.many else words)
    return ".PP\n" + "\n".join(said)


def _epilog(command: Command) -> list[str]:
    if not command.epilog:
        return []
    shown = roff.verbatim if "\n  " in command.epilog else roff.paragraph
    return [roff.section("Settings and exit status", shown(command.epilog))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") if text else ""
