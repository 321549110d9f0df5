"""`skerry node` and `skerry label`."""

import dataclasses

import pytest
from tests.cli.samples import LOST, NODE


@pytest.mark.parametrize(("verb", "done"), [("adopt", "adopted"), ("overwrite", "overwritten")])
def test_a_held_node_is_settled(skerry, hub, verb, done):
    hub.answers[f"POST /api/v1/nodes/box-1/{verb}"] = NODE
    shown = skerry("node", verb, "box-1")
    assert (shown.out, shown.err) == (f"node/box-1 {done}\n", "")


def test_a_node_that_is_held_still_says_why(skerry, hub):
    hub.answers["POST /api/v1/nodes/box-2/adopt"] = LOST
    assert "it is ahead: it accepted order 7" in skerry("node", "adopt", "box-2").err


def test_labels_are_given_and_taken(skerry, hub):
    hub.answers["POST /api/v1/nodes/quay/labels"] = dataclasses.replace(NODE, labels={"a": "b=c"})
    done = skerry("label", "node", "quay", "a=b=c", "zone-", "empty=")
    assert done.out == "node/box-1 a=b=c\n"
    assert hub.asked[-1].body == {"set": {"a": "b=c", "empty": ""}, "unset": ["zone"]}


@pytest.mark.parametrize("changes", [[], ["a"], ["=b"], ["-"], ["a=b", "a-"], ["a=b", "a=c"]])
def test_wrong_usage_exits_2(skerry, hub, changes):
    skerry("label", "node", "box-1", *changes, code=2)
    assert hub.asked == []


@pytest.mark.parametrize("words", [["node", "adopt", "x"], ["label", "node", "x", "a=b"]])
def test_an_unknown_node_is_an_error(skerry, words):
    assert skerry(*words, code=1).err.startswith("skerry: there is no")
