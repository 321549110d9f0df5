"""Which terms over domains never hold for all replicas, and which may."""

import dataclasses

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.hub.placement.boxes import fleet, node, place, where, workload

from skerry_hub.placement.domain_contradiction import contradicted_terms
from skerry_hub.placement.reading import expression
from skerry_hub.terms import Affinity, AtMost, Placement, Spread

A = "node.labels.a"
OWN = "shop-web"


def near(topology="node", to=OWN, **more):
    which = {"selector": to} if "=" in to else {"workload": to}
    return Affinity(topology=topology, **which, **more)


def far(topology="node", to=OWN, **more):
    return near(topology, to, anti=True, **more)


def most(topology, count=1):
    return AtMost(topology=topology, count=count)


def wanted(terms, replicas=2, spread=(), texts=()):
    return dataclasses.replace(
        workload(OWN, replicas=replicas),
        labels={"tier": "web"},
        expressions=tuple(texts),
        placement=Placement(
            affinity=tuple(one for one in terms if isinstance(one, Affinity)),
            at_most=tuple(one for one in terms if isinstance(one, AtMost)),
            spread=tuple(Spread(topology=one) for one in spread),
        ),
    )


def found_in(terms, texts=(), replicas=2, spread=()):
    load = wanted(terms, replicas, spread)
    return list(contradicted_terms(load, [*map(expression, texts)]))


@pytest.mark.parametrize(
    ("texts", "terms", "replicas", "places"),
    [
        ([f"{A} == x"], [most("a")], 2, "a x"),
        ([f"{A} in [x, y, x]"], [most("a", 2)], 5, "a x, y"),
        ([f"{A} in [x, y]", f"{A} != y"], [most("a", 3)], 4, "a x"),
        (["node.id in [b-1, b-2]"], [most("site", 9), most("node")], 3, "node b-1, b-2"),
        ([f"any({A} == x, all({A} == y, node.id exists))"], [most("a")], 3, "a x, y"),
        ([f"any({A} in [x, y], {A} == z)", f"not({A} == x)"], [far("a")], 3, "a y, z"),
        ([f"{A} in [p, q, r, s, t, u, v]"], [most("a")], 8, "a p, q, r, s, t and 2 more"),
        ([f"{A} == x"], [far("a", "tier=web")], 2, "a x"),
    ],
)
def test_too_few_domains(texts, terms, replicas, places):
    ((term, why),) = found_in(terms, texts, replicas)
    limit = term if isinstance(term, AtMost) else most(term.topology)
    assert term == terms[-1]
    assert why == f"{replicas} replicas never fit with {limit}: only {places} may take any"


@pytest.mark.parametrize(
    ("texts", "terms", "replicas"),
    [
        ([f"{A} in [x, y]"], [most("a", 2)], 4),
        ([f"{A} == x"], [most("b")], 9),
        ([f"{A} == x"], [most("node")], 9),
        ([f"{A} exists", f"{A} != x"], [most("a")], 9),
        ([f"any({A} == x, node.labels.b == y)"], [most("a")], 9),
        (["node.hostname == x"], [most("node")], 2),
        ([f"{A} == x"], [most("a")], 1),
        ([f"{A} == x", f"{A} != x"], [most("a")], 9),
        ([f"{A} == x"], [far("a", "tier=db")], 9),
        ([f"{A} == x"], [far("a", weight=1)], 9),
    ],
)
def test_enough_domains_as_far_as_anybody_can_tell(texts, terms, replicas):
    assert found_in(terms, texts, replicas) == []


@pytest.mark.parametrize(
    ("terms", "texts", "blamed", "why"),
    [
        ([near(), most("node")], [], 1, "at most 1 per node: affinity to shop-web by node keeps"),
        ([near("a"), most("a")], [], 1, "keeps them together"),
        ([near(), most("a")], [f"{A} exists"], 1, "keeps them together"),
        ([near(), near("a", "shop-db"), most("a")], [], 2, "keeps them together"),
        ([far("a", "tier=web"), near("a")], [], 0, "at most 1 per a: affinity to shop-web by a"),
    ],
)
def test_kept_together_and_apart(terms, texts, blamed, why):
    ((term, said),) = found_in(terms, texts)
    assert term == terms[blamed]
    assert why in said


@pytest.mark.parametrize(
    ("terms", "texts", "replicas"),
    [
        # Nodes without the label take as many as you like.
        ([near(), most("a")], [], 2),
        ([near(), far("a")], [], 2),
        # In one domain of many nodes; two labels may lie across each other.
        ([near("a"), most("node")], [], 9),
        ([near("a"), most("b")], ["node.labels.b exists"], 9),
        ([near(), most("node", 2)], [], 2),
        ([near(weight=1), most("node")], [], 2),
        # Others of the selector may be in many domains already.
        ([near("node", "tier=web"), most("node")], [], 9),
        ([near("node", "shop-db"), most("node")], [], 9),
    ],
)
def test_together_and_apart_as_far_as_anybody_can_tell(terms, texts, replicas):
    assert found_in(terms, texts, replicas) == []


@pytest.mark.parametrize(
    ("one", "other", "replicas", "blamed"),
    [
        (near(to="db-1"), far(to="db-1"), 1, True),
        (near(to="a=b"), far(to="a=b"), 1, True),
        (near(to="tier=web"), far(to="tier=web"), 2, True),
        (near(to="tier=web"), far(to="tier=web"), 1, False),
        (near(), far(), 1, False),
        (near(), far(), 2, True),
        (near(to="db-1"), far(to="db-2"), 9, False),
        (near("site", "db-1"), far(to="db-1"), 9, False),
        (near(to="db-1", weight=1), far(to="db-1"), 9, False),
        (near(to="db-1"), far(to="db-1", weight=1), 9, False),
    ],
)
def test_near_and_far_at_once(one, other, replicas, blamed):
    expected = [(other, "affinity and antiAffinity to the same never hold together")]
    assert found_in([one, other], replicas=replicas) == (expected if blamed else [])
    assert found_in([other, one], replicas=replicas) == ([(one, expected[0][1])] if blamed else [])
    assert found_in([one, one], replicas=replicas) == []


@pytest.mark.parametrize(
    ("texts", "spread", "blamed"),
    [([], [], False), ([f"{A} in [x, y]"], [], True), ([], ["a"], True)],
)
def test_on_one_node_and_apart_by_what_the_node_is_in(texts, spread, blamed):
    terms = [near(to="db-1"), far("a", "db-1")]
    expected = (
        terms[1],
        "antiAffinity to db-1 by a never holds beside affinity to db-1 by node,"
        " since a node is in one a",
    )
    assert found_in(terms, texts, spread=spread) == ([expected] if blamed else [])


TOPOLOGIES = st.sampled_from(["node", "a", "b"])
TERMS = st.one_of(
    st.builds(near, TOPOLOGIES, st.sampled_from([OWN, "tier=web"])),
    st.builds(far, TOPOLOGIES, st.sampled_from([OWN, "tier=web"])),
    st.builds(most, TOPOLOGIES, st.integers(1, 3)),
)
TEXTS = st.sampled_from(
    [
        *(f"{A} {test}" for test in ("exists", "not exists", "== x", "!= x", "in [x, y]")),
        *(f"any({A} == x, {A} == z)", f"not({A} == y)"),
        *("node.labels.b exists", "node.id in [n0, n1]"),
    ]
)


@st.composite
def fleets(draw):
    labels = st.fixed_dictionaries(
        {}, optional={"a": st.sampled_from("xyz"), "b": st.sampled_from("pq")}
    )
    return [node(f"n{i}", labels=draw(labels)) for i in range(draw(st.integers(1, 6)))]


@settings(max_examples=400, deadline=None)
@given(
    terms=st.lists(TERMS, min_size=1, max_size=3, unique=True),
    texts=st.lists(TEXTS, max_size=2),
    spread=st.sampled_from([[], [], ["a"]]),
    replicas=st.integers(1, 4),
    boxes=fleets(),
)
def test_the_engine_never_places_all_of_what_is_refused(terms, texts, spread, replicas, boxes):
    assume(len({(one.topology, getattr(one, "anti", None)) for one in terms}) == len(terms))
    load = wanted(terms, replicas, spread, texts)
    if list(contradicted_terms(load, [*map(expression, texts)])):
        decision = place(fleet(*boxes), load, [], keep=False)
        assert len(where(decision)) < replicas
