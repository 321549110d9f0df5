"""What a scope holds, by labels of nodes and constraints of workloads."""

import dataclasses

import pytest
from tests.hub.records import NOW, assignment, kept, node, workload

from skerry_hub.access.scope import (
    EVERYTHING,
    Scope,
    ScopeError,
    narrowed_events,
    narrowed_explanation,
    narrowed_plan,
    scope_of,
    sees_instance,
    sees_node,
    sees_workload,
)
from skerry_hub.model import Change, Constraint, Explanation, Relaxation, Runner, Standing, Verdict
from skerry_hub.state import Known
from skerry_hub.views import EventView, PlanView

QUAY = Scope((("site", "quay-3"),))
HERE, THERE = {"site": "quay-3"}, {"site": "quay-4"}
ASKS = (Constraint(key="node.labels.site", operator="==", value="quay-3"),)


def known():
    return Known(
        nodes=[node("box-1", labels=HERE), node("box-2", labels=THERE)],
        workloads=[kept("here-web", constraints=ASKS), kept("there-web")],
        assignments=[
            assignment("here-web-0", "box-1"),
            assignment("there-web-0", "box-1"),
            assignment("here-web-1", "box-2"),
        ],
    )


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("site=quay-3", (("site", "quay-3"),)),
        (" site=quay-3 , area=north ,", (("area", "north"), ("site", "quay-3"))),
        ("example.com/site=a,example.com/site=a", (("example.com/site", "a"),)),
    ],
)
def test_a_scope_is_read(text, pairs):
    assert scope_of(text) == Scope(pairs)
    assert scope_of(str(Scope(pairs))) == Scope(pairs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site", "KEY=VALUE"),
        ("site=", "a value is missing"),
        ("=quay-3", "must be [PREFIX/]NAME"),
        ("site=a b", "the value of 'site'"),
        ("site=a,site=b", "two values"),
        ("kubernetes.io/arch=arm64", "worked out from the box itself"),
        (",".join(f"k{n}=v" for n in range(9)), "more than 8"),
    ],
)
def test_what_is_no_scope_is_said(text, words):
    with pytest.raises(ScopeError) as error:
        scope_of(text)
    assert words in str(error.value)


def test_a_node_is_within_by_every_pair_of_its_labels():
    both = Scope((("area", "n"), ("site", "quay-3")))
    assert QUAY.has_node(node(labels=HERE))
    assert not both.has_node(node(labels=HERE))
    assert both.has_node(node(labels={**HERE, "area": "n"}))
    assert not QUAY.has_node(node(labels=THERE))
    assert not QUAY.has_node(None)
    assert EVERYTHING.has_node(None)


@pytest.mark.parametrize(
    ("fields", "within"),
    [
        ({"constraints": ASKS}, True),
        ({"constraints": (dataclasses.replace(ASKS[0], operator="!="),)}, False),
        ({"constraints": (dataclasses.replace(ASKS[0], value="quay-4"),)}, False),
        ({"constraints": (dataclasses.replace(ASKS[0], key="node.hostname"),)}, False),
        ({"expressions": ("node.labels.site == quay-3",)}, True),
        ({"expressions": ("node.labels.site in [quay-3]",)}, True),
        ({"expressions": ("node.labels.site in [quay-3, quay-4]",)}, False),
        ({"expressions": ("all(node.labels.site == quay-3, node.labels.gpu exists)",)}, True),
        ({"expressions": ("any(node.labels.site == quay-3, node.labels.gpu exists)",)}, False),
        ({"expressions": ("not(node.labels.site == quay-3)",)}, False),
        ({"expressions": ("node.labels.site != quay-4",)}, False),
        ({"expressions": ("node.labels.site matches quay-3",)}, False),
        ({"expressions": ("nonsense(",)}, False),
        ({"labels": HERE}, False),
        ({}, False),
    ],
)
def test_a_workload_is_within_when_it_can_run_nowhere_else(fields, within):
    assert QUAY.has_workload(workload(**fields)) is within
    assert EVERYTHING.has_workload(workload(**fields))


def test_names_are_seen_within_a_scope_alone():
    found = known()
    assert [sees_node(QUAY, found, one) for one in ("box-1", "host-box-1", "box-2", "none")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [sees_workload(QUAY, found, one) for one in ("here-web", "there-web", "none")] == [
        True, False, False,
    ]  # fmt: skip
    # Another's workload on its node, and its own on another's node, are none of its business.
    seen = [sees_instance(QUAY, found, f"{one}") for one in ("here-web-0", "there-web-0")]
    assert seen == [True, False]
    assert not sees_instance(QUAY, found, "here-web-1")
    assert all(sees_node(EVERYTHING, found, one) for one in ("box-2", "none"))


def test_a_hostname_that_a_stranger_has_too_is_no_name():
    twins = [
        dataclasses.replace(node("box-1", labels=HERE), capability=node("twin").capability),
        dataclasses.replace(node("box-2", labels=THERE), capability=node("twin").capability),
    ]
    found = Known(nodes=twins)
    assert not sees_node(QUAY, found, "host-twin")
    assert sees_node(QUAY, found, "box-1")


def test_events_of_others_and_of_the_fleet_are_left_out():
    events = [
        EventView(id=f"e-{number}", node=where, kind="exited", at=NOW, workload=of)
        for number, (where, of) in enumerate(
            [("box-1", ""), ("box-2", ""), ("box-2", "here-web"), ("", ""), ("", "there-web")]
        )
    ]
    assert [one.id for one in narrowed_events(QUAY, known(), events)] == ["e-0", "e-2"]
    assert len(narrowed_events(EVERYTHING, known(), events)) == 5


def explanation(name="here-web"):
    verdicts = tuple(
        Verdict(node=one, hostname=one, feasible=one == "box-1") for one in ("box-1", "box-2")
    )
    runners = tuple(
        Runner(node=one, hostname=one, score=0.5, points=1.0) for one in ("box-1", "box-2")
    )
    return Explanation(
        workload=name,
        wanted=1,
        placed=0,
        feasible=7,
        nodes=9,
        blocked={"constraint": 3},
        alone={"constraint": 2},
        verdicts=verdicts,
        relaxations=(Relaxation(node="box-2", hostname="b", changes=("x",), cost=1, nodes=1),),
        standings=(
            Standing(instance="here-web-0", node="box-1", hostname="b", runners_up=runners),
            Standing(instance="here-web-1", node="box-2", hostname="b"),
        ),
    )


def test_an_explanation_tells_of_nodes_within_alone_and_counts_no_others():
    found = narrowed_explanation(QUAY, known(), explanation())
    assert [one.node for one in found.verdicts] == ["box-1"]
    assert (found.relaxations, found.blocked, found.alone) == ((), {}, {})
    assert (found.nodes, found.feasible) == (1, 1)
    assert [one.instance for one in found.standings] == ["here-web-0"]
    assert [one.node for one in found.standings[0].runners_up] == ["box-1"]
    assert narrowed_explanation(EVERYTHING, known(), explanation()) == explanation()


def test_a_plan_tells_of_what_is_within_alone():
    def step(instance, of, where):
        return Change(action="move", instance=instance, workload=of, node=where)

    plan = PlanView(
        changes=(
            step("here-web-0", "here-web", "box-1"),
            step("there-web-0", "there-web", "box-2"),
            step("there-web-1", "there-web", "box-1"),
            step("new-web-0", "new-web", "box-2"),
        ),
        orphans=("there-web", "here-web"),
        unplaced=(explanation(), explanation("there-web")),
    )
    found = narrowed_plan(QUAY, known(), plan, [workload("new-web", constraints=ASKS)])
    assert [one.instance for one in found.changes] == ["here-web-0", "there-web-1", "new-web-0"]
    assert found.orphans == ("here-web",)
    assert [one.workload for one in found.unplaced] == ["here-web"]
    assert found.unplaced[0].blocked == {}
    assert narrowed_plan(EVERYTHING, known(), plan) is plan
