"""Which instances are to be replaced because their nodes are lost, and which not yet. Pure.

A node is lost for an instance when it has been silent for longer than the instance's workload, or
the hub, lets it, and longer than its link usually pauses. Nothing is lost that way

- where the hub itself could not listen, nor while boxes may be coming back after that
  (`Listening`);
- where more than half of the fleet that was there fell silent together, or all of a site of two or
  more nodes, unless the workload says otherwise: then it is the network that is gone, or the power,
  and not the nodes. Once that is over, each has its whole time again;
- of what belongs to its node: one on each node, or with volumes there.

No clock, no thread: times are arguments. What is remembered is only when to look at a node again.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from skerry_hub.fleet.arrays import Numbers, Rows, Seconds
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.fields import LABEL, Field, Kind
from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.silence import Silence
from skerry_hub.fleet.vanishing import together, together_at
from skerry_hub.joining.records import Revocation
from skerry_hub.model import Liveness, Node, Workload
from skerry_hub.moment import moment
from skerry_hub.patience import Patience
from skerry_hub.state import Known

SITE = Field(LABEL + "site", Kind.LABEL)
AGAIN_S = 10.0
"""When what no node took is tried again, unless the fleet changes before."""
LATER_S = 5.0
"""When a node is looked at again of which nothing is to be replaced yet."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What moves nothing: how many of the nodes that were there vanished together, and whose."""

    gone: int
    there: int
    site: str = ""
    """Of which site; empty: of the whole fleet."""

    def __str__(self) -> str:
        if self.site:
            return f"all {self.there} nodes of site {self.site} fell silent together"
        return f"{self.gone} of {self.there} nodes fell silent together"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a look found: the nodes that each workload has lost, and what is held."""

    workloads: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    held: tuple[Held, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """By what silence is judged at a moment; `listening` is None while no node can be heard."""

    patience: Patience
    listening: Listening | None
    now: float
    revocations: Mapping[str, Revocation] = dataclasses.field(default_factory=dict)
    """Who was shut out, by id: whose silence is meant."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """After how long a silence a node is lost, why so, and when that is if it stays silent.

    `lost_at` is None where silence is not counted. What the node's workloads say of themselves is
    in `reason`.
    """

    lost_after_s: float
    reason: str
    lost_at: float | None = None


def tolerance_of(known: Known, columns: Columns, node: Node, by: Judgement) -> Tolerance | None:
    """Return how long a node may be silent, None where it has no row yet."""
    row, silence = columns.row(node.id), columns.silence
    if row is None:
        return None
    after_s = _tolerance_s(silence, row, by.patience.lost_s, by.patience, by.now)
    reasons = [_why(silence, row, after_s, by)]
    own = {
        one.name: _tolerance_s(silence, row, one.lifecycle.lost_after_s, by.patience, by.now)
        for one in movable(known, node)
        if one.lifecycle.lost_after_s is not None
    }
    reasons += [
        f"{name} after {own_s:.0f}s by its lostAfter" for name, own_s in sorted(own.items())
    ]
    if by.listening is None:
        reasons.append("the hub hears no box: no silence is counted")
        return Tolerance(lost_after_s=after_s, reason="; ".join(reasons))
    seen = max(node.last_seen, columns.last_seen(node.id))
    silent_from = by.listening.heard_one(seen)
    if silent_from > seen > 0:
        reasons.append(f"counted from {moment(silent_from)}, as the hub could not hear before")
    return Tolerance(lost_after_s=after_s, reason="; ".join(reasons), lost_at=silent_from + after_s)


def _why(silence: Silence, row: int, after_s: float, by: Judgement) -> str:
    """Say which of the bounds that a tolerance is the largest of it is."""
    patience = by.patience
    if after_s == patience.lost_s:
        return "--lost-after"
    if after_s != patience.floor_s:
        return f"four times its longest pause between signs of life, {silence.longest[row]:.0f}s"
    since = float(silence.since[row])
    if since == math.inf:
        return "--lost-after-new: not heard yet since the hub's start"
    return f"--lost-after-new: its link is not known before {moment(since + patience.new_for_s)}"


def _tolerance_s(
    silence: Silence, row: int, base_s: float, patience: Patience, now: float
) -> float:
    return float(silence.tolerance(np.array([row], np.intp), base_s, patience, now)[0])


def tied_because(workload: Workload) -> str:
    """Say why an instance belongs to its node, empty where another node is as good."""
    if workload.mode == "global":
        return "it is one on each node"
    for container in workload.containers:
        for mount in container.mounts:
            if mount.kind == "volume" and mount.source:
                return f"its volume {mount.source} is there"
    return ""


def least_s(known: Known, patience: Patience) -> float:
    """Return the shortest silence after which anything is lost. Not cheap: asked at changes."""
    own = (kept.workload.lifecycle.lost_after_s for kept in known.workloads.values())
    return min((patience.lost_s, *(one for one in own if one is not None)))


@dataclasses.dataclass(frozen=True, slots=True)
class _Away:
    """The nodes of which something may have to be replaced: their numbers among all `rows`."""

    columns: Columns
    rows: Rows
    heard: Seconds
    """From when each of all is silent."""
    vanished: Seconds
    """The same, but of those that are lost already, the last sign."""
    tolerance: Seconds
    """How long each may be silent at least."""
    some: Numbers

    @property
    def own_rows(self) -> Rows:
        return self.rows[self.some]


class Losses:
    """Looks for what is lost. One thread."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._next: dict[str, float] = {}
        """When silent nodes are looked at again; those that are not here, now."""
        self._least: tuple[object, float] = (None, patience.lost_s)

    def least_s(self, known: Known) -> float:
        """Return the shortest silence after which anything is lost."""
        if self._least[0] != known.workloads_version:
            self._least = known.workloads_version, least_s(known, self._patience)
        return self._least[1]

    def again(self) -> None:
        """Look at all silent nodes again: what found no place before may find one now."""
        self._next.clear()

    def tried(self, nodes: Iterable[str], now: float) -> None:
        """Note that it was tried to replace what these have; what stays is tried again later."""
        self._next.update(dict.fromkeys(nodes, now + AGAIN_S))

    def look(self, known: Known, columns: Columns, listening: Listening, now: float) -> Loss:
        """Return what is lost."""
        rows = columns.rows()
        heard = listening.heard(columns.signs(rows))
        tolerance = columns.silence.tolerance(rows, self.least_s(known), self._patience, now)
        silent = np.flatnonzero((now - heard >= tolerance) & (columns.instances(rows) > 0))
        # A node that was lost before the hub last began to listen did not vanish just then.
        vanished = np.where(columns.lost(rows), columns.signs(rows), heard)
        away = _Away(columns, rows, heard, vanished, tolerance, silent)
        fleet, away = self._hold_fleet(away, now)
        names = {columns.facts(int(rows[at])).id: at for at in away.some.tolist()}
        self._next = {name: at for name, at in self._next.items() if name in names}
        some = [
            at
            for name, at in names.items()
            if self._next.get(name, -math.inf) <= now and self._has_some(known, name, now)
        ]
        if not some:
            return Loss(held=fleet)
        away = dataclasses.replace(away, some=np.array(some, np.intp))
        sites = self._hold_sites(away, now)
        return Loss(workloads=self._due(known, away, now), held=(*fleet, *sites))

    def _has_some(self, known: Known, name: str, now: float) -> bool:
        node = known.nodes.get(name)
        if node is not None and any(True for _ in movable(known, node)):
            return True
        self._next[name] = now + LATER_S
        return False

    def _window(self, away: _Away, now: float) -> Seconds:
        tolerance = away.tolerance[away.some]
        return away.columns.silence.window(away.own_rows, tolerance, self._patience, now)

    def _hold_fleet(self, away: _Away, now: float) -> tuple[tuple[Held, ...], _Away]:
        """Let nothing move of what vanished with most of the fleet; return that, and the rest."""
        own = away.vanished[away.some]
        found = together(away.vanished, own, self._window(away, now))
        away.columns.silence.held[away.own_rows[found.most]] = now
        held = tuple(
            Held(gone=int(found.gone[at]), there=int(found.there[at]))
            for at in np.flatnonzero(found.most)[:1]
        )
        return held, dataclasses.replace(away, some=away.some[~found.most])

    def _hold_sites(self, away: _Away, now: float) -> Iterator[Held]:
        """Let nothing move of what vanished with all of its site; return what is held."""
        told = away.columns.told(SITE)
        codes = told.codes(away.rows).astype(np.intp)
        own = away.vanished[away.some]
        found = together_at(away.vanished, codes, away.some, own, self._window(away, now))
        away.columns.silence.site_held[away.own_rows[found.all]] = now
        by_site = {
            str(told.values[codes[away.some[at]]][0]): int(found.there[at])
            for at in np.flatnonzero(found.all)
        }
        return (Held(gone=n, there=n, site=name) for name, n in sorted(by_site.items()))

    def _due(self, known: Known, away: _Away, now: float) -> Mapping[str, frozenset[str]]:
        """Return the nodes that each workload has lost, and note when to look at others again."""
        silence, found = away.columns.silence, collections.defaultdict[str, set[str]](set)
        for at, row in zip(away.some.tolist(), away.own_rows.tolist(), strict=True):
            node = known.nodes[away.columns.facts(row).id]
            left_s = math.inf
            for workload in movable(known, node):
                since = max(float(away.heard[at]), float(silence.held[row]))
                if workload.lifecycle.on_site_loss == "hold":
                    since = max(since, float(silence.site_held[row]))
                more_s = since + self._tolerance(silence, row, workload, now) - now
                if more_s <= 0:
                    found[workload.name].add(node.id)
                left_s = min(left_s, more_s)
            if left_s > 0 and silence.site_held[row] != now:
                self._next[node.id] = now + min(left_s, LATER_S)
        return {name: frozenset(nodes) for name, nodes in sorted(found.items())}

    def _tolerance(self, silence: Silence, row: int, workload: Workload, now: float) -> float:
        own = workload.lifecycle.lost_after_s
        base = self._patience.lost_s if own is None else own
        return _tolerance_s(silence, row, base, self._patience, now)


def movable(known: Known, node: Node) -> Iterator[Workload]:
    """Yield the workload of each instance of a node that another node could have instead.

    Of a node that is held as diverged it is not known what it runs, and nothing ends there.
    """
    if node.diverged is not None:
        return
    for one in known.on_node(node.id):
        kept = known.workloads.get(one.workload)
        if kept is not None and one.finished is None and not tied_because(kept.workload):
            yield kept.workload


def why_it_stays(node: Node, workload: Workload) -> str | None:
    """Say why an instance of a lost node is still there, None where its node is not lost."""
    if node.liveness is not Liveness.LOST:
        return None
    tied = tied_because(workload)
    if tied:
        return f"{node.known_as} is lost; {tied}, so it is not replaced elsewhere"
    return f"{node.known_as} is lost; it is replaced once that is certain and another node takes it"
