"""What runs on each node, added up: as one that asks each node, whatever changed in between."""

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import assignment, fleet, node, place, where, workload
from tests.hub.placement.test_board import anew, told

from skerry_hub.placement.board import board_of
from skerry_hub.placement.constraints import requirements_of
from skerry_hub.placement.node_policy import WithinLimits
from skerry_hub.placement.running_limits import running_limits_of, sums_of
from skerry_hub.placement.world import World
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.workload import Container

OPEN = BoxPolicy(any_image=True)


def running(name, *limits, **more):
    """Return a workload of containers with limits: processors and bytes, None for none."""
    containers = tuple(
        Container(name=f"c{number}", image="web:1", cpu_limit_milli=cpu, memory_limit_bytes=memory)
        for number, (cpu, memory) in enumerate(limits)
    )
    return dataclasses.replace(workload(name, **more), containers=containers)


POLICIES = st.builds(
    lambda cpu, memory: dataclasses.replace(OPEN, cpu_milli=cpu, memory_bytes=memory),
    st.sampled_from([None, 500, 1000]),
    st.sampled_from([None, 50, 100]),
)
LIMITS = st.lists(
    st.tuples(st.sampled_from([None, 100, 400]), st.sampled_from([None, 10, 60])),
    min_size=1,
    max_size=2,
)
NAMES = st.sampled_from(["one", "two", "gone"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("node"), st.sampled_from("abc"), st.one_of(st.none(), POLICIES)),
        st.tuples(st.just("forget"), st.sampled_from("abc"), st.none()),
        st.tuples(st.just("reserve"), st.sampled_from("abcd"), NAMES),
        st.tuples(st.just("release"), st.sampled_from("abcd"), NAMES),
        st.tuples(st.just("update"), NAMES, st.one_of(st.none(), LIMITS)),
    ),
    max_size=8,
)


def act(columns, wanted, steps):
    for step, what, how in steps:
        match step:
            case "node":
                columns.put(node(what, policy=how))
            case "forget":
                columns.remove(what)
            case "reserve":
                columns.reserve(assignment(f"{how}-{what}", what, of=workload(how)))
            case "release":
                columns.release(assignment(f"{how}-{what}", what, of=workload(how)))
            case "update" if how is None:
                wanted.pop(what, None)
            case "update":
                wanted[what] = running(what, *how)


@given(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=4), LIMITS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sums_that_followed_say_what_each_node_says_by_itself(turns, limits):
    columns = fleet(node("a", policy=dataclasses.replace(OPEN, cpu_milli=500, memory_bytes=100)))
    load = running("new", *limits)
    wanted = {"one": running("one", (100, 10)), "new": load}
    version = 0
    for kept, tried in turns:
        act(columns, wanted, kept)
        with columns.trial():
            act(columns, wanted, tried)
            wanted["new"] = load
            version += 1
            check(World(columns, workloads=wanted, workloads_version=version), load)
        check(World(columns, workloads=wanted, workloads_version=version), load)


def check(world, load):
    columns = world.columns
    rows = columns.rows()
    for need in requirements_of(world, load):
        if isinstance(need, WithinLimits):
            alone = [not list(need.refusals(columns, row)) for row in rows.tolist()]
            assert need.mask(columns, rows).tolist() == alone
    assert told(columns, board_of(world, load)) == told(columns, anew(world, load))


def test_a_board_is_kept_while_instances_come():
    policy = dataclasses.replace(OPEN, memory_bytes=100)
    columns = fleet(node("a", policy=policy), node("b", policy=policy))
    load = running("web", (None, 40), replicas=9)
    world = World(columns, workloads={"web": load}, workloads_version=1)
    board = board_of(world, load)
    decision = place(columns, load, [], keep=False, workloads=world.workloads)
    assert sorted(where(decision).values()) == ["a", "a", "b", "b"]
    for one in decision.assignments:
        columns.reserve(one)
    assert board_of(world, load) is board
    assert not (board.keys >= 0).any()


def test_other_limits_of_what_runs_are_another_epoch():
    columns = fleet(node("a", policy=dataclasses.replace(OPEN, memory_bytes=100)))
    other = running("other", (None, 60))
    columns.reserve(assignment("other-0", "a", of=other))
    first = running_limits_of(World(columns, workloads={"other": other}))
    rows = columns.rows()
    own = sums_of(running("web", (None, 50)).containers)
    assert (first.allowed(own, rows).tolist(), first.epoch) == ([False], 0)
    again = running_limits_of(World(columns, workloads={"other": running("other", (None, 60))}))
    assert (again is first, again.epoch) == (True, 0)
    less = running_limits_of(World(columns, workloads={"other": running("other", (None, 50))}))
    assert (less.allowed(own, rows).tolist(), less.epoch) == ([True], 1)


def test_containers_without_a_limit_are_counted():
    assert sums_of(running("web", (100, None), (None, None), (50, 7)).containers) == (150, 7, 1, 2)
