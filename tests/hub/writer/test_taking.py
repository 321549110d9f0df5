"""Many messages into one draft."""

from tests.hub.records import (
    FIRST,
    NOW,
    SECOND,
    assignment,
    capability,
    event,
    kept,
    node,
    presence,
    report,
)

from skerry_hub.model import Liveness
from skerry_hub.state import Known
from skerry_hub.writer.inbox import Incoming
from skerry_hub.writer.taking import take_all
from skerry_hub.writer.telling import Telling
from skerry_wire.capability import Capability
from skerry_wire.messages import Event, Presence, Reply

TOPICS = {Presence: "presence", Capability: "capability", Event: "event", Reply: "reply"}


def taken(known, *messages, seen=(), retained=False, where="box-1"):
    came = [
        Incoming(where, TOPICS.get(type(one), "report"), one, lambda: None, retained)
        for one in messages
    ]
    return take_all(known, came, seen, Telling(), NOW)


def test_a_later_message_of_a_batch_sees_what_an_earlier_one_changed():
    batch = taken(Known(), presence(), capability(), report(), presence(), event())
    after = batch.draft.nodes.get("box-1")
    assert (after.presence, after.capability, after.report) == (
        presence(),
        capability(),
        report(),
    )
    assert batch.counts == {
        ("presence", "taken"): 1,
        ("capability", "taken"): 1,
        ("report", "taken"): 1,
        ("presence", "stale"): 1,
        ("event", "taken"): 1,
    }
    assert batch.joined
    assert batch.alive == batch.renewed == {"box-1"}
    assert [one.kind for one in batch.draft.events] == ["registered", "online", "exited"]


def test_an_event_is_told_by_when_it_happened_in_the_hubs_time():
    said = event(count=3, first_at=NOW - 10, age_s=100.0)  # of a box with any clock
    came = Incoming("box-1", "event", said, lambda: None, waited_s=1000.0)
    (told,) = take_all(Known([node()]), [came], (), Telling(), 5e9).draft.events
    assert (told.at, told.first_at) == (5e9 - 1100, 5e9 - 1110)
    (told,) = taken(Known([node()]), event()).draft.events
    assert (told.at, told.first_at) == (NOW, None)


def test_an_event_is_kept_once_however_often_it_comes():
    batch = taken(Known([node()]), event("e-1"), event("e-2"), event("e-1"), seen={"e-2"})
    assert [one.id for one in batch.draft.events] == ["e-1"]
    assert batch.draft.nodes.changes == {}
    assert batch.counts["event", "taken"] == 3


def test_an_event_names_the_workload_that_it_is_about():
    known = Known([node()], [kept()], [assignment()])
    (told,) = taken(known, event(subject="shop-web-0", detail="exit code 1")).draft.events
    assert (told.workload, told.detail, told.at) == ("shop-web", "exit code 1", NOW)


def test_a_report_that_is_stale_still_says_that_its_node_was_heard():
    batch = taken(Known([node(sequences={"report": (1, 9)})]), report(seq=9), retained=True)
    assert batch.counts == {("report", "stale"): 1}
    assert batch.reported == [("box-1", True)]
    assert batch.draft.touched == {"box-1"}
    assert batch.alive == set()


def test_a_report_of_another_incarnation_says_nothing_of_this_one():
    known = Known([node(incarnation=SECOND, retired=(FIRST,))])
    batch = taken(known, report(seq=99))
    assert (batch.reported, batch.draft.touched) == ([], set())
    assert batch.counts == {("report", "retired_incarnation"): 1}


def test_what_was_reported_before_a_box_was_made_anew_is_forgotten():
    known = Known([node()])
    batch = taken(known, report(seq=5), presence(incarnation=SECOND))
    assert (batch.reported, batch.renewed) == ([], {"box-1"})
    batch = taken(known, report(seq=5), report(incarnation=SECOND))
    assert batch.reported == [("box-1", False)]


def test_a_reply_is_passed_on_and_changes_nothing():
    reply = Reply(incarnation=FIRST, boot=1, seq=1, id="r-1")
    batch = taken(Known([node()]), reply)
    assert batch.replies == [("box-1", reply)]
    assert batch.draft.empty


def test_a_node_that_nobody_knows_is_counted_and_no_more():
    batch = taken(Known(), event(), where="ghost-1")
    assert batch.counts == {("event", "unknown_node"): 1}
    assert batch.draft.empty


def test_events_of_the_hub_itself_never_share_an_id_with_another_process():
    known = Known()
    ids = {taken(known, presence()).draft.events[0].id for _ in range(20)}
    assert len(ids) == 20


def test_a_last_will_leaves_when_the_last_heartbeat_came():
    (one,) = [Incoming("box-1", "presence", presence(online=False, seq=9), lambda: None, False)]
    known = Known([node()])
    batch = take_all(known, [one], (), Telling(), NOW + 90, lambda _: NOW + 60)
    after = batch.draft.nodes.get("box-1")
    assert (after.liveness, after.last_seen) == (Liveness.UNREACHABLE, NOW + 60)
    assert batch.alive == set()
