"""The order of starts within an instance, as transcripts: what is there in, what starts out."""

import dataclasses

import pytest
from tests.executor.orders import container, instance, order
from tests.executor.test_reconcile import IMAGE, actual, kinds

from skerry_executor import order as verification
from skerry_executor import reconcile as rec
from skerry_executor.actual import Phase
from skerry_executor.outcome import Seen, outcome_of
from skerry_executor.start_order import (
    fault,
    in_order,
    joined_by,
    network_owner,
    sequence,
    unmet,
    waiting,
)
from skerry_executor.status import standings
from skerry_wire.lifecycle import After
from skerry_wire.messages import Health, InstanceState
from skerry_wire.workload import HealthCheck


def after(name, *others, **changes):
    """Return a container that starts after others, each `name` or `name:condition`."""
    told = (one.partition(":") for one in others)
    wishes = tuple(After(container=name, condition=how or "started") for name, _, how in told)
    return container(name, after=wishes, **changes)


DB = container("db")
CHECKED_DB = container("db", health=HealthCheck(command=("/bin/true",)))
MIGRATE = after("migrate", "db:healthy", restart="no")
WEB = after("web", "migrate:completed", "db")
SHOP = instance(containers=[WEB, MIGRATE, DB])
DONE = {"phase": Phase.EXITED, "exit_code": 0}


def there(**phases):
    """Return the containers of the shop, each with its changes."""
    by_name = {part.name: part for part in SHOP.containers}
    return [actual(SHOP, by_name[name], **changes) for name, changes in phases.items()]


def steps(found, **options):
    return rec.reconcile([SHOP], found, [IMAGE], **options).instances[0].actions


def test_all_are_made_before_the_first_starts_and_each_waits_for_its_own():
    assert [getattr(one, "container", None) and one.container.name for one in steps([])[:3]] == [
        "db",
        "migrate",
        "web",
    ]
    assert steps([])[3:] == (
        rec.Start(instance=SHOP.id, reference="skerry-shop-web-0-db"),
        rec.Await(reason="migrate waits for db to be healthy"),
        rec.Await(reason="web waits for migrate to be completed"),
    )


CREATED = {"phase": Phase.CREATED}


@pytest.mark.parametrize(
    ("db", "migrate", "done"),
    [
        ({"health": Health.STARTING}, CREATED, ["Keep", "Await", "Await"]),
        ({"health": Health.NONE}, CREATED, ["Keep", "Await", "Await"]),
        ({"health": Health.HEALTHY}, CREATED, ["Keep", "Start", "Await"]),
        ({"health": Health.HEALTHY}, {}, ["Keep", "Keep", "Await"]),
        ({"health": Health.HEALTHY}, DONE, ["Keep", "Keep", "Start"]),
        ({"health": Health.UNHEALTHY}, DONE, ["Keep", "Keep", "Start"]),
        ({"phase": Phase.EXITED, "exit_code": 1}, DONE, ["Start", "Keep", "Start"]),
        ({}, {"phase": Phase.EXITED, "exit_code": 3}, ["Keep", "Keep", "Await"]),
    ],
)
def test_what_is_there_decides_what_starts(db, migrate, done):
    found = there(db=db, migrate=migrate, web=CREATED)
    assert kinds(steps(found)) == done


def test_what_was_completed_is_not_started_again_and_what_runs_waits_for_nothing():
    found = there(db={"phase": Phase.RUNNING}, migrate=DONE, web={"phase": Phase.RUNNING})
    assert kinds(steps(found)) == ["Keep"] * 3


def test_the_end_comes_in_the_reverse_order():
    newer = instance(revision="2", containers=SHOP.containers)
    found = there(db={}, migrate=DONE, web={})
    done = rec.reconcile([newer], found, [IMAGE]).instances[0].actions
    ends = [one.actual.container for one in done if isinstance(one, rec.Remove)]
    assert ends == ["web", "migrate", "db"]
    gone = rec.reconcile([], [dataclasses.replace(one, started_at=float(number))
                              for number, one in enumerate(found)], [])  # fmt: skip
    ends = [one.actual.container for one in gone.first if isinstance(one, rec.Remove)]
    assert ends == ["web", "migrate", "db"], "what started last ends first"


def test_a_runtime_that_knows_whole_instances_alone_gets_them_whole():
    found = there(db={}, migrate=DONE)
    assert kinds(steps(found)) == ["Create", "Keep", "Keep", "Start"]
    assert kinds(steps(found, whole=True)) == [
        "Remove", "Stop", "Remove", "Create", "Create", "Create", "Start", "Await", "Await",
    ]  # fmt: skip
    assert rec.images_needed([SHOP], found, whole=True) == (IMAGE,)
    running = there(db={}, migrate=DONE, web={})
    assert kinds(steps(running, whole=True)) == ["Keep"] * 3


def test_the_report_says_what_is_waited_for():
    found = there(db={"health": Health.STARTING}, migrate=CREATED, web=CREATED)
    (standing,) = standings([SHOP], found, "fake")
    assert standing.status.state is InstanceState.PENDING
    assert standing.status.reason == "web waits for migrate to be completed"
    assert not standing.reached


@pytest.mark.parametrize(
    ("db", "wall_s", "look_s"),
    [
        ({"started_at": 1000.0}, 1010.0, 1.0),
        ({"started_at": 1000.0}, 1300.0, None),
        ({"started_at": 1000.0}, 5.0, None),
        ({"started_at": None}, 1010.0, None),
        ({"started_at": 1000.0, "health": Health.HEALTHY}, 1010.0, 1.0),
    ],
)
def test_it_is_looked_often_for_a_while_whether_the_next_one_may_start(db, wall_s, look_s):
    found = there(db=db, migrate=CREATED, web=CREATED)
    seen = Seen(actual=tuple(found), wall_s=wall_s)
    assert outcome_of(order(SHOP), "d" * 64, "fake", seen).look_after_s == look_s
    runs = there(db=db, migrate=DONE, web={"phase": Phase.RUNNING})
    seen = Seen(actual=tuple(runs), wall_s=wall_s)
    assert outcome_of(order(SHOP), "d" * 64, "fake", seen).look_after_s is None


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([WEB, MIGRATE, CHECKED_DB], None),
        ([MIGRATE, DB], "migrate starts after db, which has no health check that could say so"),
        ([after("a", "b"), container("b")], None),
        ([after("a", "b")], "a starts after b, which is not a container of the same workload"),
        ([after("a", "a")], "a starts after a, which is the container itself"),
        (
            [after("a", "b"), after("b", "c"), after("c", "a"), DB],
            "a starts after b, which waits, in turn, for a",
        ),
        (
            [after("a", "db:completed"), DB],
            "a starts after db, which never completes: it needs restart: no",
        ),
    ],
)
def test_an_order_that_would_never_be_through_is_refused_by_name(parts, why):
    wanted = instance(containers=parts)
    assert fault(wanted) == why
    refused = verification._contradiction(order(wanted))
    assert (refused and refused.reason) == (why and f"{wanted.id}: {why}")
    assert {one.name for one in sequence(parts)} == {one.name for one in parts}


def test_the_sequence_is_stable():
    parts = [container(name) for name in ("c", "a", "b")]
    assert [one.name for one in sequence(parts)] == ["c", "a", "b"]
    assert [one.name for one in sequence([after("z", "b"), *parts])] == ["c", "a", "b", "z"]
    assert unmet(parts[0], {}) is None


# --- who owns a network that they share ---------------------------------------------------


def one_shot(name, *others):
    return after(name, *others, restart="no")


@pytest.mark.parametrize(
    ("parts", "owner", "order_of_starts", "joining"),
    [
        ([container("a"), container("b")], "a", "a b", "b"),
        ([one_shot("i"), after("a", "i:completed"), after("b", "i:completed")], "a", "i a b", "b"),
        ([WEB, MIGRATE, DB], "db", "db migrate web", "migrate web"),
        # Not held up by what another one waits for.
        ([one_shot("i"), after("a", "i:completed"), container("b")], "b", "b i a", "i a"),
        # What ends although nobody waits for it comes after one that lasts, if it may.
        ([one_shot("x"), after("a")], "a", "a x", "x"),
        ([one_shot("x"), after("a", "x")], "a", "x a", ""),
        ([container("x", restart="on-failure"), container("a")], "a", "a x", "x"),
        ([one_shot("i"), after("side", "i:completed"), one_shot("j", "i:completed", "side"),
          after("a", "j:completed")], "side", "i side j a", "j a"),
        # Of a job nothing lasts.
        ([one_shot("i"), one_shot("a", "i:completed"), one_shot("b", "a")], "a", "i a b", "b"),
    ],
)  # fmt: skip
def test_the_owner_of_a_network_lasts_and_starts_before_who_joins(
    parts, owner, order_of_starts, joining
):
    pod = dataclasses.replace(instance(containers=parts), shared_network=True)
    assert network_owner(pod).name == owner
    starts = in_order(pod)
    assert " ".join(one.name for one in starts) == order_of_starts
    joined = [one for one in starts if joined_by(pod, one)]
    assert " ".join(one.name for one in joined) == joining
    for one in joined:
        assert owner in [after.container for after in waiting(pod, one).after]
    apart = dataclasses.replace(pod, shared_network=False)
    assert network_owner(apart) is None
    assert in_order(apart) == sequence(parts)
    assert waiting(apart, parts[0]) is parts[0]


def test_who_joins_waits_for_an_owner_that_waits():
    parts = [one_shot("i"), after("a", "i"), one_shot("x")]
    pod = dataclasses.replace(instance(containers=parts), shared_network=True)
    waits = rec.reconcile([pod], [], [IMAGE]).instances[0].actions[3:]
    assert [getattr(one, "reference", "")[-1:] for one in waits] == ["i", "a", "x"]
    parts[1] = after("a", "i:completed")
    pod = dataclasses.replace(pod, containers=tuple(parts))
    made = [actual(pod, part, **CREATED) for part in parts]
    made[0] = dataclasses.replace(made[0], **DONE)
    assert kinds(rec.reconcile([pod], made[1:], [IMAGE]).instances[0].actions)[-3:] == [
        "Start", "Await", "Await",
    ]  # fmt: skip
    assert kinds(rec.reconcile([pod], made, [IMAGE]).instances[0].actions) == [
        "Keep", "Start", "Start",
    ]  # fmt: skip
