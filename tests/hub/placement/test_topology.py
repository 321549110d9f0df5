"""Terms over domains: affinity, anti-affinity, at most so many, spread."""

import dataclasses

import pytest
from tests.hub.placement.boxes import (
    accelerator,
    assignment,
    explain,
    fleet,
    gpus,
    node,
    place,
    steps,
    where,
    workload,
)

from skerry_hub.placement.about import is_about
from skerry_hub.placement.device_choice import holds, mappings
from skerry_hub.placement.topology import topologies_of
from skerry_hub.placement.world import World, repels
from skerry_hub.terms import Affinity, AtMost, Placement, Spread

SITES = {"a": "quay", "b": "quay", "c": "pier", "d": None}


def sites(**more):
    return fleet(
        *(
            node(name, labels={} if site is None else {"site": site}, **more)
            for name, site in SITES.items()
        )
    )


def shop(*terms, replicas=1, **more):
    """Return a workload with these terms."""
    found = Placement(
        affinity=tuple(one for one in terms if isinstance(one, Affinity)),
        spread=tuple(one for one in terms if isinstance(one, Spread)),
        at_most=tuple(one for one in terms if isinstance(one, AtMost)),
    )
    labels = more.pop("labels", {})
    made = workload(replicas=replicas, **more)
    return dataclasses.replace(made, placement=found, labels=labels)


def nodes(columns, load, *others, current=(), keep=False):
    """Return where the replicas go, in turn, and how many go nowhere."""
    known = {one.name: one for one in (load, *others)}
    repelling = tuple(one for one in known.values() if repels(one))
    decision = place(columns, load, current, keep=keep, workloads=known, repelling=repelling)
    return "".join(where(decision).values()), decision.unplaced


def db(where, **more):
    return assignment("shop-db-0", where, of=workload("shop-db"), **more)


DB = workload("shop-db")
TO_DB = {"workload": "shop-db", "topology": "site"}
TO_SELF = {"workload": "shop-web", "topology": "site"}


@pytest.mark.parametrize(
    ("terms", "replicas", "found"),
    [
        ([AtMost(topology="site", count=1)], 5, ("acddd", 0)),
        ([AtMost(topology="site", count=2)], 4, ("abcd", 0)),
        ([AtMost(topology="node", count=1)], 5, ("abcd", 1)),
        ([AtMost(topology="zone", count=1)], 4, ("abcd", 0)),
        ([Affinity(**TO_SELF, anti=True)], 4, ("acdd", 0)),
        ([Affinity(**TO_SELF)], 3, ("aba", 0)),
        ([Affinity(workload="shop-web")], 2, ("aa", 0)),
        ([Affinity(workload="shop-web", anti=True)], 5, ("abcd", 1)),
        ([Spread(topology="site")], 4, ("acbc", 0)),
        ([Spread(topology="site", max_skew=2)], 3, ("abc", 0)),
        ([Spread(topology="site", weights={"quay": 2})], 6, ("abcabc", 0)),
        ([Spread(topology="node")], 6, ("abcdab", 0)),
        ([Spread(topology="zone")], 2, ("", 2)),
        ([Spread(topology="zone", weight=50)], 2, ("ab", 0)),
        ([AtMost(topology="site", count=1), Spread(topology="site")], 3, ("ac", 1)),
    ],
)
def test_own_instances_are_kept_to_the_terms(terms, replicas, found):
    assert nodes(sites(), shop(*terms, replicas=replicas)) == found


@pytest.mark.parametrize(
    ("term", "there", "found"),
    [
        (Affinity(**TO_DB), "c", ("cc", 0)),
        (Affinity(**TO_DB), "b", ("ab", 0)),
        (Affinity(**TO_DB), "d", ("", 2)),
        (Affinity(**TO_DB), None, ("", 2)),
        (Affinity(**TO_DB, anti=True), "a", ("cd", 0)),
        (Affinity(**TO_DB, anti=True), "d", ("ab", 0)),
        (Affinity(**TO_DB, anti=True), None, ("ab", 0)),
        (Affinity(workload="shop-db", anti=True), "a", ("bc", 0)),
        (Affinity(**TO_DB, weight=100), "c", ("cc", 0)),
        (Affinity(**TO_DB, weight=20), "c", ("ca", 0)),
        (Affinity(**TO_DB, weight=100), None, ("ab", 0)),
        (Affinity(**TO_DB, weight=100, anti=True), "a", ("cd", 0)),
    ],
)
def test_others_count_where_they_are(term, there, found):
    columns = sites()
    if there is not None:
        columns.reserve(db(there))
    assert nodes(columns, shop(term, replicas=2), DB) == found


def test_others_are_chosen_by_their_labels():
    columns = sites()
    columns.reserve(db("c"))
    tier = dataclasses.replace(DB, labels={"tier": "db"})
    to_dbs = Affinity(selector="tier=db", topology="site")
    assert nodes(columns, shop(to_dbs), tier) == ("c", 0)
    assert nodes(columns, shop(to_dbs), DB) == ("", 1)
    assert nodes(columns, shop(dataclasses.replace(to_dbs, anti=True)), tier) == ("a", 0)
    among = shop(to_dbs, labels={"tier": "db"}, replicas=2)
    assert nodes(sites(), among) == ("ab", 0), "its own first one may go anywhere"


def test_who_wants_none_of_another_beside_it_keeps_the_other_away_too():
    shy = dataclasses.replace(DB, placement=Placement(affinity=(Affinity(**TO_SELF, anti=True),)))
    columns = sites()
    columns.reserve(db("a"))
    assert nodes(columns, shop(replicas=2), shy) == ("cd", 0)
    wish = Affinity(**TO_SELF, anti=True, weight=5)
    mild = dataclasses.replace(DB, placement=Placement(affinity=(wish,)))
    assert nodes(columns, shop(), mild) == ("b", 0)
    columns.put(node("c", labels={"site": "quay"}))
    columns.remove("d")
    load = shop()
    told = explain(columns, load, [], workloads={"shop-db": shy}, repelling=(shy,))
    assert told.blocked == {"antiAffinity of others by site": 3}
    assert {one.text for verdict in told.verdicts for one in verdict.reasons} == {
        "shop-db in site quay wants none of this beside it"
    }


def test_only_domains_with_a_node_that_could_take_one_count_for_the_skew():
    columns = sites()
    spread = Spread(topology="site")
    columns.put(node("c", labels={"site": "pier"}, runtimes=()))
    assert nodes(columns, shop(spread, replicas=3)) == ("aba", 0)
    columns.put(node("c", labels={"site": "pier"}, cpus=0))
    assert nodes(columns, shop(spread, replicas=3, cpu=100)) == ("a", 2), "one that is full counts"


REASONS = [
    (AtMost(topology="site", count=1), "a", "1 of 1 in site quay already"),
    (Affinity(**TO_SELF, anti=True), "a", "1 of shop-web in site quay"),
    (Affinity(**TO_SELF), "c", "none of shop-web in site pier"),
    (Affinity(**TO_SELF), "d", "none of shop-web: the node has no site"),
    (
        Spread(topology="site"),
        "b",
        "1 in site quay and 0 in site pier: one more is a skew over 1",
    ),
    (Spread(topology="site"), "d", "the node has no site to spread over"),
]


@pytest.mark.parametrize(("term", "name", "text"), REASONS)
def test_what_a_term_refuses_it_says_why(term, name, text):
    load = shop(term, replicas=2)
    there = assignment("shop-web-0", "a", of=load)
    columns = sites()
    columns.reserve(there)
    (verdict,) = explain(columns, load, [there], node=name).verdicts
    assert [(one.constraint, one.text) for one in verdict.reasons] == [(str(term), text)]


# --- what is there already ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "before", "after"),
    [
        (AtMost(topology="site", count=1), "ab", "ac"),
        (Affinity(**TO_SELF, anti=True), "ab", "ac"),
        (Spread(topology="site"), "abb", "abc"),
        (Affinity(**TO_SELF, anti=True, weight=9), "ab", "ab"),
    ],
)
def test_an_apply_moves_the_newest_that_a_term_no_longer_allows(term, before, after):
    load = shop(term, replicas=len(before))
    there = [assignment(f"shop-web-{i}", name, of=load) for i, name in enumerate(before)]
    columns = sites()
    for one in there:
        columns.reserve(one)
    assert nodes(columns, load, current=there) == (after, 0)
    assert nodes(columns, load, current=there, keep=True) == (before, 0), "nobody asked"


def test_a_label_that_changes_moves_nothing_by_itself():
    load = shop(AtMost(topology="site", count=1), replicas=2)
    columns = sites()
    there = place(columns, load, [], keep=False).assignments
    for one in there:
        columns.reserve(one)
    columns.put(node("c", labels={"site": "quay"}))
    assert nodes(columns, load, current=there, keep=True) == ("ac", 0)
    assert nodes(columns, load, current=there) == ("ad", 0)


# --- what is asked --------------------------------------------------------------------------------


def test_the_topologies_are_those_of_all_terms_and_of_others_that_repel():
    shy = dataclasses.replace(
        DB,
        placement=Placement(affinity=(Affinity(workload="shop-web", topology="rack", anti=True),)),
    )
    load = shop(AtMost(topology="zone", count=1), Spread(topology="node"), Affinity(**TO_DB))
    world = World(sites(), repelling=(shy, load))
    assert topologies_of(world, load) == ("node", "rack", "site", "zone")
    assert topologies_of(world, workload("other")) == ()


@pytest.mark.parametrize(
    ("term", "labels", "about"),
    [
        (Affinity(workload="shop-web"), {}, True),
        (Affinity(workload="shop-db"), {}, False),
        (Affinity(selector="tier=db"), {"tier": "db"}, True),
        (Affinity(selector="tier=db,stage!=test"), {"tier": "db", "stage": "test"}, False),
        (Affinity(selector="tier="), {}, False),
        (Affinity(selector="((("), {}, False),
    ],
)
def test_a_workload_is_one_of_the_others_by_name_or_by_labels(term, labels, about):
    assert is_about(term, shop(labels=labels)) is about


def test_what_stays_beside_one_that_moves_keeps_its_devices():
    gpu = [accelerator(str(i)) for i in range(4)]
    columns = fleet(
        node("a", labels={"site": "quay"}, accelerators=gpu),
        node("c", labels={"site": "pier"}, accelerators=gpu),
    )
    load = shop(Spread(topology="site"), replicas=3, accelerators=[gpus()])
    devices, _ = columns.state("gpu", columns.row("a"))
    there = [
        assignment(
            f"shop-web-{i}",
            "a",
            of=load,
            held=holds(((devices[3 - i], 1000),)),
            devices=mappings(((devices[3 - i], 1000),)),
        )
        for i in range(3)
    ]
    for one in there:
        columns.reserve(one)
    decision = place(columns, load, there, keep=False)
    assert steps(decision) == [("move", "shop-web-2", "c")]
    assert list(decision.assignments[:2]) == there[:2]
