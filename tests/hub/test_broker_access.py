"""Who may do what on the broker: every topic has a rule, and one writer."""

import pytest

from skerry_hub import broker_access
from skerry_hub.broker_access import ACCESS, Role, rights
from skerry_wire import topics
from skerry_wire.topics import NodeTopic

RETAINED_BY_NODES = {NodeTopic.PRESENCE, NodeTopic.CAPABILITY, NodeTopic.REPORT}


def test_every_kind_of_topic_has_one_rule():
    kinds = [rule.kind for rule in ACCESS]
    assert len(kinds) == len(set(kinds))
    lacking = set(topics.KINDS) - set(kinds)
    assert not lacking, "a new topic needs a line in skerry_hub.broker_access.ACCESS"


@pytest.mark.parametrize("rule", ACCESS, ids=lambda rule: str(rule.kind))
def test_a_topic_has_one_writer_and_what_one_writes_the_other_reads(rule):
    writers = {role for role in Role if "write" in rule.of(role)}
    if rule.kind in RETAINED_BY_NODES:
        assert writers == {Role.NODE, Role.HUB}, "the hub clears what a node has left"
        # Its own presence it reads, too: whether another box has spoken as it.
        assert rule.node == ("readwrite" if rule.kind is NodeTopic.PRESENCE else "write")
        return
    if isinstance(rule.kind, NodeTopic) and rule.kind not in topics.TO_NODES:
        assert writers == {Role.NODE}
        assert {rule.hub, rule.beats} == {"read", ""}
    else:
        assert writers == {Role.HUB}
    assert Role.READER not in writers


def test_the_hub_reads_all_that_nodes_say_over_one_connection_or_the_other():
    read = {
        where for role in (Role.HUB, Role.BEATS) for may, where in rights(role) if may[0] == "r"
    }
    assert read == set(topics.ALL_FROM_NODES)


def test_a_box_has_its_own_topics_alone():
    for _, where in rights(Role.NODE, "box-1"):
        assert where.startswith("skerry/v1/nodes/box-1/") or where == "skerry/v1/hub/presence"


def test_readers_are_listed_by_name_and_only_read():
    text = broker_access.mosquitto_acl(["grafana", "erp"])
    assert text.index("user skerry:reader:erp") < text.index("user skerry:reader:grafana")
    after = text[text.index("user skerry:reader:erp") :]
    assert "write" not in after
    assert after.count("topic read skerry/v1/fleet/+\n") == 2


def sections(text):
    """Return what stands for each user, in its order."""
    return {
        section.partition("\n")[0]: section.splitlines()[1:]
        for section in text.split("\nuser ")[1:]
    }


def test_whoever_is_no_box_is_denied_what_the_patterns_for_boxes_give_him():
    found = sections(broker_access.mosquitto_acl(["grafana"], ["erp", "grafana"]))
    for user, (first, *_) in found.items():
        where = first.removeprefix("topic deny ")
        assert where in (f"skerry/v1/nodes/{user}/#", "skerry/v1/nodes/#", "#"), user
    assert found["skerry:reader:erp"] == ["topic deny #"]
    assert found["skerry:reader:grafana"][1:], "a name on both lists is one that may read"
