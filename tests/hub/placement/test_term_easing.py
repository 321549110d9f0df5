"""What is said to be changed of a term, and that the domain may take one more then."""

import dataclasses

import pytest
from tests.hub.placement.boxes import assignment, fleet, node, workload

from skerry_hub.placement.session import Session
from skerry_hub.placement.term_easing import eased_term
from skerry_hub.placement.world import World
from skerry_hub.terms import Affinity, AtMost, Placement, Spread

NODES = (
    node("a", labels={"site": "quay"}),
    node("b", labels={"site": "pier"}),
    node("c"),
)
DB = workload("shop-db")
SHY = dataclasses.replace(
    workload("shy"), placement=Placement(affinity=(Affinity(workload="shop-web", anti=True),))
)


def session_of(load, own=()):
    columns = fleet(*NODES, reserved=[assignment("shop-db-0", "b", of=DB)])
    columns.reserve(assignment("shy-0", "b", of=SHY))
    there = [assignment(f"shop-web-{at}", name) for at, name in enumerate(own)]
    for one in there:
        columns.reserve(one)
    world = World(columns, workloads={"shop-db": DB, "shy": SHY}, repelling=[SHY])
    return Session(world, load, "", there)


def eased(load, name, own=()):
    """Return what is said, the workload, and whether the term that is left allows it."""
    session = session_of(load, own)
    row = session.columns.row(name)
    (term,) = [
        one
        for one in session.terms
        if not one.weight and any(True for _ in one.refusals(int(one.domains.of_row[row])))
    ]
    domain = int(term.domains.of_row[row])
    found = eased_term(term, domain, load)
    left = found.term is None or not any(True for _ in found.term.refusals(domain))
    # The term itself is as it was.
    assert any(True for _ in term.refusals(domain))
    return found.text, found.workload, left


CASES = [
    (
        Placement(at_most=(AtMost(topology="site", count=2), AtMost(topology="zone", count=1))),
        "aa",
        "a",
        "allow 3 per site (2 of 2 in site quay already)",
        Placement(at_most=(AtMost(topology="site", count=3), AtMost(topology="zone", count=1))),
    ),
    (
        Placement(spread=(Spread(topology="site"),)),
        "aa",
        "a",
        "allow a maxSkew of 3 over site"
        " (2 in site quay and 0 in site pier: one more is a skew over 1)",
        Placement(spread=(Spread(topology="site", max_skew=3),)),
    ),
    (
        Placement(spread=(Spread(topology="site", weights={"quay": 2}),)),
        "aaa",
        "a",
        "allow a maxSkew of 2 over site"
        " (3 in site quay and 0 in site pier: one more is a skew over 1)",
        Placement(spread=(Spread(topology="site", max_skew=2, weights={"quay": 2}),)),
    ),
    (
        Placement(spread=(Spread(topology="site"),)),
        "",
        "c",
        "drop spread over site (the node has no site to spread over)",
        Placement(),
    ),
    (
        Placement(affinity=(Affinity(workload="shop-db", topology="site"),)),
        "",
        "a",
        "drop affinity to shop-db by site (none of shop-db in site quay)",
        Placement(),
    ),
    (
        Placement(
            affinity=(
                Affinity(workload="shop-web", topology="site", anti=True),
                Affinity(workload="shop-web", topology="site", anti=True, weight=5),
            )
        ),
        "a",
        "a",
        "drop antiAffinity to shop-web by site (1 of shop-web in site quay)",
        Placement(affinity=(Affinity(workload="shop-web", topology="site", anti=True, weight=5),)),
    ),
]


@pytest.mark.parametrize(("asked", "own", "name", "text", "then"), CASES)
def test_it_is_said_what_to_allow_or_drop(asked, own, name, text, then):
    load = dataclasses.replace(workload(), placement=asked)
    assert eased(load, name, own) == (text, dataclasses.replace(load, placement=then), True)


def test_who_is_repelled_has_nothing_to_change_itself():
    text, changed, _ = eased(workload(), "b")
    assert text == (
        "change the workload whose antiAffinity keeps it away "
        "(shy in node b wants none of this beside it)"
    )
    assert changed is None
