"""`skerry node` and `skerry label`."""

import dataclasses

import pytest
from tests.cli.canned import problems
from tests.cli.samples import LOST, NODE


@pytest.mark.parametrize(
    ("verb", "yes", "done"), [("adopt", [], "adopted"), ("overwrite", ["-y"], "overwritten")]
)
def test_a_held_node_is_settled(skerry, hub, verb, yes, done):
    hub.answers[f"POST /api/v1/nodes/box-1/{verb}"] = NODE
    shown = skerry("node", verb, "box-1", *yes)
    assert (shown.out, shown.err) == (f"node/box-1 {done}\n", "")


def test_a_node_that_is_held_still_says_why(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-2/adopt"] = LOST
    assert "it is ahead: it accepted order 7" in skerry("node", "adopt", "box-2").err


def test_labels_are_given_and_taken(skerry, hub):
    hub.answers["POST /api/v1/nodes/quay/labels"] = dataclasses.replace(NODE, labels={"a": "b=c"})
    done = skerry("label", "node", "quay", "a=b=c", "zone-", "empty=")
    assert (done.out, done.err) == ("node/box-1 a=b=c empty= zone-\n", "")
    assert hub.asked[-1].body == {"set": {"a": "b=c", "empty": ""}, "unset": ["zone"]}


def test_a_label_that_is_taken_away_and_that_the_node_gives_itself_is_told(skerry, hub):
    hub.answers["POST /api/v1/nodes/quay/labels"] = NODE
    done = skerry("label", "node", "quay", "zone-")
    assert done.out == "node/box-1 zone-\n"
    assert done.err == "zone=harbour holds now: the node gives it itself\n"


def test_a_label_that_the_hub_refuses_is_wrong_usage(skerry, hub):
    refusal = {"reason": "is worked out", "field": "set.kubernetes.io/arch"}
    hub.answers["POST /api/v1/nodes/quay/labels"] = problems(400, refusal)
    done = skerry("label", "node", "quay", "kubernetes.io/arch=x", code=2)
    assert (done.out, done.err) == ("", "skerry: set.kubernetes.io/arch: is worked out\n")


def test_nodes_are_asked_to_look_again(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-1/probe"] = NODE
    hub.answers["POST /api/v1/nodes/box-2/probe"] = LOST
    assert skerry("node", "probe", "box-1", "box-2", "box-1").out == (
        f"node/box-1 looks again, its hardware was {'c' * 16}\n"
        "node/box-2 looks again, its hardware was -\n"
    )
    assert [one.path for one in hub.asked] == [
        "/api/v1/nodes/box-1/probe",
        "/api/v1/nodes/box-2/probe",
    ]


LATE = problems(504, {"reason": "late did not answer within 10 s"})


@pytest.mark.parametrize(("names", "code"), [(["late"], 4), (["late", "none"], 1)])
def test_one_node_that_cannot_be_asked_keeps_no_other_from_it(skerry, hub, names, code):
    hub.answers["POST /api/v1/nodes/late/probe"] = LATE
    hub.answers["POST /api/v1/nodes/box-1/probe"] = NODE
    done = skerry("node", "probe", *names, "box-1", code=code)
    assert done.out.startswith("node/box-1 looks again")
    assert done.err.splitlines()[0] == "skerry: late did not answer within 10 s"
    assert len(done.err.splitlines()) == len(names)


def test_to_ask_no_node_is_wrong_usage(skerry, hub):
    skerry("node", "probe", code=2)
    assert hub.asked == []


@pytest.mark.parametrize("changes", [[], ["a"], ["=b"], ["-"], ["a=b", "a-"], ["a=b", "a=c"]])
def test_wrong_usage_exits_2(skerry, hub, changes):
    skerry("label", "node", "box-1", *changes, code=2)
    assert hub.asked == []


@pytest.mark.parametrize("words", [["node", "adopt", "x"], ["label", "node", "x", "a=b"]])
def test_an_unknown_node_is_an_error(skerry, words):
    assert skerry(*words, code=1).err.startswith("skerry: there is no")
