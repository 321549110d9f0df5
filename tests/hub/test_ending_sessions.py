"""Whose session is still to be ended: derived from what was revoked, and from what is done."""

from hypothesis import given
from hypothesis import strategies as st

from skerry_hub import ending_sessions
from skerry_hub.ending_sessions import from_text, marked, pending, to_text, wait_s
from skerry_wire import topics

marks = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.floats(0, 2e9))


def test_who_was_revoked_waits_until_it_is_marked_the_longest_first():
    revoked = {"box-2": 20.0, "box-1": 10.0}
    assert pending(revoked, {}) == ["box-1", "box-2"]
    done = marked(revoked, {}, "box-1")
    assert pending(revoked, done) == ["box-2"]
    assert pending(revoked, marked(revoked, done, "box-2")) == []


def test_who_joined_again_and_was_revoked_again_waits_again():
    done = marked({"box-1": 10.0}, {}, "box-1")
    assert pending({"box-1": 30.0}, done) == ["box-1"]
    assert pending({}, done) == []


def test_who_has_another_key_waits_too_and_revoked_counts_more():
    shut_out = ending_sessions.shut_out({"box-1": 30.0}, {"box-1": 10.0, "box-2": 20.0})
    assert shut_out == {"box-1": 30.0, "box-2": 20.0}
    assert pending(shut_out, {"box-1": 10.0}) == ["box-2", "box-1"]


@given(marks, marks)
def test_marking_each_in_turn_ends_with_nobody_waiting_and_no_mark_too_many(revoked, ended):
    for node in pending(revoked, ended):
        ended = marked(revoked, ended, node)
    assert pending(revoked, ended) == []
    assert set(marked({**revoked, "x": 1.0}, ended, "x")) == {*revoked, "x"}


@given(marks)
def test_marks_are_kept_as_text_and_damaged_ones_are_none(found):
    assert from_text(to_text(found)) == found
    for damaged in ("", "[]", "{", '{"a": "b"}', "null"):
        assert from_text(damaged) == {}


def test_every_topic_of_a_node_is_cleared_by_one_side():
    own = {str(topics.Node("box-1", topic)) for topic in topics.NodeTopic}
    said_by, said_to = ending_sessions.said_by("box-1"), ending_sessions.said_to("box-1")
    assert {*said_by, *said_to} == own
    assert not set(said_by) & set(said_to)


def test_the_waits_grow_to_a_minute():
    assert [wait_s(n) for n in (1, 2, 6, 7, 100)] == [1.0, 2.0, 32.0, 60.0, 60.0]
