"""The fleet's log: what a step leaves in it, and how records are had back from it."""

import dataclasses
import zlib

import msgpack
import pytest
from tests.hub.records import (
    NOW,
    assignment,
    capability,
    changed,
    kept,
    kept_document,
    node,
    report,
    workload,
)

from skerry_hub.documents import Prices
from skerry_hub.fleet_log import LogError, Past, entry_of, packed, unpacked
from skerry_hub.model import Liveness, Taint
from skerry_hub.overlay import Step
from skerry_hub.state import Known

BOX = node()
OTHER = capability(revision="e" * 16, hostname="new")
PRICES = Prices(name="all", cpu_hour=0.1)


def step(section, key, before, after):
    return Step(section, key, before, after)


@pytest.mark.parametrize(
    ("before", "after", "entry"),
    [
        (None, BOX, ["n", "box-1"]),
        (BOX, BOX, None),
        (BOX, changed(BOX, last_seen=NOW + 9, generation=4, report=report(seq=9)), None),
        (
            BOX,
            changed(BOX, liveness=Liveness.LOST),
            ["n", "box-1", {"liveness": "online"}],
        ),
        (
            changed(BOX, labels={"site": "quay-3"}),
            changed(BOX, diverged="ahead"),
            ["n", "box-1", {"diverged": None, "labels": {"site": "quay-3"}}],
        ),
        (
            changed(BOX, taints=(Taint(key="a", effect="NoSchedule"),)),
            BOX,
            ["n", "box-1", {"taints": [{"key": "a", "value": "", "effect": "NoSchedule"}]}],
        ),
        # A node that says the same again is another object.
        (BOX, changed(BOX, capability=capability(hostname="host-box-1", seq=7)), None),
        (changed(BOX, capability=None), BOX, ["n", "box-1", {"capability": None}]),
    ],
)
def test_what_a_step_of_a_node_leaves(before, after, entry):
    blobs = {}
    assert entry_of(step("nodes", "box-1", before, after), blobs) == entry
    assert blobs == {}


@pytest.mark.parametrize(
    ("section", "key", "before", "after", "entry"),
    [
        ("workloads", "shop-web", None, kept(), ["w", "shop-web"]),
        ("workloads", "shop-web", kept(), dataclasses.replace(kept(), updated_at=NOW + 1), None),
        ("assignments", "shop-web-0", None, assignment(), ["a", "shop-web-0"]),
        ("assignments", "shop-web-0", assignment(), assignment(), None),
        ("documents", ("Prices", "all"), None, kept_document(PRICES), ["d", "Prices", "all"]),
    ],
)
def test_what_other_steps_leave(section, key, before, after, entry):
    assert entry_of(step(section, key, before, after), {}) == entry


def test_hardware_is_named_by_its_digest():
    blobs = {}
    changed_box = changed(BOX, capability=OTHER)
    entry = entry_of(step("nodes", "box-1", BOX, changed_box), blobs)
    ((digest, data),) = blobs.items()
    assert entry == ["n", "box-1", {"capability": ["c" * 16, digest]}]
    past = Past(Known([changed_box]))
    past.take_back([entry], "log")
    (back,) = past.known(lambda wanted: {one: blobs[one] for one in wanted}).nodes.values()
    assert back.capability.hardware == BOX.capability.hardware
    assert back.capability.revision == "c" * 16
    past = Past(Known([changed_box]))
    past.take_back([entry], "log")
    with pytest.raises(LogError, match="is damaged"):
        past.known(lambda _: {digest: data[:-9]})
    with pytest.raises(LogError, match="is damaged"):
        past.known(lambda _: {digest: zlib.compress(b"\x80")})
    with pytest.raises(LogError, match="box-1 had is not kept"):
        past.known(lambda _: {})


STEPS = [
    step("nodes", "box-1", BOX, None),
    step("nodes", "box-2", None, node("box-2")),
    step("nodes", "box-2", node("box-2"), node("box-2", labels={"a": "b"})),
    step("workloads", "shop-web", kept(replicas=2), kept(replicas=3)),
    step("workloads", "shop-db", kept("shop-db"), None),
    step("assignments", "shop-db-0", assignment("shop-db-0"), None),
    step("documents", ("Prices", "all"), kept_document(PRICES, version=4), None),
]


def after_steps():
    return Known([node("box-2", labels={"a": "b"})], [kept(replicas=3)])


def test_steps_are_taken_back_one_by_one():
    blobs = {}
    entries = [entry_of(one, blobs) for one in STEPS]
    past = Past(after_steps())
    past.take_back(unpacked(packed(entries), "log"), "log")
    known = past.known(lambda wanted: {one: blobs[one] for one in wanted})
    assert known.nodes.keys() == {"box-1"}
    found = known.nodes["box-1"]
    assert (found.labels, found.liveness) == (BOX.labels, BOX.liveness)
    contents = {name: one.workload for name, one in known.workloads.items()}
    assert contents == {"shop-web": workload(replicas=2), "shop-db": workload("shop-db")}
    assert known.assignments == {"shop-db-0": assignment("shop-db-0")}
    assert known.documents["Prices", "all"].document == PRICES
    assert known.documents["Prices", "all"].version == 4


def test_what_is_known_is_not_changed():
    known = after_steps()
    Past(known).take_back([["n", "box-2"], ["w", "shop-web"]], "log")
    assert known.nodes.keys() == {"box-2"}
    assert known.workloads.keys() == {"shop-web"}


# --- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        ["x", "box-1"],
        ["n"],
        ["n", 3],
        ["n", "box-2", {"liveness": "asleep"}],
        ["n", "box-2", {"taints": [{"key": 3}]}],
        ["n", "box-2", {"taints": 3}],
        ["n", "box-2", {"capability": ["c"]}],
        ["n", "box-2", {"capability": 3}],
        ["w", "shop-web", {"name": 3}],
        ["a", "shop-web-0", []],
        ["d", "Prices", "all", "one", {}],
        ["d", "Prizes", "all", 1, {}],
        ["d", "Prices", "all", 1, {"cpu_hour": "much"}],
    ],
)
def test_a_damaged_entry_is_told_with_its_place(entry):
    past = Past(after_steps())
    with pytest.raises(LogError, match="entry 1 of the log is damaged"):
        past.take_back([["a", "none-0"], entry], "log")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        packed([["n", "box-1"]])[:-3],
        packed([["n", "box-1"]]) + b"x",
        zlib.compress(msgpack.packb(["n", "box-1"])[:-2]),
        zlib.compress(b"\xc1"),
        zlib.compress(b"\xdd\xff\xff\xff\xff"),
        zlib.compress(b"\xdc\x20\x00" + b"\x90" * 0x2000),
        zlib.compress(b"\xc7\x01\x05x"),
    ],
)
def test_damaged_bytes_are_told(data):
    with pytest.raises(LogError, match="the log is damaged"):
        unpacked(data, "log")


def test_what_unpacks_to_too_much_is_refused():
    with pytest.raises(LogError, match="too large"):
        unpacked(zlib.compress(b"\x01" * 1001), "log", most=1000)


def test_entries_of_any_number_are_packed():
    entries = [["n", f"box-{number}"] for number in range(10_000)]
    assert unpacked(packed(entries), "log") == entries
    assert unpacked(packed([]), "log") == []
