"""Silence into drafts."""

from tests.hub.records import FIRST, NOW, columns_of, heartbeat, node, presence

from skerry_hub.fleet.listening import Listening
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience
from skerry_hub.state import Known
from skerry_hub.writer.judging import judge_all
from skerry_hub.writer.telling import Telling

PATIENCE = Patience(unreachable_s=60, lost_s=600, new_for_s=0)


def judged(known, now, columns=None, watching_since=NOW - 1000, least_s=None):
    columns = columns or columns_of(known)
    listening = Listening(watching_since)
    columns.follow_silence(listening, NOW)
    least_s = PATIENCE.lost_s if least_s is None else least_s
    draft = judge_all(known, columns, Telling(), PATIENCE, least_s, listening, now)
    found = {key: one.liveness.value for key, one in draft.nodes.changes.items()}
    return found, [(one.node, one.kind) for one in draft.events]


def test_only_who_is_silent_is_judged_and_each_change_is_told():
    known = Known([node("box-1"), node("box-2", last_seen=NOW - 50)])
    assert judged(known, NOW + 5) == ({}, [])
    assert judged(known, NOW + 20) == ({"box-2": "unreachable"}, [("box-2", "unreachable")])
    assert judged(known, NOW + 700)[0] == {"box-1": "lost", "box-2": "lost"}


def test_heartbeats_are_signs_of_life():
    known = Known([node("box-1")])
    columns = columns_of(known)
    columns.heartbeat("box-1", heartbeat(FIRST, seq=2), NOW + 90)
    assert judged(known, NOW + 100, columns) == ({}, [])


def test_who_is_heard_again_is_online_again():
    known = Known([node("box-1", liveness=Liveness.LOST)])
    assert judged(known, NOW + 5) == ({"box-1": "online"}, [("box-1", "online")])
    known = Known([node("box-1", liveness=Liveness.LOST, last_seen=NOW - 5000)])
    columns = columns_of(known)
    columns.heartbeat("box-1", heartbeat(FIRST, seq=2), NOW)
    assert judged(known, NOW + 5, columns)[0] == {"box-1": "online"}


def test_what_has_not_changed_is_not_told_again():
    known = Known([node("box-1", liveness=Liveness.UNREACHABLE, presence=presence(online=False))])
    assert judged(known, NOW + 100) == ({}, [])


def test_who_loses_some_of_its_instances_takes_no_new_ones():
    known = Known([node("box-1"), node("box-2", last_seen=NOW - 20)])
    assert judged(known, NOW, least_s=15)[0] == {"box-2": "unreachable"}
    assert judged(known, NOW, least_s=30)[0] == {}


def test_a_link_that_is_seen_to_pause_has_its_own_patience():
    known = Known([node("box-1"), node("box-2")])
    columns = columns_of(known)
    columns.follow_silence(Listening(NOW - 1000), NOW)
    columns.silence.longest[columns.row("box-2")] = 305
    assert judged(known, NOW + 700, columns)[0] == {"box-1": "lost", "box-2": "unreachable"}
    assert judged(known, NOW + 1300, columns)[0] == {"box-1": "lost", "box-2": "lost"}
