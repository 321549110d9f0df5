"""Relaxations: what is offered places the workload where it says, on as many nodes as it says."""

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    where,
    workload,
)

from skerry_hub.documents import Dataset, Policy, Prices, Quota, Reservation, Window
from skerry_hub.latency import Network, endpoint
from skerry_hub.model import UNSCHEDULABLE, Hold, Liveness, Taint
from skerry_hub.placement.engine import reserve_decision
from skerry_hub.placement.obstacles import obstacles_of
from skerry_hub.placement.relaxing import relaxations
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.session import Session
from skerry_hub.placement.world import World
from skerry_hub.terms import (
    Affinity,
    AtMost,
    Cost,
    DataNeed,
    DeviceRequest,
    Latency,
    Placement,
    Spread,
)
from skerry_wire.workload import Container, DeviceMapping

SOME = settings(max_examples=200, deadline=None)
SITES = ("quay", "pier", "mole")
NAMES = tuple(f"n{index}" for index in range(6))
TAINTS = (
    Taint(key="gpu", value="only", effect="NoSchedule"),
    Taint(key="old", effect="NoExecute"),
    Taint(key=UNSCHEDULABLE, effect="NoSchedule"),
)
PRICES = Prices(name="p", cpu_hour=0.031, gib_hour=0.004, nodes=("node.labels.site == quay",))
DEAR = Prices(name="q", cpu_hour=1.0, node_hour=0.5, nodes=("node.labels.site == pier",))
MAPS = Dataset(name="maps", size_bytes=75 * 10**8, places={"site": ("quay",)})
ROOM = Reservation(name="room", selector="tier=batch", memory_bytes=3 * GIB, cpu_milli=2500)
TEAM = Policy(name="team", quota=Quota(memory_bytes=2 * GIB, cpu_milli=6000))
RICH = Policy(name="rich", quota=Quota(cost_per_hour=0.2))
DOCUMENTS = (PRICES, DEAR, MAPS, ROOM, TEAM, RICH)
TIMES = {
    name: {endpoint("erp"): 5.0 + 7.3 * index, "n0": 3.7 + index}
    for index, name in enumerate(NAMES[1:], 1)
}
NETWORK = Network.of(TIMES)


def relaxed(world, load, current=()):
    """Return what is offered for a workload; nothing where a node takes it."""
    with world.columns.trial():
        session = Session(world, load, "", current)
        rows = world.columns.rows()
        if session.best() is not None:
            return []
        return relaxations(session, rows, obstacles_of(session, rows), current)


@st.composite
def boxes(draw, name):
    gpus_here = draw(st.integers(0, 3))
    made = node(
        name,
        cpus=draw(st.sampled_from([1, 2, 4, 8])),
        memory=draw(st.sampled_from([100 * MIB, GIB - 1, 3 * GIB, 8 * GIB])),
        labels=draw(st.sampled_from([{}, *({"site": one, "rank": "7"} for one in SITES)])),
        accelerators=[
            accelerator(str(at), vendor=draw(st.sampled_from(["NVIDIA", "AMD"])))
            for at in range(gpus_here)
        ],
        liveness=draw(st.sampled_from([Liveness.ONLINE] * 5 + [Liveness.LOST])),
    )
    return dataclasses.replace(
        made, taints=tuple(draw(st.lists(st.sampled_from(TAINTS), max_size=1)))
    )


@st.composite
def placements(draw):
    def some(values, most=1):
        return tuple(draw(st.lists(st.sampled_from(values), max_size=most, unique_by=str)))

    return Placement(
        at_most=some([AtMost(topology="site", count=1), AtMost(topology="node", count=1)]),
        spread=some([Spread(topology="site", max_skew=1), Spread(topology="node", max_skew=1)]),
        affinity=some(
            [
                Affinity(workload="other", topology="site"),
                Affinity(workload="other", topology="node", anti=True),
                Affinity(workload="shop-web", topology="site", anti=True),
            ],
            2,
        ),
        latency=some(
            [
                Latency(to="endpoint", name="erp", max_ms=4.0),
                Latency(to="node", name="n0", max_ms=2.5, weight=3),
            ]
        ),
        cost=draw(st.sampled_from([Cost(), Cost(max_per_hour=0.01), Cost(max_per_hour=0.9)])),
        data=some([DataNeed(dataset="maps", local=True), DataNeed(dataset="gone")]),
        numa=draw(st.sampled_from(["", "single"])),
    )


@st.composite
def loads(draw):
    requests = [
        DeviceRequest(kind="gpu", count=2),
        DeviceRequest(kind="gpu", share_milli=700, vendor="nvidia"),
        DeviceRequest(kind="gpu", expressions=("vendor == AMD",)),
        DeviceRequest(kind="camera"),
    ]
    paths = draw(st.sampled_from([(), ("/dev/ttyUSB0",)]))
    made = workload(
        replicas=draw(st.integers(1, 3)),
        cpu=draw(st.sampled_from([0, 900, 3000])),
        memory=draw(st.sampled_from([0, 200 * MIB, 2 * GIB, 5 * GIB + 1])),
        ports=draw(st.sampled_from([(), ("tcp/80",), ("tcp/80", "tcp/81")])),
        accelerators=draw(st.lists(st.sampled_from(requests), max_size=2, unique=True)),
        constraints=draw(st.sampled_from([(), ("node.labels.site == quay",), ("node.id != n1",)])),
    )
    expressions = draw(
        st.lists(
            st.sampled_from(
                [
                    "node.hardware.memory.total_bytes > 8GiB",
                    "node.hardware.cpu.logical_count < 1",
                    "node.labels.rank >= 8",
                    "node.labels.site in [mole, pier]",
                    "not(node.labels.rank exists)",
                ]
            ),
            max_size=2,
            unique=True,
        )
    )
    devices = tuple(DeviceMapping(host=path, container=path) for path in paths)
    return dataclasses.replace(
        made,
        expressions=tuple(expressions),
        placement=draw(placements()),
        containers=(Container(name="web", image="web:1", devices=devices),),
    )


fleets = st.integers(1, 6).flatmap(lambda size: st.tuples(*(boxes(NAMES[i]) for i in range(size))))
documents = st.lists(st.sampled_from(DOCUMENTS), unique_by=lambda one: one.name)
taken = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["other", "x"])), max_size=4, unique=True
)


@given(fleets, loads(), documents, taken)
@SOME
def test_a_workload_so_changed_goes_to_that_node_and_to_as_many_as_it_says(
    machines, load, rules, others
):
    columns = fleet(*machines)
    for name, of in others:
        if name in columns:
            held = (Hold(device="gpu/0", milli=500),)
            there = workload(of, cpu=500, memory=60 * MIB, ports=["tcp/80"])
            columns.reserve(assignment(f"{of}-{name}", name, of=there, held=held))
    world = World(columns, rules=rules_of(rules, 1), network=NETWORK)
    first = place(columns, load, [], keep=False, rules=world.rules, network=NETWORK)
    reserve_decision(columns, [], first)
    found = relaxed(world, load, first.assignments)
    if first.unplaced and not found:
        # Only what nobody asks for, or a quota of other things, is left.
        assert_hopeless(world, load, first.assignments)
    for one in found:
        if one.workload is None:
            continue
        row = columns.row(one.relaxation.node)
        session = Session(world, one.workload, "", first.assignments)
        assert session.takes(row), (one, session.term_refusals(row))
        taking = {columns.facts(at).id for at in columns.rows().tolist() if session.takes(at)}
        if any("ask for another port" in text for text in one.relaxation.changes):
            # One that all its instances ask for then.
            taking -= {other.node for other in first.assignments}
        assert one.relaxation.nodes == len(taking), one
        assert one.workload != load
        assert one.relaxation.cost > 0
    assert len({one.relaxation.changes for one in found}) == len(found)
    costs = [one.relaxation.cost for one in found]
    assert costs == sorted(costs)


def assert_hopeless(world, load, current):
    """Each node refuses for something that gives no way."""
    session = Session(world, load, "", current)
    rows = world.columns.rows()
    hopeless = {"online", "held", "runtime"}
    for index in range(len(rows)):
        against = {one.name for one in obstacles_of(session, rows) if one.lack[index]}
        assert against & hopeless, against


@given(fleets, st.integers(1, 10 * GIB), st.integers(1, 12_000), taken)
@SOME
def test_no_more_could_be_asked_for_and_nothing_cheaper(machines, memory, cpu, others):
    columns = fleet(*machines)
    for name, of in others:
        if name in columns:
            columns.reserve(assignment(f"{of}-{name}", name, of=workload(of, memory=70 * MIB)))
    load = workload(memory=memory, cpu=cpu)
    for one in relaxed(World(columns), load)[:1]:
        asked = one.workload.resources
        more = {"memory_bytes": asked.memory_bytes + 1, "cpu_milli": asked.cpu_milli + 1}
        for field, amount in more.items():
            if getattr(asked, field) < getattr(load.resources, field):
                resources = dataclasses.replace(asked, **{field: amount})
                larger = dataclasses.replace(one.workload, resources=resources)
                row = columns.row(one.relaxation.node)
                assert not Session(World(columns), larger, "").takes(row)
        assert one.relaxation.cost == min(costs_of_amounts(machines, columns, load))


def costs_of_amounts(machines, columns, load):
    """Return what each node costs that lacks nothing else, one node at a time."""
    for box in machines:
        if box.liveness is not Liveness.ONLINE:
            continue
        used = sum(one.resources.memory_bytes for one in columns.assigned(box.id))
        hardware = box.capability.hardware
        have = hardware.memory.total_bytes - used, hardware.cpu.logical_count * 1000
        wanted = load.resources.memory_bytes, load.resources.cpu_milli
        parts = [min(1, max(0, (w - h) / w)) for w, h in zip(wanted, have, strict=True)]
        cost = sum(parts) + bool(box.taints)
        yield max(1e-4, round(cost, 4)) if cost else 0


# --- what is said -----------------------------------------------------------------------------


def said(columns, load, current=(), **world):
    return [(one.node, one.changes) for one in explain(columns, load, current, **world).relaxations]


def test_of_equal_costs_the_nearest_miss_is_told():
    columns = fleet(node("a"), node("b", accelerators=[accelerator("1")]))
    columns.reserve(assignment("x-0", "b", held=(Hold(device="gpu/1"),)))
    ((name, _),) = said(columns, workload(accelerators=[gpus()]))
    assert name == "b"


def test_another_port_is_no_help_beside_one_of_its_own():
    columns = fleet(node("a"), node("b"))
    columns.reserve(assignment("other-0", "b", of=workload("other", ports=["tcp/81"])))
    load = workload(replicas=3, ports=["tcp/80", "tcp/81"])
    first = place(columns, load, [], keep=False)
    reserve_decision(columns, [], first)
    assert set(where(first).values()) == {"a"}
    told = explain(columns, load, first.assignments).relaxations
    dropped = tuple(
        f"drop port {text} (shop-web-0, one of its own, has it on host-a (a))"
        for text in load.resources.ports
    )
    assert [(one.changes, one.cost, one.nodes) for one in told] == [
        (("ask for another port than tcp/81 (other-0 has it on host-b (b))",), 1, 1),
        (dropped, 2, 2),
    ]
    columns.remove("b")
    (told,) = explain(columns, load, first.assignments).relaxations
    assert told.changes == dropped


def test_what_devices_have_to_be_like_goes_before_the_devices_and_both_ways_are_told():
    columns = fleet(node("a"), node("b", accelerators=[accelerator("1")]))
    large = DeviceRequest(kind="gpu", expressions=("memory_bytes >= 100GiB",))
    told = said(columns, workload(accelerators=[large]))
    why = "host-b (b): no usable gpu free: 1 there, 1 other than memory_bytes >= 100GiB"
    assert told == [
        ("b", (f"drop memory_bytes >= 100GiB of 1 gpu ({why})",)),
        ("b", (f"ask for no gpu ({why})",)),
    ]
    apart = [accelerator("1", numa_node=0), accelerator("2", numa_node=1)]
    columns = fleet(node("a", accelerators=apart[:1]), node("b", accelerators=apart))
    load = dataclasses.replace(workload(accelerators=[gpus(2)]), placement=Placement(numa="single"))
    fewer, single = explain(columns, load, []).relaxations
    assert (fewer.node, fewer.cost, fewer.nodes) == ("b", 0.5, 2)
    assert (single.node, single.cost, single.nodes) == ("b", 1.0, 1)
    assert single.changes[0].startswith("drop numa: single")


def test_a_taint_is_tolerated_before_a_device_is_dropped():
    only = Taint(key="gpu", value="only", effect="NoSchedule")
    behind = dataclasses.replace(node("b", accelerators=[accelerator("1")]), taints=(only,))
    told = said(fleet(node("a"), behind), workload(accelerators=[gpus()]))
    assert [name for name, _ in told] == ["b", "a"]
    assert told[0][1] == ("tolerate the taint gpu=only:NoSchedule",)


def test_less_of_an_amount_is_asked_once_whoever_has_not_enough_of_it():
    rules = rules_of([ROOM, TEAM], 1)
    columns = fleet(node("a", memory=4 * GIB))
    ((_, changes),) = said(columns, workload(memory=8 * GIB), rules=rules)
    assert changes == (
        "ask for at most 1 GiB memory (7 GiB less) or change reservation room, "
        "which keeps the rest for others or raise the quota of policy team",
    )
    assert explain(columns, workload(memory=8 * GIB), [], rules=rules).relaxations[0].cost == 0.875


def test_a_quota_of_other_things_than_amounts_says_what_it_would_have_to_be():
    team = Policy(name="team", quota=Quota(instances=1, devices={"gpu": 1}))
    rich = Policy(name="rich", quota=Quota(cost_per_hour=0.2))
    dear = Prices(name="q", cpu_hour=0.4, nodes=("node.id == b",))
    rules = rules_of([team], 1)
    pair = [accelerator("1"), accelerator("2")]
    columns = fleet(*(node(name, accelerators=pair) for name in "abc"))
    share = DeviceRequest(kind="gpu", share_milli=700)
    load = workload(cpu=1000, replicas=2, accelerators=[share])
    first = place(columns, load, [], keep=False, rules=rules)
    assert (where(first), first.unplaced) == ({"shop-web-0": "a"}, 1)
    reserve_decision(columns, [], first)
    (told,) = explain(columns, load, first.assignments, rules=rules).relaxations
    assert told.changes == (
        "raise the quota of policy team from 1 to 2 instances and from 1 to 2 gpu",
    )
    assert (told.cost, told.nodes) == (1, 3)
    more = dataclasses.replace(load, replicas=3)
    rules = rules_of([rich, Prices(name="p", cpu_hour=0.1), dear], 2)
    columns = fleet(*(node(name, accelerators=pair) for name in "abc"))
    first = place(columns, more, [], keep=False, rules=rules)
    assert set(where(first).values()) == {"a", "c"}
    reserve_decision(columns, [], first)
    (told,) = explain(columns, more, first.assignments, rules=rules).relaxations
    assert told.changes == ("raise the quota of policy rich from 0.2 to 0.3 an hour",)
    assert (told.node, told.nodes) == ("a", 2)


def test_a_quota_so_raised_has_room_for_one_more():
    columns = fleet(node("a"))
    load = workload(mode="global")
    rules = rules_of([Policy(name="team", quota=Quota(instances=0))], 1)
    (told,) = explain(columns, load, [], rules=rules).relaxations
    assert told.changes == ("raise the quota of policy team from 0 to 1 instances",)
    rules = rules_of([Policy(name="team", quota=Quota(instances=1))], 2)
    assert where(place(columns, load, [], keep=False, rules=rules)) == {"shop-web-a": "a"}


def test_what_is_not_the_workloads_to_change_names_who_is():
    window = Window(name="night", start=0.0, duration_s=3600.0)
    columns = fleet(node("a"))
    ((_, changes),) = said(columns, workload(), rules=rules_of([window], 1), now=10.0)
    assert changes == (
        "wait until 1970-01-01 01:00 UTC, when maintenance night of host-a (a) ends",
    )
    shy = dataclasses.replace(
        workload("shy"),
        placement=Placement(affinity=(Affinity(workload="shop-web", anti=True),)),
    )
    columns.reserve(assignment("shy-0", "a", of=shy))
    ((_, changes),) = said(columns, workload(), workloads={"shy": shy}, repelling=[shy])
    assert changes == (
        "change the workload whose antiAffinity keeps it away "
        "(shy in node a wants none of this beside it)",
    )


def test_a_spread_is_widened_for_the_domains_that_a_dropped_constraint_opens():
    columns = fleet(
        node("a", labels={"site": "quay", "tier": "gold"}),
        node("d", labels={"site": "quay"}),
        node("e", labels={"site": "pier"}, cpus=1),
    )
    load = dataclasses.replace(
        workload(replicas=3, cpu=2000, constraints=["node.labels.tier == gold"]),
        placement=Placement(spread=(Spread(topology="site"),)),
    )
    first = place(columns, load, [], keep=False)
    assert set(where(first).values()) == {"a"}
    reserve_decision(columns, [], first)
    changes = dict(said(columns, load, first.assignments))["d"]
    assert changes == (
        "drop constraint node.labels.tier == gold (host-d (d) has no tier)",
        "allow a maxSkew of 3 over site"
        " (2 in site quay and 0 in site pier: one more is a skew over 1)",
    )


def test_nobody_is_there_to_be_relaxed_for():
    assert relaxed(World(fleet()), workload()) == []
