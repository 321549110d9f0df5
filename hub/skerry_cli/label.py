"""`skerry label`: gives labels to a node, or takes them away."""

from __future__ import annotations

import click

from skerry_cli.hub import path
from skerry_cli.records import Node, read
from skerry_cli.screen import Screen
from skerry_cli.session import Session, anywhere, complete_names

EXAMPLES = """\b
Labels given here override the node's own of the same key; KEY- takes one away again.
What a node says of itself (kubernetes.io/, feature.node.kubernetes.io/) cannot be given.
\b
Examples:
  skerry label node box-1 site=quay-3 zone=harbour
  skerry label node box-1 zone-
"""


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=click.Choice(["node"]))
@click.argument("name", shell_complete=complete_names("nodes"))
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
@anywhere
@click.pass_obj
def label(session: Session, /, kind: str, name: str, changes: tuple[str, ...]) -> None:
    """Give labels to a node, or take them away."""
    given, taken = changes_of(changes)
    body = {"set": given, "unset": taken}
    found = read(Node, session.connect().post(path(f"{kind}s", name, "labels"), body))
    done = [f"{key}={found.labels.get(key, value)}" for key, value in given.items()]
    screen = Screen()
    screen.line(" ".join([f"{kind}/{found.id}", *done, *(f"{key}-" for key in taken)]))
    for key in taken:
        if key in found.labels:
            screen.note(f"{key}={found.labels[key]} holds now: the node gives it itself")


def changes_of(words: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Return what `k=v` sets and `k-` takes away. Raises UsageError."""
    given: dict[str, str] = {}
    taken: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and word.endswith("-"):
            key = word[:-1]
        elif not equals:
            raise click.UsageError(f"{word!r} is neither KEY=VALUE nor KEY-")
        if not key:
            raise click.UsageError(f"{word!r} names no label")
        if key in given or key in taken:
            raise click.UsageError(f"the label {key!r} is given twice")
        if equals:
            given[key] = value
        else:
            taken.append(key)
    return given, taken
