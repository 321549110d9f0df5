"""`skerry get`: lists, once or as they change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from skerry_cli.decisions import DECISION
from skerry_cli.decisions import MOST_LISTED as MOST_DECISIONS
from skerry_cli.describe_decision import number
from skerry_cli.failures import Exit, Failure, RefusedError
from skerry_cli.follow import follow
from skerry_cli.hub import Hub, Query, path
from skerry_cli.kind import Kind
from skerry_cli.kinds import DEVICE, DEVICE_KINDS, EVENT, INSTANCE, KINDS, ROUND_TRIP, kind_of
from skerry_cli.records import is_cut, items_of, part_of, read
from skerry_cli.screen import Cell, Screen, plain, widths_of
from skerry_cli.session import Session, anywhere, complete_list, complete_names, output

MOST_EVENTS = 10_000
MOST_DEVICES = 100_000
"""Most that the hub tells at once."""

EXAMPLES = f"""\b
Examples:
  skerry get nodes -o wide
  skerry get workloads -l team=shop
  skerry get instances --node box-1
  skerry get events --workload shop-web --limit 20
  skerry get instances -w                 until Ctrl-C, each row that changes
  skerry get node box-1 -o json           with all its hardware
  skerry get devices -l site=quay-3       what is plugged in there
  skerry get devices --kind gpu,npu --unusable -o wide
  skerry get devices --node box-1 --kind all
  skerry get round-trips --node box-1     measured, and estimated to every endpoint
  skerry get round-trips --to endpoint/erp
  skerry get decisions shop-web           what placement decided about it, the newest first
  skerry get decision 117                 one, by its number
  skerry get policies
  skerry get prices cloud -o yaml

Kinds of devices that are listed without --kind: {", ".join(DEVICE_KINDS[:18])}.
Others: {", ".join(DEVICE_KINDS[18:25])}; accelerator and nic stand for all of their sort.
"""


class KindParam(click.ParamType):  # type: ignore[type-arg]
    """One of the kinds that the hub lists, however it is called."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        """Return the kind."""
        found = value if isinstance(value, Kind) else kind_of(value)
        if found is None:
            known = ", ".join(kind.plural for kind in KINDS)
            self.fail(f"{value!r} is none of {known}", param, ctx)
        return found

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the kinds' names."""
        words = (kind.plural for kind in KINDS)
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]


@click.command(epilog=EXAMPLES)
@click.argument("kind", type=KindParam(), metavar="KIND")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_names())
@output("wide", "json", "yaml", "name")
@click.option("-l", "--selector", metavar="LABELS", help="Only those with k=v, k2!=v2, k3, !k4.")
@click.option("-w", "--watch", is_flag=True, help="Go on, and print each row again that changes.")
@click.option("--no-headers", is_flag=True, help="Print rows only.")
@click.option("--node", help="Only the instances, events, devices or round trips of this node.")
@click.option("--workload", help="Only the instances, events or decisions of this workload.")
@click.option(
    "--kind",
    "device_kind",
    metavar="KIND[,KIND]...",
    shell_complete=lambda _ctx, _param, start: complete_list(DEVICE_KINDS, start),
    help="Only devices of these kinds: gpu, camera, disk, ...; accelerator, nic; or all.",
)
@click.option("--to", help="Only round trips to it: broker, endpoint/NAME or node/NAME.")
@click.option("--vendor", help="Only devices whose vendor's name has this in it.")
@click.option("--usable/--unusable", default=None, help="Only devices that can be used, or cannot.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_DEVICES),
    help="Only so many events or decisions, the newest, devices or round trips.",
)
@anywhere
@click.pass_obj
def get(session: Session, /, kind: Kind, names: tuple[str, ...], **options: Any) -> None:
    """List nodes (no), workloads (wl), instances (in), events (ev), devices (dev), round-trips (rt)
    or decisions (dc).

    Or documents: policies (pol), prices (pr), datasets (ds), endpoints (ep), reservations (rsv) or
    maintenance windows (mw).

    All, or by NAME. The labels of -l are the nodes' for nodes and devices, and the workloads' for
    workloads and instances. Without --kind, devices are those that are plugged in or placed by.
    Without --node and --to, round-trip times are those that nodes measured themselves.
    """
    query = _query(kind, names, options)
    hub, screen = session.connect(), Screen()
    listing = Listing(screen, hub, kind, options["form"], not options["no_headers"])
    if options["watch"]:
        _watch(hub, screen, listing, lambda: _named(kind, names, listing.ask(query)))
    elif names and kind.inside and (kind is not DECISION or _are_numbers(names)):
        _get_each(hub, kind, names, listing)
    else:
        found = _named(kind, names, listing.ask(query))
        listing.show(found, alone=len(names) == 1 and kind is not DECISION)
        missing = [name for name in names if not any(_is(kind, item, name) for item in found)]
        if missing:
            raise Failure("\n".join(f"there is no {kind.name} {name}" for name in missing))


def _query(kind: Kind, names: Sequence[str], options: dict[str, Any]) -> Query:
    if names and options["selector"]:
        raise click.UsageError("give names or a selector, not both")
    if options["selector"] and (kind in (EVENT, ROUND_TRIP, DECISION) or kind.document):
        raise click.UsageError(f"{kind.plural} have no labels to select by")
    for option, having, text in _OF_KINDS:
        if options[option] is not None and kind not in having:
            raise click.UsageError(text)
    if kind is EVENT and (options["limit"] or 0) > MOST_EVENTS:
        raise click.UsageError(f"--limit: the hub tells at most {MOST_EVENTS} events at once")
    if kind is DECISION:
        return _decision_query(names, options)
    if kind is not DEVICE:
        return {key: options[key] for key in ("selector", "node", "workload", "to", "limit")}
    return _device_query(names, options)


def _decision_query(names: Sequence[str], options: dict[str, Any]) -> Query:
    if (options["limit"] or 0) > MOST_DECISIONS:
        raise click.UsageError(f"--limit: the hub tells at most {MOST_DECISIONS} decisions at once")
    if any(map(str.isdecimal, names)):
        if not _are_numbers(names):
            raise click.UsageError("name decisions by their numbers or by workloads, not by both")
        if options["workload"] is not None or options["limit"] is not None:
            raise click.UsageError("a decision's number needs no --workload and no --limit")
        for name in names:
            number(name)
    # Workloads have no such names. Of them the hub can be asked for one.
    one = names[0] if len(names) == 1 else None
    return {"workload": options["workload"] or one, "limit": options["limit"]}


def _are_numbers(names: Sequence[str]) -> bool:
    return all(map(str.isdecimal, names))


def _device_query(names: Sequence[str], options: dict[str, Any]) -> Query:
    usable = None if options["usable"] is None else str(options["usable"]).lower()
    query = {key: options[key] for key in ("selector", "node", "vendor", "limit")}
    query |= {"kind": options["device_kind"], "usable": usable}
    if names:
        # A device's name begins with its node's. It is asked for whatever its kind is.
        nodes = {name.partition("/")[0] for name in names}
        query["node"] = query["node"] or (nodes.pop() if len(nodes) == 1 else None)
        query |= {"kind": query["kind"] or "all", "limit": query["limit"] or MOST_DEVICES}
    return query


_OF_KINDS = (
    (
        "node",
        (INSTANCE, EVENT, DEVICE, ROUND_TRIP),
        "--node is for instances, events, devices and round-trips",
    ),
    (
        "workload",
        (INSTANCE, EVENT, DECISION),
        "--workload is for instances, events and decisions",
    ),
    ("to", (ROUND_TRIP,), "--to is for round-trips"),
    (
        "limit",
        (EVENT, DEVICE, ROUND_TRIP, DECISION),
        "--limit is for events, devices, round-trips and decisions",
    ),
    ("device_kind", (DEVICE,), "--kind is for devices"),
    ("vendor", (DEVICE,), "--vendor is for devices"),
    ("usable", (DEVICE,), "--usable and --unusable are for devices"),
)
"""Options that only some kinds have, and what is said of them elsewhere."""


def _is(kind: Kind, item: Any, name: str) -> bool:
    return name in kind.names(read(kind.record, item))


def _named(kind: Kind, names: Sequence[str], items: list[Any]) -> list[Any]:
    if not names:
        return items
    return [item for item in items if any(_is(kind, item, name) for name in names)]


def _get_each(hub: Hub, kind: Kind, names: Sequence[str], listing: Listing) -> None:
    """Show those of the names that there are, then fail for the others."""
    found, missing = [], []
    for name in dict.fromkeys(names):
        try:
            found.append(hub.get(path(*kind.where(name))))
        except RefusedError as failure:
            if not failure.unknown_name:
                raise
            missing.append(failure)
    if listing.form in ("json", "yaml") and len(names) == 1 and found:
        listing.screen.document(found[0], listing.form)
    else:
        # The answer to one name holds more than the list's view of it.
        views = [part_of(answer, kind.inside or "") for answer in found]
        if views or not missing:
            listing.show(views)
    if missing:
        raise RefusedError(404, [line for failure in missing for line in failure.lines])


class Listing:
    """Shows the items of one kind in one form, whole lists or single rows."""

    def __init__(
        self, screen: Screen, hub: Hub, kind: Kind, form: str | None, headings: bool
    ) -> None:
        self.screen = screen
        self.form = form
        self.kind = kind
        self.columns = kind.shown(form == "wide")
        self.cut = False
        """Whether the hub has more than it told."""
        self._hub = hub
        self._headings = headings
        self._widths: list[int] | None = None

    def ask(self, query: Query) -> list[Any]:
        """Return the plain items of the hub's list."""
        answer = self._hub.get(path(*self.kind.listed), {**query, **self.kind.query})
        self.cut = is_cut(answer)
        return items_of(answer)

    def show(self, items: list[Any], *, alone: bool = False) -> None:
        """Write plain items; `alone` means that just one thing was asked for."""
        if self.form in ("json", "yaml"):
            whole = {"items": items, **({"more": True} if self.cut else {})}
            self.screen.document(items[0] if alone and items else whole, self.form)
        elif self.form == "name":
            for item in items:
                self.screen.line(f"{self.kind.name}/{self._identity(item)}")
        elif items:
            self._table([self.cells(item) for item in items])
        elif not alone:
            self.screen.note(f"there are no {self.kind.plural}")
        if self.cut:
            self.screen.note(
                f"there are more {self.kind.plural} than these: give --limit, or ask for fewer"
            )

    def show_changed(self, items: list[Any]) -> None:
        """Write those items of a watch that are new or have changed."""
        if self.form in ("json", "yaml"):
            for item in items:
                self.screen.document(item, self.form, stream=True)
        elif items:
            self.show(items)

    def cells(self, item: Any) -> list[Cell]:
        """Return an item's row."""
        record: Any = read(self.kind.record, item)
        return [column.cell(record, self._hub.now()) for column in self.columns]

    def lasting(self, item: Any) -> Any:
        """Return what of an item makes a watch show it again."""
        if self.form in ("json", "yaml"):
            return item
        if self.form == "name":
            return self._identity(item)
        cells = zip(self.columns, self.cells(item), strict=True)
        return [plain(cell) for column, cell in cells if not column.passing]

    def _identity(self, item: Any) -> str:
        return self.kind.identity(read(self.kind.record, item))

    def by_identity(self, items: list[Any]) -> dict[str, Any]:
        """Return the items by their own names."""
        return {self._identity(item): item for item in items}

    def _table(self, rows: list[list[Cell]]) -> None:
        headings: list[Cell] = [column.title for column in self.columns]
        if self._widths is None:
            self._widths = widths_of([headings, *rows] if self._headings else rows)
            if self._headings:
                self.screen.heading(headings, self._widths)
        for row in rows:
            self.screen.row(row, self._widths)


def _watch(hub: Hub, screen: Screen, listing: Listing, look: Callable[[], list[Any]]) -> None:
    shown: dict[str, Any] = {}
    with contextlib.closing(follow(hub, look, screen.note)) as looks:
        for items in looks:
            present = listing.by_identity(items)
            lasting = {name: listing.lasting(item) for name, item in present.items()}
            changed = [name for name in lasting if lasting[name] != shown.get(name)]
            listing.show_changed([present[name] for name in changed])
            if listing.kind is not EVENT:
                for name in shown.keys() - lasting.keys():
                    screen.note(f"{listing.kind.name}/{name} is gone")
            shown = lasting
    raise click.exceptions.Exit(Exit.OK)
