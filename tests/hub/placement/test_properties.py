"""What holds for every fleet and every sequence of applies."""

import dataclasses
import itertools
import random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import (
    accelerator,
    constraint,
    explain,
    fleet,
    gpus,
    node,
    place,
    requirements,
    seen,
    workload,
)

from skerry_hub.fleet.columns import totals_of
from skerry_hub.fleet.facts import Resource
from skerry_hub.fleet.ports import Port
from skerry_hub.model import UNSCHEDULABLE, Liveness, Taint, Toleration
from skerry_hub.placement.constraints import refusals_of
from skerry_hub.placement.engine import reserve_decision
from skerry_wire.codec import pack
from skerry_wire.hardware import RuntimeInfo

RUNTIMES = (
    (),
    (RuntimeInfo(name="podman", usable=True),),
    (RuntimeInfo(name="docker"),),
    (RuntimeInfo(name="k3s", usable=True),),
)
PORTS = ["tcp/80", "tcp/10.0.0.1:80", "tcp/10.0.0.2:80", "udp/80", "tcp/81"]
CONSTRAINTS = [
    "node.labels.site == quay",
    "node.labels.site != quay",
    "node.platform.arch == arm64",
    "node.id != n2",
]
TAINTS = [
    Taint(key="a", value="1", effect="NoSchedule"),
    Taint(key="a", value="2", effect="NoExecute"),
    Taint(key=UNSCHEDULABLE, effect="NoSchedule"),
]
TOLERATIONS = [
    Toleration(key="a", value="1"),
    Toleration(key="a", operator="Exists", effect="NoExecute"),
    Toleration(operator="Exists"),
    Toleration(key="b", operator="Exists"),
]
SOME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
usually = st.sampled_from([True, True, True, False])


@st.composite
def accelerators(draw):
    kinds = draw(st.lists(st.sampled_from(["gpu", "gpu", "npu"]), max_size=4))
    return [
        accelerator(str(i), kind, draw(st.sampled_from(["NVIDIA", "AMD"])), draw(usually))
        for i, kind in enumerate(kinds)
    ]


@st.composite
def nodes(draw, name):
    well = draw(usually)
    taints = () if well else tuple(draw(st.lists(st.sampled_from(TAINTS), unique=True)))
    made = node(
        name,
        cpus=draw(st.sampled_from([None, 0, 1, 2, 4, 4])),
        memory=draw(st.sampled_from([None, 0, 50, 100, 200, 400])),
        storage=draw(st.sampled_from([None, 100, 300])),
        accelerators=draw(accelerators()),
        runtimes=RUNTIMES[1] if well else draw(st.sampled_from(RUNTIMES)),
        labels=draw(st.sampled_from([{}, {"site": "quay"}, {"site": "pier"}])),
        arch=draw(st.sampled_from(["x86_64", "aarch64", None])),
        liveness=Liveness.ONLINE if well else draw(st.sampled_from(list(Liveness))),
        diverged=None if well else draw(st.sampled_from([None, "behind"])),
        known=draw(usually) or well,
    )
    return dataclasses.replace(made, taints=taints)


fleets = st.integers(0, 6).flatmap(lambda size: st.tuples(*(nodes(f"n{i}") for i in range(size))))


@st.composite
def workloads(draw, names=("a", "b", "c")):
    vendors = st.sampled_from([None, None, "nvidia", "AMD"])
    asked = st.builds(gpus, st.integers(1, 2), vendors, st.sampled_from(["gpu", "npu"]))
    borne = draw(st.lists(st.sampled_from(TOLERATIONS), max_size=2, unique=True))
    made = workload(
        draw(st.sampled_from(names)),
        replicas=draw(st.integers(0, 6)),
        mode=draw(st.sampled_from(["replicated", "replicated", "global"])),
        cpu=draw(st.sampled_from([0, 300, 1000, 2500])),
        memory=draw(st.sampled_from([0, 30, 60, 150])),
        storage=draw(st.sampled_from([0, 0, 90])),
        # Ports of one instance never conflict with each other: a file that says so is refused.
        ports=draw(st.sampled_from([(), (), PORTS[:1], PORTS[1:3], PORTS[3:], PORTS[2:]])),
        accelerators=draw(st.lists(asked, max_size=2)),
        constraints=draw(st.lists(st.sampled_from(CONSTRAINTS), max_size=2, unique=True)),
        image=draw(st.sampled_from(["web:1", "web:2"])),
    )
    return dataclasses.replace(made, tolerations=tuple(borne))


applies = st.lists(st.tuples(workloads(), st.booleans()), min_size=1, max_size=6)


def run(columns, steps):
    """Carry out applies in turn; return the decisions and what is placed in the end."""
    placed, decisions = {}, []
    for load, keep in steps:
        before = placed.get(load.name, ())
        decision = place(columns, load, before, keep=keep)
        reserve_decision(columns, before, decision)
        placed[load.name] = decision.assignments
        decisions.append(decision)
    return decisions, list(itertools.chain.from_iterable(placed.values()))


@given(fleets, applies)
@SOME
def test_nothing_is_ever_given_twice_or_beyond_what_there_is(boxes, steps):
    columns = fleet(*boxes)
    _, placed = run(columns, steps)
    by_node = {box.id: [one for one in placed if one.node == box.id] for box in boxes}
    assert sum(map(len, by_node.values())) == len(placed)
    for facts in columns.each(columns.rows()):
        there = by_node[facts.id]
        reserved = totals_of(columns.assigned(facts.id))
        used = (reserved.cpu_milli, reserved.memory_bytes, reserved.storage_bytes)
        for have, given_out in zip(facts.capacity, used, strict=True):
            # Nothing new goes where it is not known; what runs there may be told to reserve more.
            assert have is None or given_out <= have
        held = [hold.device.partition("/")[2] for one in there for hold in one.held]
        usable = {a.address for a in facts.accelerators if a.usable}
        assert len(set(held)) == len(held)
        assert usable.issuperset(held)
        ports = [(one.id, Port.parse(text)) for one in there for text in one.resources.ports]
        for (first, port), (second, other) in itertools.combinations(ports, 2):
            assert first == second or not port.conflicts(other)
        for one in there:
            wanted = sum(request.count for request in one.resources.devices)
            assert len(one.held) == wanted


@given(fleets, fleets, applies, applies)
@SOME
def test_a_fleet_that_changed_is_never_booked_further_over(boxes, later, first, second):
    columns = fleet(*boxes)
    _, placed = run(columns, first)
    for box in later:
        columns.put(box)
    for load, keep in second:
        rows = columns.rows()
        before = [columns.free(resource, rows) for resource in Resource]
        mine = [one for one in placed if one.workload == load.name]
        decision = place(columns, load, mine, keep=keep)
        reserve_decision(columns, mine, decision)
        placed = [one for one in placed if one.workload != load.name] + [*decision.assignments]
        for resource, was in zip(Resource, before, strict=True):
            free = columns.free(resource, rows)
            # Where a node does not say how much it has, what runs there may have grown.
            unknown = [facts.capacity[resource] is None for facts in columns.each(rows)]
            assert np.all((free >= 0) | (free >= was) | np.array(unknown, dtype=bool))


@given(fleets, applies, st.randoms(use_true_random=False))
@SOME
def test_the_order_in_which_nodes_and_instances_came_does_not_matter(boxes, steps, chance):
    decisions, placed = run(fleet(*boxes), steps)
    shuffled = random.Random(chance.random()).sample(boxes, len(boxes))
    columns = fleet(node("n9"), *shuffled)
    columns.remove("n9")
    again, placed_again = run(columns, steps)
    assert again == decisions
    load, _ = steps[-1]
    mine = [one for one in placed if one.workload == load.name]
    backwards = [one for one in reversed(placed_again) if one.workload == load.name]
    assert explain(columns, load, backwards).verdicts == explain(columns, load, mine).verdicts
    for keep in (True, False):
        assert place(columns, load, backwards, keep=keep) == place(columns, load, mine, keep=keep)


@given(fleets, applies)
@SOME
def test_a_plan_says_what_an_apply_does_and_changes_nothing(boxes, steps):
    columns = fleet(*boxes)
    before = seen(columns)
    with columns.trial():
        planned, _ = run(columns, steps)
    assert seen(columns) == before
    applied, _ = run(columns, steps)
    assert planned == applied


@given(fleets, applies)
@SOME
def test_the_same_again_changes_nothing(boxes, steps):
    columns = fleet(*boxes)
    run(columns, steps)
    decisions, placed = run(fleet(*boxes), steps)
    load, _ = steps[-1]
    mine = [one for one in placed if one.workload == load.name]
    again = place(columns, load, mine, keep=True)
    assert again.assignments == decisions[-1].assignments
    assert {change.action for change in again.changes} <= {"keep"}
    assert again.unplaced == decisions[-1].unplaced


@given(fleets, fleets, applies, workloads())
@SOME
def test_keep_moves_and_ends_nothing_but_what_is_too_many(boxes, later, steps, load):
    columns = fleet(*boxes)
    _, placed = run(columns, steps)
    for box in later:
        columns.put(box)
    mine = [one for one in placed if one.workload == load.name]
    decision = place(columns, load, mine, keep=True)
    after = {one.id: one for one in decision.assignments}
    ended = [one for one in mine if one.id not in after]
    for one in mine:
        if one.id in after:
            assert after[one.id].node == one.node
            if one.revision == load.revision:
                assert after[one.id] == one
    too_many = len(mine) - load.replicas if load.mode == "replicated" else 0
    assert len(ended) == max(0, too_many)


@given(fleets, applies, workloads(("z",)))
@SOME
def test_an_explanation_agrees_with_placement(boxes, steps, load):
    columns = fleet(*boxes)
    run(columns, steps)
    told = explain(columns, load, [])
    assert len(told.verdicts) == len(boxes)
    for verdict in told.verdicts:
        assert verdict.feasible == (not verdict.reasons) == (verdict.score is not None)
    feasible = [verdict for verdict in told.verdicts if verdict.feasible]
    assert told.feasible == len(feasible)
    assert list(told.verdicts[: len(feasible)]) == feasible
    decision = place(columns, load, [], keep=False)
    if load.mode == "global":
        assert {one.node for one in decision.assignments} == {v.node for v in feasible}
        assert told.wanted == len(feasible) + decision.unplaced
    elif load.replicas:
        assert (not decision.assignments) == (told.feasible == 0)
        assert len(decision.assignments) + decision.unplaced == load.replicas
        if decision.assignments:
            assert decision.assignments[0].node == told.verdicts[0].node
    for name, count in told.blocked.items():
        refusing = [v for v in told.verdicts if name in {r.constraint for r in v.reasons}]
        assert len(refusing) == count
        alone = [v for v in refusing if len({r.constraint for r in v.reasons}) == 1]
        assert len(alone) == told.alone.get(name, 0)


@given(fleets, applies, workloads(("z",)))
@SOME
def test_masks_and_words_say_what_a_plain_look_at_the_node_says(boxes, steps, load):
    columns = fleet(*boxes)
    _, placed = run(columns, steps)
    needs = requirements(columns, load)
    rows = columns.rows()
    for index, box in enumerate(sorted(boxes, key=lambda box: box.id)):
        there = [one for one in placed if one.node == box.id]
        refusing = plainly(box, load, there)
        words = {name for name, _ in refusals_of(columns, needs, int(rows[index]))}
        masks = {need.name for need in needs if not need.mask(columns, rows)[index]}
        assert words == masks == refusing


def plainly(box, load, there):
    """Return the names of what refuses, read off the records themselves."""
    hardware = box.capability.hardware if box.capability else None
    found = set()
    if box.liveness != "online":
        found.add("online")
    if box.diverged is not None:
        found.add("held")
    if not all(tolerated(taint, load) for taint in box.taints):
        found.add("taints")
    names = {runtime.name for runtime in hardware.runtimes} if hardware else set()
    if not names & {"containerd", "docker", "edgecore", "k3s", "kubelet", "podman"}:
        found.add("runtime")
    have = {"cpu": 0, "memory": 0, "storage": 0}
    if hardware:
        have["cpu"] = (hardware.cpu.logical_count or 0) * 1000
        have["memory"] = hardware.memory.total_bytes or 0
        have["storage"] = hardware.filesystems[0].size_bytes if hardware.filesystems else 0
    fields = {"cpu": "cpu_milli", "memory": "memory_bytes", "storage": "storage_bytes"}
    for name, field in fields.items():
        wanted = getattr(load.resources, field)
        used = sum(getattr(one.resources, field) for one in there)
        if wanted and have[name] - used < wanted:
            found.add(name)
    taken = [Port.parse(text) for one in there for text in one.resources.ports]
    mine = [Port.parse(text) for text in load.resources.ports]
    if any(port.conflicts(other) for port in mine for other in taken):
        found.add("ports")
    if not enough_accelerators(hardware, load, there):
        found.add("devices")
    return found | {text for text in map(str, load.constraints) if not holds(box, hardware, text)}


def tolerated(taint, load):
    if load.mode == "global" and taint.key == UNSCHEDULABLE:
        return True
    return any(
        (one.key == taint.key and one.value == taint.value)
        or (one.operator == "Exists" and one.key in (taint.key, "") and not one.effect)
        or (one.operator == "Exists" and one.key == taint.key and one.effect == taint.effect)
        for one in load.tolerations
    )


def enough_accelerators(hardware, load, there):
    """Try every way of giving the idle ones to the requests."""
    held = {hold.device.partition("/")[2] for one in there for hold in one.held}
    listed = hardware.accelerators if hardware else ()
    idle = [a for a in listed if a.usable and a.address not in held]
    wanted = [r for request in load.resources.devices for r in [request] * request.count]
    return any(
        all(
            a.kind == r.kind and (r.vendor is None or a.vendor.lower() == r.vendor.lower())
            for a, r in zip(way, wanted, strict=True)
        )
        for way in itertools.permutations(idle, len(wanted))
    )


def holds(box, hardware, text):
    one = constraint(text)
    match one.key:
        case "node.id":
            equal = box.id == one.value
        case "node.platform.arch":
            equal = hardware is not None and hardware.system.arch == "aarch64"
        case _:
            equal = hardware is not None and hardware.labels.get("site") == one.value
    return equal == (one.operator == "==")


@given(fleets, applies)
@SOME
def test_a_decision_can_be_stored_and_sent(boxes, steps):
    decisions, _ = run(fleet(*boxes), steps)
    assert all(pack(decision) for decision in decisions)
