"""The engine against a placer that is slow and obviously right: same answers, same sequences.

Each case is a small fleet, three workloads, and what happens to them in turn. A quick run looks at
some hundred cases; SKERRY_TEST_CASES=20000 in the environment asks for more.
"""

import dataclasses
import os

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.hub.placement import boxes, slow
from tests.hub.placement.boxes import accelerator, node, workload

from skerry_hub.fleet.facts import Resource
from skerry_hub.fleet.ports import Port
from skerry_hub.model import UNSCHEDULABLE, Liveness, Taint, Toleration
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.outcome import index_of
from skerry_hub.terms import Affinity, AtMost, DeviceRequest, Placement, Spread
from skerry_wire.hardware import Camera, RuntimeInfo, UsbDevice

CASES = int(os.environ.get("SKERRY_TEST_CASES", "0"))
MANY = settings(
    max_examples=CASES or 150, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

# --- what fleets and workloads are made of ---------------------------------------------------

RUNTIMES = (
    (),
    (RuntimeInfo(name="podman", usable=True),),
    (RuntimeInfo(name="docker"),),
    (RuntimeInfo(name="k3s", usable=True),),
)
TAINTS = (
    Taint(key="a", value="1", effect="NoSchedule"),
    Taint(key="a", value="2", effect="NoExecute"),
    Taint(key=UNSCHEDULABLE, effect="NoSchedule"),
)
TOLERATIONS = (
    Toleration(key="a", value="1"),
    Toleration(key="a", operator="Exists", effect="NoExecute"),
    Toleration(operator="Exists"),
    Toleration(key="b", operator="Exists"),
)
PORTS = ("tcp/80", "tcp/10.0.0.1:80", "tcp/10.0.0.2:80", "udp/80", "tcp/81", "tcp/0.0.0.0:81")
CONSTRAINTS = (
    "node.labels.site == quay",
    "node.labels.site != quay",
    "node.platform.arch == arm64",
    "node.platform.arch != amd64",
    "node.id != n2",
    "node.hostname == host-n1",
    "node.platform.os == linux",
)
EXPRESSIONS = (
    "node.labels.site in [quay, pier]",
    "node.labels.site not in [quay]",
    "node.labels.zone exists",
    "node.labels.zone not exists",
    "node.labels.rank > 2",
    "node.labels.rank <= 10",
    "node.hardware.memory.total_bytes >= 100",
    "node.hardware.cpu.logical_count < 4",
    "node.hardware.accelerators.kind contains gpu",
    "any(node.labels.site == quay, node.labels.zone == east)",
    "all(node.labels.rank exists, not(node.labels.site == pier))",
    "not(any(node.labels.rank == 3, node.platform.arch == arm64))",
)
DEVICE_EXPRESSIONS = (
    "memory_bytes >= 8",
    "memory_bytes < 8",
    "model == B",
    "model matches ^[AC]",
    "driver exists",
    "numa_node in [0, 2]",
    "not(vendor == NVIDIA)",
)
TOPOLOGIES = ("node", "site", "site", "zone")
SELECTORS = ("tier=db", "tier!=db", "tier=db,stage=test", "stage!=test")
NAMES = ("a", "b", "c")
DEVICES = (
    (),
    (),
    tuple(accelerator(str(i), numa_node=i % 2, memory_bytes=16) for i in range(2)),
    tuple(accelerator(str(i), numa_node=i // 2, memory_bytes=4 * i) for i in range(4)),
    (
        accelerator("0", vendor="AMD", numa_node=0, driver="amdgpu"),
        accelerator("1", numa_node=0, memory_bytes=4),
        accelerator("2", numa_node=1, memory_bytes=8, usable=False),
        accelerator("3", numa_node=1, memory_bytes=16),
        accelerator("4", "npu"),
    ),
    (accelerator("1-1", "npu", "Hailo"), accelerator("0", "npu", "AMD", numa_node=1)),
    tuple(
        accelerator(str(i), "gpu", "AMD", i != 1, numa_node=(0, 1, 1, None, 0)[i]) for i in range(5)
    ),
)
PLUGGED = (
    {},
    {
        "usb": (
            UsbDevice(path="1-1", vendor="0bda"),
            UsbDevice(path="1-2", vendor="046d", product="0825"),
        )
    },
    {
        "usb": (UsbDevice(path="1-2", vendor_name="Logitech"),),
        "cameras": (
            Camera(name="C270", path="/dev/video0", address="1-2:1.0"),
            Camera(name="C270", path="/dev/video2", address="1-2:1.2"),
            Camera(name="B", path="/dev/video4"),
        ),
    },
)
usually = st.sampled_from((True, True, True, True, False))
often = st.sampled_from((True, False))
seldom = st.sampled_from((True, False, False, False, False, False))


def few(choices, most):
    """Return lists of some of these, mostly short."""
    return st.lists(st.sampled_from(choices), max_size=most, unique=True)


@st.composite
def fleet_nodes(draw, name):
    well = draw(usually)
    labels = {
        "site": draw(st.sampled_from((None, "quay", "quay", "pier", "mole", ""))),
        "zone": draw(st.sampled_from((None, "east", "west"))),
        "rank": draw(st.sampled_from((None, "1", "3", "10", "x"))),
    }
    labels = {key: value for key, value in labels.items() if value is not None}
    made = node(
        name,
        cpus=draw(st.sampled_from((4, 4, 4, 16, 16, 2, 1, 0 if well else None))),
        memory=draw(st.sampled_from((400, 400, 400, 900, 200, 2**40, 0 if well else None))),
        storage=draw(st.sampled_from((300, 300, 300, 100, None))),
        accelerators=draw(st.sampled_from(DEVICES)),
        runtimes=RUNTIMES[1] if well else draw(st.sampled_from(RUNTIMES)),
        labels=labels,
        hub_labels=draw(st.sampled_from(({}, {}, {}, {"site": "mole"}, {"zone": "east"}))),
        arch=draw(st.sampled_from(("x86_64", "x86_64", "aarch64", None))),
        liveness=Liveness.ONLINE if well else draw(st.sampled_from(list(Liveness))),
        diverged=None if well else draw(st.sampled_from((None, "behind"))),
        known=well or draw(usually),
        **draw(st.sampled_from(PLUGGED)),
    )
    taints = () if well else draw(few(TAINTS, 2))
    return dataclasses.replace(made, taints=tuple(taints))


@st.composite
def requests(draw):
    kind = draw(st.sampled_from(("gpu", "gpu", "gpu", "npu", "camera", "usb")))
    return DeviceRequest(
        kind=kind,
        count=draw(st.sampled_from((1, 1, 1, 1, 2, 3))),
        vendor=draw(st.sampled_from((None, None, None, None, "nvidia", "AMD"))),
        share_milli=draw(st.sampled_from((1000, 1000, 300, 500, 700))),
        expressions=tuple(draw(few(DEVICE_EXPRESSIONS, 1))) if draw(seldom) else (),
    )


topologies = st.sampled_from(TOPOLOGIES)
weights = st.sampled_from((None, None, 1, 7, 100))
affinities = st.one_of(
    st.builds(
        Affinity, workload=st.sampled_from(NAMES), topology=topologies, anti=often, weight=weights
    ),
    st.builds(
        Affinity,
        selector=st.sampled_from(SELECTORS),
        topology=topologies,
        anti=often,
        weight=weights,
    ),
)
shares = st.sampled_from(({}, {}, {"quay": 3}, {"quay": 2, "pier": 5, "n1": 2, "east": 3}))
spreads = st.builds(
    Spread,
    topology=topologies,
    max_skew=st.sampled_from((1, 1, 2, 3)),
    weight=weights,
    weights=shares,
)
limits = st.builds(AtMost, topology=topologies, count=st.sampled_from((1, 2, 3)))


@st.composite
def loads(draw, name):
    asks, terms = draw(seldom), draw(usually)
    made = workload(
        name,
        replicas=draw(st.sampled_from((0, 1, 2, 2, 3, 3, 4, 5))),
        mode=draw(st.sampled_from(("replicated", "replicated", "replicated", "global"))),
        cpu=draw(st.sampled_from((0, 0, 300, 300, 1000, 2500))),
        memory=draw(st.sampled_from((0, 0, 30, 30, 60, 150))),
        storage=draw(st.sampled_from((0, 0, 0, 90))),
        # Ports of one instance never conflict with each other: a file that says so is refused.
        ports=draw(
            st.sampled_from(((), (), (), PORTS[:1], PORTS[1:3], PORTS[3:5], PORTS[4:5], PORTS[5:]))
        ),
        accelerators=draw(st.lists(requests(), max_size=draw(st.sampled_from((0, 0, 1, 2, 3))))),
        constraints=draw(few(CONSTRAINTS, 2)) if asks else (),
    )
    placement = Placement(
        strategy=draw(st.sampled_from(("", "", "spread", "pack"))),
        numa=draw(st.sampled_from(("", "single"))),
        affinity=tuple(draw(st.lists(affinities, max_size=2))) if terms else (),
        spread=tuple(draw(st.lists(spreads, max_size=2))) if terms else (),
        at_most=tuple(draw(st.lists(limits, max_size=1))) if terms else (),
    )
    return dataclasses.replace(
        made,
        placement=placement,
        labels=draw(st.sampled_from(({}, {"tier": "db"}, {"tier": "db", "stage": "test"}))),
        expressions=tuple(draw(few(EXPRESSIONS, 2))) if draw(seldom) else (),
        tolerations=tuple(draw(few(TOLERATIONS, 2))),
    )


def fleet_of(size):
    return st.tuples(*(fleet_nodes(f"n{i}") for i in range(size)))


fleets = st.sampled_from((1, 2, 3, 4, 5, 6, 8)).flatmap(fleet_of)
wanted = st.tuples(*map(loads, NAMES))
numbers = st.sampled_from((0, 0, 1, 1, 2, 2, 3, 8))
changes = st.one_of(
    st.tuples(st.just("node"), numbers.flatmap(lambda i: fleet_nodes(f"n{i}"))),
    st.tuples(st.just("gone"), numbers.map(lambda i: f"n{i}")),
)
steps = st.lists(
    st.one_of(
        changes,
        st.tuples(st.just("scale"), st.sampled_from(NAMES), st.integers(0, 5)),
        st.tuples(st.just("scale"), st.sampled_from(NAMES), st.integers(2, 6)),
        st.tuples(st.just("end"), st.sampled_from(NAMES)),
    ),
    max_size=4,
)


# --- the two, side by side -------------------------------------------------------------------


class Both:
    """A fleet as columns and as plain records; every step is asked of both."""

    def __init__(self, nodes, wanted):
        self.columns = boxes.fleet(*nodes)
        self.wanted = {one.name: one for one in wanted}
        self.plain = slow.Fleet(nodes, (), self.wanted)

    @property
    def others(self):
        repelling = [
            one
            for one in self.wanted.values()
            if any(term.anti and not term.weight for term in one.placement.affinity)
        ]
        return {"workloads": dict(self.wanted), "repelling": repelling}

    def scale(self, name, replicas):
        """Ask for so many replicas; each new one goes where the slow placer says."""
        load = dataclasses.replace(self.wanted[name], replicas=replicas)
        self.wanted[name] = load
        self.plain = dataclasses.replace(self.plain, workloads=dict(self.wanted))
        self.explain(load)
        before = self.plain.of(name)
        decision = boxes.place(self.columns, load, before, keep=True, **self.others)
        reserve_decision(self.columns, before, decision)
        after = {one.id: one for one in decision.assignments}
        old = {one.id for one in before}
        if load.mode == "global":
            self.same_on_each(load, after, old)
        else:
            self.same_removed(load, after, before)
            self.same_created(load, after, old, decision)
        self.explain(load)

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
        told = slow.place(self.plain, load, count, lambda index, _: new[index].held)
        assert told == [one.node for one in new]
        for one in new:
            self.check_devices(load, one)
            self.plain = self.plain.having(one)

    def same_on_each(self, load, after, old):
        """What is there stays, whatever its node is; the others get one where they take one."""
        assert old <= after.keys()
        made = {one.node: one for one in after.values() if one.id not in old}
        told = slow.on_each(self.plain, load, lambda box: made[box.id].held)
        assert made.keys() == set(told)
        for name in told:
            self.check_devices(load, made[name])
            self.plain = self.plain.having(made[name])

    def check_devices(self, load, one):
        """What an instance got is a way to have it; on one NUMA node where there is such a way."""
        box = self.plain.node(one.node)
        ways = slow.ways(self.plain, load, box)
        assert sorted(one.held, key=str) in [sorted(way, key=str) for way in ways]
        there = {device.id: device for device in slow.devices(box)}

        def numa(way):
            return len(slow.numa_nodes(there[hold.device] for hold in way))

        assert numa(one.held) <= 1 or all(numa(way) > 1 for way in ways)
        free = slow.free_of(self.plain, box)
        if (
            len(one.held) == 1
            and one.held[0].milli < 1000
            and len({d.numa for d in there.values()}) < 2
        ):
            assert free[one.held[0].device] == min(free[way[0].device] for way in ways)

    def explain(self, load):
        """Compare every node's reasons, for one more instance or, with none missing, the first."""
        mine = self.plain.of(load.name)
        told = boxes.explain(self.columns, load, mine, **self.others)
        fleet = self.plain
        if load.mode == "global" or len(mine) >= load.replicas:
            fleet = fleet.without(*(one.id for one in mine))
        names = {one.node: {reason.constraint for reason in one.reasons} for one in told.verdicts}
        expected = {one.id: slow.refusals(fleet, load, one) for one in self.plain.nodes}
        assert names == expected
        assert told.feasible == sum(not found for found in expected.values())
        assert {one.node for one in told.verdicts if one.feasible} == {
            name for name, found in expected.items() if not found
        }
        every = [name for found in expected.values() for name in found]
        assert told.blocked == {name: every.count(name) for name in set(every)}
        single = [next(iter(found)) for found in expected.values() if len(found) == 1]
        assert told.alone == {name: single.count(name) for name in set(single)}
        ranking = [one.node for one in told.verdicts if one.feasible]
        totals = {one.id: slow.total(fleet, load, one) for one in self.plain.nodes}
        assert ranking == sorted(ranking, key=lambda name: (-totals[name], name))

    def end(self, name):
        """Take away all that a workload has."""
        for one in self.plain.of(name):
            self.columns.release(one)
            self.plain = self.plain.without(one.id)

    def change(self, what, argument):
        """Take away a node with all that is on it, or put one; say whether anything changed."""
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
        """Let an operator apply a workload to a fleet that has changed since it was placed."""
        before = self.plain.of(load.name)
        decision = boxes.place(self.columns, load, before, keep=False, **self.others)
        reserve_decision(self.columns, before, decision)
        was, after = ({one.id: one for one in some} for some in (before, decision.assignments))
        stays = {name for name, one in after.items() if name in was and was[name].node == one.node}
        left = [name for name in was if name not in stays]
        for name in left:
            fleet = self.plain.without(name)
            box = fleet.node(was[name].node)
            surplus = name not in after and len(after) == load.replicas
            assert slow.refusals(fleet, load, box) or surplus
        fleet = self.plain.without(*was).having(*(after[name] for name in sorted(stays)))
        for name in stays:
            self.check_stays(fleet, load, after[name])
        new = sorted(after.keys() - stays, key=lambda name: (name not in was, name))
        count = max(0, load.replicas - len(stays))
        told = slow.place(fleet, load, count, lambda index, _: after[new[index]].held)
        assert told == [after[name].node for name in new]
        self.plain = fleet.having(*(after[name] for name in new))
        check_placed_once(self.plain, load)
        if not new:
            self.check_mended(load)

    def check_mended(self, load):
        """A skew is left only where one of those that make it can go nowhere else."""
        there = self.plain.of(load.name)
        over = [
            one
            for one in there
            if any(
                name.startswith("spread over")
                for name in slow.refusals(
                    self.plain.without(one.id), load, self.plain.node(one.node)
                )
            )
        ]
        assert not over or any(slow.best(self.plain.without(one.id), load) is None for one in over)

    def check_stays(self, fleet, load, one):
        """What stays is where it could be placed, but for what an apply does not look at."""
        box = fleet.node(one.node)
        if None in slow.capacity(box):
            return  # What is not known of a node moves nothing.
        against = slow.refusals(fleet.without(one.id), load, box)
        ignored = {"online", "held", "runtime", "taints"}
        # A skew that no move mends stays: see `check_mended`.
        ignored |= {str(term) for term in load.placement.spread}
        if one.id == min(other.id for other in fleet.of(load.name)):
            # The first may have come before all that it wants near it, itself among them.
            terms = [term for term in load.placement.affinity if slow.is_about(term, load)]
            ignored |= {str(term) for term in terms if slow.domain(box, term.topology) is not None}
        assert against <= ignored


def check_placed_once(plain, load):
    ids = [one.id for one in plain.of(load.name)]
    assert len(set(ids)) == len(ids) <= load.replicas


def check_room(plain):
    """No amount, device or port is given out twice, whatever the nodes have."""
    for box in plain.nodes:
        there = plain.on(box)
        for have, amount in zip(
            slow.capacity(box), ("cpu_milli", "memory_bytes", "storage_bytes"), strict=True
        ):
            taken = sum(getattr(one.resources, amount) for one in there)
            assert taken <= (have or 0)
        given = [hold for one in there for hold in one.held]
        for device in {hold.device for hold in given}:
            assert sum(hold.milli for hold in given if hold.device == device) <= 1000
        ports = [(one.id, port) for one in there for port in one.resources.ports]
        for first, port in ports:
            assert not any(second != first and slow.collide(port, other) for second, other in ports)


def check_musts(plain):
    """No term that is a must is broken by what is placed."""
    for name, load in plain.workloads.items():
        mine = plain.of(name)
        for term in load.placement.at_most:
            assert max(slow.counts(plain, term.topology, [name]).values(), default=0) <= term.count
        for term in load.placement.affinity:
            if term.anti and not term.weight:
                check_apart(plain, load, mine, term)


def check_apart(plain, load, mine, term):
    about = slow.others(plain, load, term)
    for one in mine:
        where = slow.domain(plain.node(one.node), term.topology)
        if where is not None:
            itself = load.name in about
            assert slow.counts(plain, term.topology, about)[where] == itself


def check_skew(plain):
    """Where no node changed and nothing ended, all is as even as it was placed."""
    for load in plain.workloads.values():
        for term in load.placement.spread:
            if not term.weight and load.mode != "global":
                shares = slow.shares_of(plain, load, term) or [0]
                assert max(shares) - min(shares) <= term.max_skew


def check_empty(columns, nodes):
    """After all was released, the columns are as those of a fleet on which nothing ever was."""
    fresh = boxes.fleet(*nodes)
    assert columns.ids() == fresh.ids()
    mine, new = columns.rows(), fresh.rows()
    for resource in Resource:
        assert np.array_equal(columns.free(resource, mine), fresh.free(resource, new))
    assert not columns.instances(mine).any()
    assert np.array_equal(columns.accelerators_idle(mine), fresh.accelerators_idle(new))
    for text in PORTS:
        assert columns.port_free(Port.parse(text), mine).all()
    for kind in ("gpu", "npu", "camera", "usb"):
        for one, other in zip(mine.tolist(), new.tolist(), strict=True):
            assert columns.state(kind, one) == fresh.state(kind, other)
    assert not any(columns.assigned(one) for one in columns.ids())
    assert not any(columns.instances_of(name) for name in NAMES)


@given(fleets, wanted, steps)
@MANY
def test_the_engine_places_and_refuses_as_the_slow_placer_does(nodes, wanted, steps):
    both, steady = Both(nodes, wanted), True
    for load in wanted:
        both.scale(load.name, load.replicas // 2)
    for load in wanted:
        both.scale(load.name, load.replicas)
    check_skew(both.plain)
    for what, *arguments in steps:
        if what == "scale":
            both.scale(*arguments)
        elif what == "end":
            both.end(*arguments)
        else:
            steady &= not both.change(what, *arguments)
        if steady:
            check_room(both.plain)
            check_musts(both.plain)
    event(f"placed {min(len(both.plain.placed), 6)}")
    for name in NAMES:
        both.end(name)
    check_empty(both.columns, both.plain.nodes)
    # Boards that were kept through all of it place as new ones do.
    again = Both(both.plain.nodes, both.wanted.values())
    for load in both.wanted.values():
        for one in (both, again):
            one.scale(load.name, load.replicas)
    assert both.plain.placed == again.plain.placed


@given(fleets, wanted)
@MANY
def test_an_operator_who_applies_the_same_again_moves_nothing(nodes, wanted):
    both = Both(nodes, wanted)
    for load in wanted:
        both.scale(load.name, load.replicas)
        mine = both.plain.of(load.name)
        decision = boxes.place(both.columns, load, mine, keep=False, **both.others)
        assert {change.action for change in decision.changes} <= {"keep"}
        assert sorted(decision.assignments, key=str) == sorted(mine, key=str)


@given(fleets, wanted, st.lists(changes, min_size=2, max_size=5))
@MANY
def test_an_operator_moves_what_has_to_leave_and_nothing_else(nodes, wanted, changed):
    both = Both(nodes, wanted)
    for load in wanted:
        both.scale(load.name, load.replicas)
    for what, argument in changed:
        both.change(what, argument)
    for load in wanted:
        if load.mode != "global":
            both.apply(load)


# --- what was found this way -----------------------------------------------------------------


def asking(name, *, replicas=1, mode="replicated", labels=None, **placement):
    made = workload(name, replicas=replicas, mode=mode)
    return dataclasses.replace(made, labels=labels or {}, placement=Placement(**placement))


def test_what_stays_of_a_global_workload_counts_in_its_terms():
    load = asking("a", mode="global", at_most=(AtMost(topology="site", count=1),))
    both = Both((node("n1", labels={"site": "quay"}),), (load,))
    both.scale("a", 1)
    both.change("node", node("n0", labels={"site": "quay"}))
    both.scale("a", 1)
    assert [one.node for one in both.plain.placed] == ["n1"]


def test_an_apply_leaves_a_group_whose_like_came_elsewhere_later():
    near = Affinity(selector="tier=db")
    load = asking("a", replicas=3, labels={"tier": "db"}, affinity=(near,))
    other = asking("b", labels={"tier": "db"})
    both = Both((node("n0"), node("n1")), (load, other))
    both.scale("a", 3)
    both.scale("b", 1)
    assert {one.node for one in both.plain.of("a")}.isdisjoint(
        one.node for one in both.plain.of("b")
    )
    before = both.plain.of("a")
    both.apply(load)
    assert both.plain.of("a") == before


def test_an_even_global_workload_is_placed_whole_at_once():
    load = asking("a", mode="global", spread=(Spread(topology="site"),))
    sites = ("quay", "quay", "pier", "pier")
    boxes_there = tuple(node(f"n{i}", labels={"site": site}) for i, site in enumerate(sites))
    both = Both(boxes_there, (load,))
    both.scale("a", 1)
    assert len(both.plain.placed) == len(sites)


def test_an_apply_moves_what_lost_the_domain_that_it_is_spread_over():
    load = asking("a", replicas=2, spread=(Spread(topology="site"),))
    there = (node("n0", labels={"site": "quay"}), node("n1", labels={"site": "pier"}))
    both = Both(there, (load,))
    both.scale("a", 2)
    both.change("node", node("n1"))
    both.apply(load)
    assert {one.node for one in both.plain.placed} == {"n0"}


def test_a_usb_port_whose_camera_is_held_is_not_given_as_a_usb_device():
    plugged = {
        "usb": (UsbDevice(path="1-2"), UsbDevice(path="1-3")),
        "cameras": (Camera(name="C270", path="/dev/video0", address="1-2:1.0"),),
    }
    film = workload("a", accelerators=[DeviceRequest(kind="camera", share_milli=300)])
    plug = workload("b", replicas=2, accelerators=[DeviceRequest(kind="usb")])
    both = Both((node("n0", **plugged),), (film, plug))
    both.scale("a", 1)
    both.scale("b", 2)
    assert [one.held[0].device for one in both.plain.of("b")] == ["usb/1-3"]
