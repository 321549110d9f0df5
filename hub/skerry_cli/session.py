"""What every command starts from: the hub's address, and the options that all commands share."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from skerry_cli.failures import Exit, Failure
from skerry_cli.words import MAX_DURATION_S, duration, parse_duration
from skerry_wire.frozen import frozen

if TYPE_CHECKING:
    from skerry_cli.hub import Hub

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_HUB = "http://127.0.0.1:8440"
WAIT_S = 300.0
LEAST_REQUEST_S = 0.01
COMPLETE_WITHIN_S = 0.8
"""A shell waits while names are completed."""


@frozen(kw_only=True)
class Session:
    """Which hub is meant, and how long it may take. What is not given is None."""

    hub: str | None = None
    ca_file: str | None = None
    request_timeout: float = 30.0
    context: str | None = None

    @property
    def url(self) -> str:
        """Return the address of the hub that is meant. Raises Failure."""
        return self.target().url

    def target(self) -> Target:
        """Return the hub that is meant, and as whom it is asked. Raises Failure.

        A context that is named counts first, then an address, then the current context.
        """
        from skerry_cli import contexts  # noqa: PLC0415 - `version` and `--help` need no file

        known = contexts.load()
        name = self.context or ""
        if name and self.hub and known.named(name).hub != self.hub.rstrip("/"):
            raise Failure(
                f"the context {name} is of {known.named(name).hub}, and --hub or SKERRY_HUB is "
                f"{self.hub}: leave one of them out",
                Exit.USAGE,
            )
        any_token = bool(os.environ.get("SKERRY_TOKEN"))
        name = name or (known.of_hub(self.hub, any_token) if self.hub else known.current)
        found = known.named(name) if name else contexts.Context(hub=self.hub or DEFAULT_HUB)
        return Target(
            url=found.hub,
            context=name,
            token=os.environ.get("SKERRY_TOKEN") or found.token,
            ca_file=self.ca_file,
            ca=None if self.ca_file else found.ca,
            pinned=found.pinned and not self.ca_file,
        )

    def connect(self, timeout_s: float | None = None, **options: Any) -> Hub:
        """Return the hub; nothing is sent before something is asked. Raises Failure."""
        from skerry_cli.hub import Hub  # noqa: PLC0415 - `version` and `--help` need no network
        from skerry_cli.screen import Screen  # noqa: PLC0415

        target = self.target()
        return Hub(
            target.url,
            token=target.token,
            ca_file=target.ca_file,
            ca=target.ca,
            pinned=target.pinned,
            timeout_s=timeout_s or self.request_timeout,
            warn=Screen().note,
            **options,
        )


@frozen(kw_only=True)
class Target:
    """One hub, as whom it is asked, and who vouches for it."""

    url: str
    context: str = ""
    token: str | None = dataclasses.field(default=None, repr=False)
    ca_file: str | None = None
    ca: str | None = None
    pinned: bool = False


class Duration(click.ParamType):  # type: ignore[type-arg] # older ones take no argument
    """A length of time, in seconds once it is read."""

    name = "duration"

    def __init__(self, least_s: float = 0.0, most_s: float = MAX_DURATION_S) -> None:
        self._least_s, self._most_s = least_s, most_s

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds, or say what is wrong."""
        if isinstance(value, float):
            return value
        try:
            found = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not self._least_s <= found <= self._most_s:
            self.fail(
                f"{value!r} is not {self._least_s:g} s to {duration(self._most_s)}", param, ctx
            )
        return found


class RequestTimeout(Duration):
    """How long one answer may take: none comes in no time."""

    def __init__(self) -> None:
        super().__init__(LEAST_REQUEST_S)


def _override(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and isinstance(ctx.obj, Session):
        ctx.obj = dataclasses.replace(ctx.obj, **{str(param.name): value})


def anywhere(command: F) -> F:
    """Let a command take the hub's address after its own name, too."""
    for name, kind in (
        ("--hub", str),
        ("--ca-file", click.Path(exists=False, dir_okay=False)),
        ("--context", str),
        ("--request-timeout", RequestTimeout()),
    ):
        command = click.option(
            name, type=kind, expose_value=False, hidden=True, callback=_override
        )(command)
    return command


def time_limit(command: F) -> F:
    """Let a command take how long it may wait."""
    return click.option(
        "--timeout",
        type=Duration(),
        default=WAIT_S,
        metavar="TIME",
        help="How long to wait (default: 5m).",
    )(command)


def output(*forms: str) -> Callable[[F], F]:
    """Let a command take -o with one of the forms."""
    return click.option("-o", "--output", "form", type=click.Choice(forms), help="How to print it.")


def complete_list(known: Iterable[str], start: str) -> list[CompletionItem]:
    """Return what completes the last word of a list with commas."""
    before, comma, last = start.rpartition(",")
    return [CompletionItem(before + comma + word) for word in known if word.startswith(last)]


def complete_names(
    plural: str | None = None,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what completes names of one list; without it, of the kind given before."""

    def complete(ctx: click.Context, _param: click.Parameter, start: str) -> list[CompletionItem]:
        # A shell that completes must never see an error, whatever it is.
        with contextlib.suppress(Exception, click.exceptions.Exit):
            return [CompletionItem(name) for name in _names(ctx, plural) if name.startswith(start)]
        return []

    return complete


def _names(ctx: click.Context, plural: str | None) -> list[str]:
    from skerry_cli.hub import path  # noqa: PLC0415
    from skerry_cli.kind import Kind  # noqa: PLC0415
    from skerry_cli.kinds import kind_of  # noqa: PLC0415
    from skerry_cli.records import items_of, read  # noqa: PLC0415

    given_kind = ctx.params.get("kind")
    kind = given_kind if isinstance(given_kind, Kind) else kind_of(plural or str(given_kind))
    if kind is None:
        return []
    given = ctx.find_root().params
    wanted: dict[str, Any] = {name: given.get(name) for name in ("hub", "ca_file", "context")}
    hub = Session(**wanted).connect(COMPLETE_WITHIN_S, retry_for_s=0.0)
    items = items_of(hub.get(path(*kind.listed), kind.query))
    records: list[Any] = [read(kind.record, item) for item in items]
    names = {name for record in records for name in kind.names(record)}
    return sorted(name for name in names if name.isprintable() and " " not in name)
