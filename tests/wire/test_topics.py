"""Topics: what is built is what is parsed, and nothing else is."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_wire import topics, types

labels = st.from_regex(types.LABEL, fullmatch=True)
any_topic = st.one_of(
    st.builds(topics.Node, labels, st.sampled_from(list(topics.NodeTopic))),
    st.builds(topics.NodeRequest, labels, labels),
    st.just(topics.HubPresence()),
    st.builds(topics.NodeView, labels),
    st.builds(topics.NodeViewEvent, labels),
    st.builds(topics.WorkloadView, labels),
)


@given(any_topic)
def test_parse_is_the_inverse_of_build(topic):
    assert topics.parse(str(topic)) == topic


@given(st.text(max_size=60) | st.from_regex(r"skerry/v1/[a-z+#/]{0,40}", fullmatch=True))
def test_what_parses_builds_the_same_text(text):
    topic = topics.parse(text)
    assert topic is None or str(topic) == text


def test_the_documented_topics():
    assert str(topics.Node("box-1", topics.NodeTopic.ORDER)) == "skerry/v1/nodes/box-1/order"
    assert str(topics.NodeRequest("box-1", "probe")) == "skerry/v1/nodes/box-1/request/probe"
    assert str(topics.HubPresence()) == "skerry/v1/hub/presence"
    assert str(topics.NodeView("box-1")) == "skerry/v1/fleet/box-1"
    assert str(topics.NodeViewEvent("box-1")) == "skerry/v1/fleet/box-1/event"
    assert str(topics.WorkloadView("web")) == "skerry/v1/workloads/web"
    assert topics.requests_to("box-1") == "skerry/v1/nodes/box-1/request/+"


@pytest.mark.parametrize("node", ["", "a/b", "+", "#", "A", "-a", "a-", "a" * 64, "ä", "a\x00"])
def test_a_node_that_is_no_label_never_becomes_a_topic(node):
    with pytest.raises(ValueError, match="cannot be part of a topic"):
        str(topics.Node(node, topics.NodeTopic.REPORT))
    assert topics.parse(f"skerry/v1/nodes/{node}/report") is None


def test_the_hub_listens_to_everything_a_node_says_and_not_to_itself():
    spoken = {f.rsplit("/", 1)[1] for f in topics.ALL_FROM_NODES}
    assert spoken == {"presence", "capability", "heartbeat", "report", "event", "reply", "lease"}


def matches(filter_, topic):
    wanted, found = filter_.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(
        one in ("+", other) for one, other in zip(wanted, found, strict=True)
    )


@given(any_topic)
def test_each_topic_is_of_one_kind_and_matches_the_filter_of_that_kind_alone(topic):
    own = topic.topic if isinstance(topic, topics.Node) else type(topic)
    text = str(topic)
    assert [one for one in topics.KINDS if matches(topics.filter_of(one), text)] == [own]
    name = getattr(topic, "node", getattr(topic, "workload", ""))
    assert matches(topics.filter_of(own, name), text)


def test_every_kind_of_topic_is_listed():
    classes = set(typing.get_args(topics.Topic)) - {topics.Node}
    assert set(topics.KINDS) == {*topics.NodeTopic, *classes}
