"""`skerry context`: the hubs that were logged in to, and which of them is meant."""

from __future__ import annotations

import dataclasses
from typing import Any

import click
from click.shell_completion import CompletionItem

from skerry_cli import contexts
from skerry_cli.contexts import Context
from skerry_cli.screen import Screen
from skerry_cli.session import output
from skerry_cli.verbs import Verbs

EXAMPLES = """\b
Which hub a command asks: the context that --context or SKERRY_CONTEXT names; else the address of
--hub or SKERRY_HUB, with the token of a context that has this address; else the current context;
else http://127.0.0.1:8440. SKERRY_TOKEN counts before a context's token, and --ca-file or
SKERRY_CA_FILE before its authority.
\b
Examples:
  skerry context list
  skerry context use example
  skerry context show
  skerry context delete example
"""


@click.group(cls=Verbs, epilog=EXAMPLES)
def context() -> None:
    """Choose among the hubs that were logged in to."""


def _complete(_ctx: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
    try:
        names = sorted(contexts.load().contexts)
    except Exception:  # noqa: BLE001 - a shell that completes must never see an error
        return []
    return [CompletionItem(name) for name in names if name.startswith(start)]


_NAME = click.argument("name", shell_complete=_complete)


@context.command("list")
@output("json", "yaml", "name")
def list_(form: str | None) -> None:
    """List them; * is the current one."""
    known, screen = contexts.load(), Screen()
    if form == "name":
        for name in sorted(known.contexts):
            screen.line(name)
        return
    if form is not None:
        plain = {name: _plain(one) for name, one in sorted(known.contexts.items())}
        screen.document({"current": known.current, "contexts": plain}, form)
        return
    if not known.contexts:
        screen.note("nobody has logged in here: `skerry login URL`")
        return
    rows = [("", "NAME", "HUB", "AS", "TRUSTS")]
    rows += [
        ("*" if name == known.current else "", name, one.hub, one.who or "-", _trusts(one))
        for name, one in sorted(known.contexts.items())
    ]
    screen.table(rows)


@context.command()
@_NAME
def use(name: str) -> None:
    """Have one as the current one."""
    known = contexts.load()
    found = known.named(name)
    contexts.save(dataclasses.replace(known, current=name))
    Screen().line(f"context {name}: {found.hub}")


@context.command()
@click.argument("name", required=False, shell_complete=_complete)
@output("json", "yaml")
def show(name: str | None, form: str | None) -> None:
    """Show one, without its token; without a name the current one."""
    known, screen = contexts.load(), Screen()
    found = known.named(name or known.current)
    if form is not None:
        screen.document({"name": name or known.current, **_plain(found)}, form)
        return
    screen.facts(
        [
            ("Name", name or known.current),
            ("Hub", found.hub),
            ("As", found.who or None),
            ("Token", "kept here" if found.token else "none"),
            ("Trusts", _trusts(found)),
            ("Audit log seen", found.audit.partition(":")[0] or None),
        ]
    )


@context.command()
@_NAME
def delete(name: str) -> None:
    """Forget one, its token and what it trusts."""
    known = contexts.load()
    known.named(name)
    rest = {key: one for key, one in known.contexts.items() if key != name}
    current = "" if known.current == name else known.current
    contexts.save(contexts.Contexts(current=current, contexts=rest))
    Screen().line(f"context {name} is forgotten")


def _trusts(one: Context) -> str:
    if one.ca is None:
        return "the system's authorities" if one.hub.startswith("https") else "-"
    return "the hub's own authority" if one.pinned else "an authority of its own"


def _plain(one: Context) -> dict[str, Any]:
    return {
        "hub": one.hub,
        "who": one.who,
        "has_token": one.token is not None,
        "has_ca": one.ca is not None,
        "pinned": one.pinned,
        "audit": one.audit,
    }
