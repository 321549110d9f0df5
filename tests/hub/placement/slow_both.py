"""One fleet as the engine's columns and as the slow placer's records; all is asked of both."""

import dataclasses
import re
from collections.abc import Sequence

from tests.hub.placement import boxes
from tests.hub.placement.slow.devices import devices, free_of, numa_nodes, ways
from tests.hub.placement.slow.fleet import Fleet, domain
from tests.hub.placement.slow.own import capacity
from tests.hub.placement.slow.placing import on_each, place
from tests.hub.placement.slow.reasons import binding, changed_limits, reasons
from tests.hub.placement.slow.scores import total
from tests.hub.placement.slow.skew import filled
from tests.hub.placement.slow.terms import is_about
from tests.hub.placement.slow_around import NOTHING, Around, network_of, times_of

from skerry_hub.model import Liveness, Workload
from skerry_hub.placement import engine
from skerry_hub.placement.demand import NO_DEMAND, demand_of_workloads
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.explain import explain
from skerry_hub.placement.limits import new_limits
from skerry_hub.placement.outcome import index_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World, repels


class Both:
    """The fleet twice; `world` is the engine's, `plain` the slow placer's."""

    def __init__(self, nodes, wanted: Sequence[Workload], around: Around = NOTHING):
        self.columns = boxes.fleet(*nodes)
        self.wanted = {one.name: one for one in wanted}
        self.around = around
        self.version = 1
        self.plain = Fleet(
            nodes,
            (),
            self.wanted,
            around.documents,
            times_of(around.network),
            around.now,
            around.strategy,
            tuple(wanted) if around.counts_demand else (),
        )

    @property
    def world(self):
        asked = demand_of_workloads(self.plain.asked)
        return World(
            self.columns,
            dict(self.wanted),
            repelling=[one for one in self.wanted.values() if repels(one)],
            rules=rules_of(self.plain.documents, self.version),
            network=network_of(self.around.network),
            demand=asked if self.plain.asked else NO_DEMAND,
            strategy=self.around.strategy,
            now=self.plain.now,
        )

    def scale(self, name, replicas):
        """Ask for so many replicas; each new one goes where the slow placer says."""
        load = dataclasses.replace(self.wanted[name], replicas=replicas)
        self._want(load)
        self.explain(load)
        before = self.plain.of(name)
        decision = engine.place(self.world, load, before, keep=True)
        reserve_decision(self.columns, before, decision)
        after = {one.id: one for one in decision.assignments}
        old = {one.id for one in before}
        if load.mode == "global":
            self.same_on_each(load, after, old)
        else:
            self.same_removed(load, after, before)
            self.same_created(load, after, old, decision)

    def _want(self, load):
        self.wanted[load.name] = load
        self.plain = dataclasses.replace(
            self.plain,
            workloads=dict(self.wanted),
            asked=tuple(self.wanted.values()) if self.around.counts_demand else (),
        )

    def same_removed(self, load, after, before):
        """Too many: first goes what is on a node that is not online, then the highest number."""
        online = {one.id for one in self.plain.nodes if one.liveness == Liveness.ONLINE}
        order = sorted(
            before, key=lambda one: (one.node not in online, index_of(load.name, one.id))
        )
        assert [one.id in after for one in order] == [i < load.replicas for i in range(len(order))]
        assert all(after[one.id] == one for one in before if one.id in after)
        self.plain = self.plain.without(*(one.id for one in before if one.id not in after))

    def same_created(self, load, after, old, decision):
        new = [one for one in decision.assignments if one.id not in old]
        assert decision.unplaced == max(0, load.replicas - len(after))
        free = [
            f"{load.name}-{i}" for i in range(99) if f"{load.name}-{i}" not in after.keys() & old
        ]
        assert [one.id for one in new] == free[: len(new)]
        count = max(0, load.replicas - len(after.keys() & old))
        told = place(self.plain, load, count, lambda index, _: new[index].held)
        assert told == [one.node for one in new]
        for one in new:
            self.check_devices(load, one)
            self.plain = self.plain.having(one)

    def same_on_each(self, load, after, old):
        """What is there stays, whatever its node is; the others get one where they take one."""
        assert old <= after.keys()
        made = {one.node: one for one in after.values() if one.id not in old}
        told = on_each(self.plain, load, lambda box: made[box.id].held)
        assert made.keys() == set(told)
        for name in told:
            self.check_devices(load, made[name])
            self.plain = self.plain.having(made[name])

    def check_devices(self, load, one):
        """What an instance got is a way to have it; on one NUMA node where there is such a way."""
        box = self.plain.node(one.node)
        possible = ways(self.plain, load, box)
        assert sorted(one.held, key=str) in [sorted(way, key=str) for way in possible]
        there = {device.id: device for device in devices(box)}

        def numa(way):
            return len(numa_nodes(there[hold.device] for hold in way))

        assert numa(one.held) <= 1 or all(numa(way) > 1 for way in possible)
        if len(one.held) != 1 or one.held[0].milli == 1000:
            return
        given, able = one.held[0].device, {way[0].device for way in possible}
        free = free_of(self.plain, box)
        assert free[given] == min(free[name] for name in able)

    def explain(self, load):
        """Compare every node's reasons against one more instance.

        With none missing that is the last one as if it alone were to be placed again; of a global
        workload each node's own one, where it has one, and its scores are as if there were none.
        """
        mine = self.plain.of(load.name)
        told = explain(self.world, load, mine, most=10_000)
        fleet = self.plain
        if load.mode == "global":
            fleet = fleet.without(*(one.id for one in mine))
        elif mine and len(mine) >= load.replicas:
            fleet = fleet.without(max(mine, key=lambda one: index_of(load.name, one.id)).id)
        asked = dict.fromkeys((one.id for one in self.plain.nodes), fleet)
        if load.mode == "global":
            asked = dict.fromkeys(asked, self.plain)
            asked |= {one.node: self.plain.without(one.id) for one in mine}
        against = {one.id: reasons(asked[one.id], load, one) for one in self.plain.nodes}
        expected = {name: {one.constraint for one in found} for name, found in against.items()}
        names = {one.node: {reason.constraint for reason in one.reasons} for one in told.verdicts}
        assert names == expected
        for one in told.verdicts:
            check_words(against[one.node], one.reasons)
        assert told.feasible == sum(not found for found in expected.values())
        assert {one.node for one in told.verdicts if one.feasible} == {
            name for name, found in expected.items() if not found
        }
        every = [name for found in expected.values() for name in found]
        assert told.blocked == {name: every.count(name) for name in set(every)}
        single = [next(iter(found)) for found in expected.values() if len(found) == 1]
        assert told.alone == {name: single.count(name) for name in set(single)}
        ranking = [one.node for one in told.verdicts if one.feasible]
        totals = {name: total(fleet, load, fleet.node(name)) for name in ranking}
        assert ranking == sorted(ranking, key=lambda name: (-totals[name], name))

    def end(self, name):
        """Take away all that a workload has."""
        for one in self.plain.of(name):
            self.columns.release(one)
            self.plain = self.plain.without(one.id)

    def change(self, what, argument):
        """Change something that is no workload; say whether anything changed."""
        if what == "clock":
            self.plain = dataclasses.replace(self.plain, now=argument)
            return True
        if what == "documents":
            self.version += 1
            self.plain = dataclasses.replace(self.plain, documents=argument)
            return True
        if what == "gone":
            if argument not in self.columns:
                return False
            self.columns.remove(argument)
            nodes = tuple(one for one in self.plain.nodes if one.id != argument)
            placed = tuple(one for one in self.plain.placed if one.node != argument)
        else:
            self.columns.put(argument)
            left = (one for one in self.plain.nodes if one.id != argument.id)
            nodes, placed = (*left, argument), self.plain.placed
        self.plain = dataclasses.replace(self.plain, nodes=nodes, placed=placed)
        return True

    def apply(self, load):
        """Let an operator apply a workload to a fleet that has changed since it was placed.

        The workload may be another one than before, but for how many and what they use.
        """
        old = self.wanted[load.name]
        self._want(load)
        changed = changed_limits(old, load)
        before = self.plain.of(load.name)
        limits = new_limits(old, load)
        decision = engine.place(self.world, load, before, keep=False, limits=limits)
        reserve_decision(self.columns, before, decision)
        was, after = ({one.id: one for one in some} for some in (before, decision.assignments))
        stays = {name for name, one in after.items() if name in was and was[name].node == one.node}
        evened = {one.instance for one in decision.changes if "too many in" in one.detail}
        evened &= was.keys()
        for name in was.keys() - stays - evened:
            fleet = self.plain.without(name)
            box = fleet.node(was[name].node)
            surplus = name not in after and len(after) == load.replicas
            assert binding(fleet, load, box, changed) or surplus
        fleet = self.plain.without(*was).having(*(after[name] for name in sorted(stays)))
        for name in stays:
            self.check_stays(fleet, load, after[name], changed)

        def held(name, box):
            there = after.get(name)
            return there.held if there and there.node == box.id else ()

        told = filled(fleet.having(*(was[name] for name in sorted(evened))), load, [*was], held)
        assert {one.id: one.node for one in told.of(load.name)} == {
            name: one.node for name, one in after.items()
        }
        self.plain = fleet.having(*(after[name] for name in sorted(after.keys() - stays)))
        assert all(bool(one.held) == bool(load.resources.devices) for one in after.values())
        check_placed_once(self.plain, load)

    def check_stays(self, fleet, load, one, changed):
        """What stays is where it could be placed, but for what an apply does not look at."""
        box = fleet.node(one.node)
        if None in capacity(box).values():
            return  # What is not known of a node moves nothing.
        against = binding(fleet.without(one.id), load, box, changed)
        # A skew that no move mends stays: see `filled`.
        ignored = {str(term) for term in load.placement.spread}
        if one.id == min(other.id for other in fleet.of(load.name)):
            # The first may have come before all that it wants near it, itself among them.
            terms = [term for term in load.placement.affinity if is_about(term, load)]
            ignored |= {str(term) for term in terms if domain(box, term.topology) is not None}
        assert against <= ignored


def check_words(expected, told):
    """Each reason is told with its numbers, names and shortage."""
    for one in expected:
        texts = [
            reason.text
            for reason in told
            if reason.constraint == one.constraint and one.missing in (None, reason.missing)
        ]
        words = [rf"(?<![\w.]){re.escape(word)}(?![\w.]*\w)" for word in one.says if word]
        assert any(all(re.search(word, text) for word in words) for text in texts), (one, told)


def check_placed_once(plain, load):
    ids = [one.id for one in plain.of(load.name)]
    assert len(set(ids)) == len(ids) <= load.replicas
