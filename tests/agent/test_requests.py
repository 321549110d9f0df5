"""Requests that the executor answers: transcripts of what is taken, passed on and ended."""

from tests.agent.test_core import Box, published

from skerry_agent import effects, requests
from skerry_agent import events as ev
from skerry_wire import codec
from skerry_wire.local import Restarted
from skerry_wire.messages import MAX_PIECE_BYTES, Request
from skerry_wire.topics import NodeTopic


def ask(box, name="r-1", verb="instance", envelope=b"signed"):
    request = Request(id=name, verb=verb, envelope=envelope)
    return box.on(ev.RequestArrived(verb, codec.encode(request), b"corr"))


def replies(done):
    return published(done, NodeTopic.REPLY)


def test_a_challenge_is_asked_of_the_executor_and_told():
    box = Box().up()
    assert ask(box, verb="challenge", envelope=b"") == [effects.AskExecutor("r-1", None)]
    (sent,) = box.on(ev.AnswerEnded("r-1", body=b"c" * 32))
    assert (sent.message.id, sent.message.body) == ("r-1", b"c" * 32)
    assert sent.correlation == b"corr"
    assert box.state.asked == {}


def test_an_answer_is_passed_on_part_by_part_as_the_broker_takes_it():
    box = Box().up()
    assert ask(box) == [effects.AskExecutor("r-1", b"signed")]
    (first,) = box.on(ev.PartCame("r-1", b"one"))
    (second,) = box.on(ev.PartCame("r-1", b"two"))
    assert [(one.message.part, one.message.body) for one in (first, second)] == [
        (0, b"one"),
        (1, b"two"),
    ]
    assert box.on(ev.Acknowledged(first.token)) == [effects.PassOn("r-1")]
    (end,) = box.on(ev.AnswerEnded("r-1", body=b"end"))
    assert (end.message.part, end.message.body, end.message.error) == (2, b"end", None)
    assert end.token is None
    assert first.message.seq < second.message.seq < end.message.seq


def test_events_and_parts_are_acknowledged_each_for_itself():
    box = Box().up()
    (kept,) = box.state.events
    assert box.on(ev.Acknowledged(kept.id)) == []
    assert box.state.events == ()


def test_no_more_than_four_at_once():
    box = Box().up()
    for number in range(4):
        ask(box, f"r-{number}")
    (refused,) = replies(ask(box, "r-9"))
    assert "4 requests are under way on this box" in refused.error
    box.on(ev.AnswerEnded("r-0"))
    assert ask(box, "r-10") == [effects.AskExecutor("r-10", b"signed")]


def test_a_flood_is_refused_and_the_rate_comes_back():
    box = Box().up()
    taken = 0
    for number in range(100):
        done = ask(box, f"r-{number}", verb="challenge", envelope=b"")
        if isinstance(done[0], effects.AskExecutor):
            taken += 1
            box.on(ev.AnswerEnded(f"r-{number}"))
        else:
            assert replies(done)[0].error == "too many requests; try again in a moment"
    assert taken == requests.BURST
    box.mono += 1.0
    later = [ask(box, f"s-{number}", verb="challenge") for number in range(6)]
    for number in range(4):
        assert later[number] == [effects.AskExecutor(f"s-{number}", None)]
    assert replies(later[5])


def test_the_same_request_twice_is_one():
    box = Box().up()
    ask(box)
    assert ask(box) == []
    assert len(box.state.asked) == 1


def test_a_request_is_ended_by_its_id():
    box = Box().up()
    ask(box)
    assert ask(box, "r-2", verb="cancel") == []
    assert ask(box, "r-1", verb="cancel") == [effects.EndAsking("r-1")]
    assert replies(box.on(ev.AnswerEnded("r-1", "it was ended")))[0].error == "it was ended"


def test_an_answer_that_nobody_seems_to_wait_for_is_ended_once():
    box = Box().up()
    ask(box)
    assert ask(box, "r-2", verb="keep") == []
    box.wait(requests.KEPT_S - 1)
    assert ask(box, verb="keep") == []
    assert effects.EndAsking("r-1") not in box.wait(requests.KEPT_S - 1)
    assert box.wait(2).count(effects.EndAsking("r-1")) == 1
    assert effects.EndAsking("r-1") not in box.wait(300)


def test_without_an_envelope_there_is_nothing_to_verify():
    (refused,) = replies(ask(Box().up(), envelope=b""))
    assert refused.error == "the request has nothing signed with it"


def test_a_lost_connection_ends_them_all():
    box = Box().up()
    ask(box)
    done = box.on(ev.Disconnected("gone"))
    assert effects.EndAsking("r-1") in done
    box.on(ev.Connected(2))
    assert box.on(ev.PartCame("r-1", b"late")) == [effects.EndAsking("r-1")]
    assert box.on(ev.AnswerEnded("r-1", "it was ended")) == []


def test_the_end_of_the_agent_ends_them_all():
    box = Box().up()
    ask(box)
    assert effects.EndAsking("r-1") in box.on(ev.StopAsked())


def type_in(box, piece=b"piece", name="r-1"):
    return ask(box, name, "input", piece)


def test_input_is_handed_to_the_executor_and_says_that_somebody_waits():
    box = Box().up()
    ask(box)
    box.wait(requests.KEPT_S - 1)
    assert type_in(box) == [effects.HandInput("r-1", b"piece")]
    assert effects.EndAsking("r-1") not in box.wait(requests.KEPT_S - 1)
    assert "piece" not in repr(effects.HandInput("r-1", b"piece"))


def test_input_for_what_is_not_under_way_is_nothing():
    box = Box().up()
    assert type_in(box) == []
    ask(box)
    box.on(ev.AnswerEnded("r-1"))
    assert type_in(box) == []


def test_more_input_than_anybody_types_ends_its_session_and_no_other():
    box = Box().up()
    ask(box)
    ask(box, "r-2")
    done = [type_in(box) for _ in range(requests.INPUT_BURST + 10)]
    assert done.count([effects.HandInput("r-1", b"piece")]) == requests.INPUT_BURST
    ended = [one for one in done if effects.EndAsking("r-1") in one]
    assert len(ended) == 1
    assert done[-1] == []
    assert type_in(box, name="r-2") == [effects.HandInput("r-2", b"piece")]
    box.mono += 0.5
    done = [type_in(box, name="r-2") for _ in range(int(requests.INPUT_PER_S / 2))]
    assert all(effects.EndAsking("r-2") not in one for one in done)


def test_a_piece_that_no_session_has_ends_it():
    box = Box().up()
    ask(box)
    assert effects.EndAsking("r-1") in type_in(box, bytes(MAX_PIECE_BYTES + 1))


def test_a_restart_after_which_something_may_start_is_followed_by_a_visit():
    box = Box().up()
    ask(box)
    run = box.state.run
    reply, visit = box.on(ev.AnswerEnded("r-1", visit=True))
    assert (reply.message.id, visit) == ("r-1", effects.Converge(run + 1, None))


def test_what_was_restarted_is_an_event():
    box = Box().up()
    for containers, words in ((("web",), "container web"), (("db", "web"), "containers db, web")):
        ask(box)
        told = Restarted(instance="shop-web-0", containers=containers)
        done = box.on(ev.AnswerEnded("r-1", visit=True, restarted=told))
        (event,) = published(done, NodeTopic.EVENT)
        assert (event.kind, event.subject, event.detail) == ("restarted", "shop-web-0", words)
