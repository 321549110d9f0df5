"""`skerry taint`: gives taints to a node, or takes them away."""

from __future__ import annotations

from typing import Any

import click

from skerry_cli.hub import path
from skerry_cli.records import Node, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names

EXAMPLES = """\b
NoSchedule keeps new instances away that do not tolerate the taint (x-placement.tolerations of a
service); with PreferNoSchedule they come only where no other node is as good. With NoExecute,
those that are there leave as well, at the next apply of their workload.
A taint alone moves nothing: skerry drain does. KEY:EFFECT- takes a taint away, KEY- all of a key.
\b
Examples:
  skerry taint node box-1 maintenance=true:NoSchedule
  skerry taint node box-1 maintenance:NoSchedule- example.com/gpu-
"""

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(["node"]))
@click.argument("name", shell_complete=complete_names("nodes"))
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE:EFFECT|KEY[:EFFECT]-...")
@anywhere
@click.pass_obj
def taint(session: Session, /, kind: str, name: str, changes: tuple[str, ...]) -> None:
    """Give taints to a node, or take them away."""
    given, taken = changes_of(changes)
    found = read(
        Node,
        session.connect().post(path(f"{kind}s", name, "taints"), {"set": given, "unset": taken}),
    )
    Screen().line(" ".join([f"{kind}/{found.id}", *changes]))


def changes_of(words: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what `k=v:E` sets and `k:E-` or `k-` takes away. Raises UsageError."""
    given: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    seen: set[tuple[str, str | None]] = set()
    for word in words:
        is_taken = word.endswith("-")
        key, value, effect = _parts(word.removesuffix("-"), word)
        if effect is None and not is_taken:
            raise click.UsageError(f"{word!r} has no effect: write KEY=VALUE:NoSchedule")
        if any(one == key and (effect == other or None in (effect, other)) for one, other in seen):
            raise click.UsageError(f"the taint {word!r} is given twice")
        seen.add((key, effect))
        if is_taken:
            taken.append({"key": key, "effect": effect})
        else:
            given.append({"key": key, "value": value, "effect": effect})
    return given, taken


def _parts(text: str, word: str) -> tuple[str, str, str | None]:
    """Return key, value and effect of `KEY[=VALUE][:EFFECT]`."""
    front, colon, effect = text.partition(":")
    key, _, value = front.partition("=")
    if not key:
        raise click.UsageError(f"{word!r} names no key")
    if not colon:
        return key, value, None
    if effect not in EFFECTS:
        raise click.UsageError(f"{word!r}: the effect must be one of {', '.join(EFFECTS)}")
    return key, value, effect
