"""Fleets out of files: what is taken, what is refused, by entry and field."""

import contextlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.records import hardware, workload
from tests.hub.test_snapshot import again, known, moment, text

from skerry_hub.model import Liveness
from skerry_hub.planning import Wish
from skerry_hub.simulating import Question, simulate
from skerry_hub.snapshot_reading import FleetError
from skerry_hub.work import RefusedError
from skerry_wire import codec


def plain():
    return json.loads(text(moment(known())))


def told(hostname="till-1", **more):
    """Return what `skerry-agent capability -o json` writes, with what it has beside the message."""
    found = codec.to_plain(hardware(hostname), nulls=True)
    found["probes"] = {"cpu": {"status": "found", "reason": None, "duration_ms": 1.5}}
    return {**found, **more}


def refused(written):
    with pytest.raises(FleetError) as error:
        again(written if isinstance(written, str) else json.dumps(written))
    assert error.value.problem.file == "fleet.json"
    return error.value.problem


# --- what agents say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(told("a")) + "\n" + json.dumps(told("b")),
        json.dumps(told("a"), indent=2) + json.dumps(told("b"), indent=2) + "\n\n",
        json.dumps([told("a"), told("b")]),
        json.dumps([{"hardware": told("a"), "revision": "00ff00ff"}, told("b")]),
    ],
    ids=["lines", "one after the other", "a list", "messages"],
)
def test_what_agents_say_is_a_fleet(written):
    snapshot = again(written).snapshot
    assert [one.id for one in snapshot.nodes] == ["a", "b"]
    one = snapshot.nodes[0]
    assert (one.hostname, one.liveness) == ("a", Liveness.ONLINE)
    assert one.capability.hardware.cpu.logical_count == 4
    assert one.capability.revision == codec.revision_of(one.capability.hardware)
    assert (snapshot.at, snapshot.inputs, snapshot.strategy) == (None, None, "spread")


def test_one_box_is_a_fleet():
    assert [one.id for one in again(json.dumps(told("a"))).snapshot.nodes] == ["a"]


def test_ids_are_made_of_hostnames_each_once():
    names = ["Till 1.shop.example", "till-1-shop-example", "till-1-shop-example", "__", "x" * 90]
    found = again(json.dumps([told(one) for one in names])).snapshot.nodes
    assert [one.id for one in found] == [
        "till-1-shop-example", "till-1-shop-example-2", "till-1-shop-example-3", "node", "x" * 50,
    ]  # fmt: skip


def test_the_same_hardware_is_held_once():
    one, two = again(json.dumps([told("a"), told("b")])).snapshot.nodes
    assert one.capability.hardware.cpu is two.capability.hardware.cpu
    assert one.capability.hardware.system is not two.capability.hardware.system


@pytest.mark.parametrize(
    ("written", "field", "words"),
    [
        ("", None, "holds nothing"),
        (" \n ", None, "holds nothing"),
        ("3", None, r"expected '\{'"),
        ("[3]", "[0]", "must be an object"),
        ("{}", "[0]", "is neither a snapshot nor what an agent says"),
        ([told("a"), {"x": 1}], "[1]", "is neither a snapshot"),
        ([told("a"), told("")], "[1].system.hostname", "is missing"),
        ([told("a", cpu={"logical_count": "four"})], "[0].cpu.logical_count", "whole number"),
        ([{"hardware": 3}], "[0]", "is neither"),
        ([told("a"), told("b", accelerators=[{}])], "[1].accelerators[0].kind", "is missing"),
    ],
)
def test_what_is_no_fleet_is_told_by_entry_and_field(written, field, words):
    problem = refused(written)
    assert problem.field == field
    assert re.search(words, problem.reason), problem


# --- snapshots ----------------------------------------------------------------------------


def changed(path, value):
    """Return a snapshot in which one value is another; `del` takes it away."""
    whole = plain()
    at = whole
    for step in path[:-1]:
        at = at[step]
    if value == "del":
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        (["snapshot"], 2, "snapshot", "is format 2, and this version reads 1"),
        (["snapshot"], True, "snapshot", "is format True"),
        (["at"], "now", "at", "must be a time"),
        (["at"], -1, "at", "must be a time"),
        (["strategy"], "best", "strategy", "must be one of spread, pack"),
        (["inputs"], 3, "inputs", "must be text"),
        (["nodes", 1, "id"], "Box", "nodes[1].id", "does not match"),
        (["nodes", 1, "id"], "box-0", "nodes[1]", "box-0 is there twice"),
        (["nodes", 1], 3, "nodes[1]", "must be an object"),
        (["nodes", 0, "liveness"], "gone", "nodes[0].liveness", "'gone' is not one of"),
        (["nodes", 0, "capability", "hardware", "memory", "total_bytes"], -5,
         "nodes[0].capability.hardware.memory.total_bytes", "must be 0 to"),
        (["nodes", 0, "capability", "hardware"], 3, "nodes[0].capability.hardware",
         "must be an object"),
        (["workloads", 0, "workload", "replicas"], -1, "workloads[0].workload.replicas",
         "must be 0 to"),
        (["workloads", 0, "workload", "expressions"], ["node.labels.a =="],
         "workloads[0].workload.expressions[0]", ""),
        (["workloads", 0, "workload", "expressions"], ["node.hostname matches (a+)+$("],
         "workloads[0].workload.expressions[0]", ""),
        (["assignments", 0, "node"], "del", "assignments[0].node", "is missing"),
        (["assignments", 1, "id"], "shop-web-0", "assignments[1]", "is there twice"),
        (["assignments", 0, "node"], "nope", "assignments[0].node", "there is no node nope"),
        (["assignments", 0, "workload"], "nope", "assignments[0].workload",
         "there is no workload nope"),
        (["nodes", 0, "labels"], {"a b": "c"}, "nodes[0].labels.a b", "the key 'a b' must be"),
        (["nodes", 0, "labels"], {"a": "b c"}, "nodes[0].labels.a", "the value of 'a' must be"),
        (["nodes", 0, "taints", 0, "key"], "a b", "nodes[0].taints[0]", "the key 'a b' must be"),
        (["documents", 0, "kind"], "Secret", "documents[0].kind", "must be one of"),
        (["documents", 0, "kind"], ["Policy"], "documents[0].kind", "must be one of"),
        (["documents", 0, "content", "selector"], "a=b=c=d", "documents[0].content.selector", ""),
        (["documents", 0, "content"], "del", "documents[0].content", "must be a mapping"),
        (["documents", 0, "name"], "other", "documents[0].name", "not the name in its content"),
        (["documents", 0, "version"], 0, "documents[0].version", "from 1"),
        (["round_trips", 0, "ms"], {"node/box-1": 0}, "round_trips[0].ms.node/box-1",
         "more than 0"),
        (["round_trips", 0, "ms"], {"node/box-0": 1}, "round_trips[0].ms.node/box-0",
         "no target"),
        (["round_trips", 0, "ms"], {"elsewhere": 1}, "round_trips[0].ms.elsewhere", "no target"),
        (["round_trips", 0, "node"], "nope", "round_trips[0].node", "there is no node nope"),
        (["round_trips", 0, "node"], 3, "round_trips[0]", "must have a node"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_snapshot_is_told(path, value, field, words):
    problem = refused(changed(path, value))
    assert problem.field == field
    assert words in problem.reason
    assert problem.line is not None


def test_a_snapshot_that_was_cut_off_is_refused():
    whole = text(moment(known()))
    for part in (len(whole) // 3, len(whole) // 2, len(whole) - 3):
        assert refused(whole[:part]).line


def test_a_list_twice_is_refused():
    problem = refused('{"snapshot": 1, "nodes": [], "nodes": []}')
    assert (problem.field, problem.reason) == ("nodes", "is there twice")


def test_what_follows_the_end_is_refused():
    assert "goes on after its end" in refused('{"snapshot": 1}{"snapshot": 1}').reason


def test_a_snapshot_begins_with_its_format():
    assert '"snapshot" must be its first key' in refused('{"at": 1, "nodes": []}').reason


UNKNOWN = "is not a field that this version knows"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (["asignments"], "asignments"),
        (["nodes", 0, "label"], "nodes[0].label"),
        (["nodes", 0, "capability", "hardwear"], "nodes[0].capability.hardwear"),
        (["nodes", 0, "capability", "hardware", "memry"], "nodes[0].capability.hardware.memry"),
        (["nodes", 0, "capability", "hardware", "memory", "total_byte"],
         "nodes[0].capability.hardware.memory.total_byte"),
        (["workloads", 0, "workload", "replica"], "workloads[0].workload.replica"),
        (["assignments", 0, "resources", "cpu"], "assignments[0].resources.cpu"),
        (["documents", 0, "contents"], "documents[0].contents"),
        (["documents", 0, "content", "quotas"], "documents[0].content.quotas"),
        (["round_trips", 0, "us"], "round_trips[0].us"),
    ],
)  # fmt: skip
def test_a_key_that_nobody_reads_is_refused_at_every_depth(path, field):
    problem = refused(changed(path, {}))
    assert (problem.field, problem.reason) == (field, UNKNOWN)
    assert problem.line is not None


def test_a_newer_agent_may_say_more():
    (one,) = again(json.dumps(told("a", weather={"sun": 1}))).snapshot.nodes
    assert one.capability.hardware.system.hostname == "a"


def test_hardware_that_was_edited_is_counted_and_changes_the_inputs():
    path = ["nodes", 0, "capability", "hardware", "memory", "total_bytes"]
    fleet = again(json.dumps(changed(path, 2**40)))
    assert fleet.edited == 1
    assert fleet.snapshot.known().inputs.digest != fleet.snapshot.inputs


# --- nonsense -----------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["box-0", "shop-web", "shop-web-0", "a=b", "x" * 5000, "node.id == a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
WHOLE = plain()


def places(content, here=()):
    """Yield the way to each part of plain data."""
    yield here
    inner = content.items() if isinstance(content, dict) else ()
    inner = enumerate(content) if isinstance(content, list) else inner
    for key, part in inner:
        yield from places(part, (*here, key))


PLACES = [way for way in places(WHOLE) if way]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_whatever_stands_anywhere_is_refused_or_simulated(way, value):
    whole = json.loads(json.dumps(WHOLE))
    at = whole
    for step in way[:-1]:
        at = at[step]
    at[way[-1]] = value
    wish = Wish(workloads=(workload("far-job", replicas=2),))
    with contextlib.suppress(FleetError, RefusedError):
        simulate(again(json.dumps(whole)), wish, 0.0, Question(workload="far-job"))
