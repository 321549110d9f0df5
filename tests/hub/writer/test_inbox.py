"""What waits for the writer, and how much of it may."""

import concurrent.futures
import threading

import pytest
from tests.hub.records import FIRST, heartbeat, presence

from skerry_hub.writer import inbox
from skerry_hub.writer.inbox import Call, Connected, Inbox, Incoming, Published
from skerry_wire.messages import LeaseRequest


def call():
    return Call(lambda work: work, concurrent.futures.Future())


def incoming():
    return Incoming("box-1", "presence", presence(), lambda: None)


def test_it_gives_everything_once_and_in_order():
    box = Inbox()
    items = [incoming(), Connected(), Published(3), incoming()]
    for item in items:
        assert box.post(item)
    assert box.wait(0) == items
    assert box.wait(0) == []


def test_who_waits_is_woken():
    box, found = Inbox(), []
    thread = threading.Thread(target=lambda: found.extend(box.wait(30)))
    thread.start()
    box.post(Connected())
    thread.join(10)
    assert found == [Connected()]


def test_calls_are_bounded_and_everything_else_goes_on():
    box = Inbox()
    assert all(box.post(call()) for _ in range(inbox.MOST_CALLS))
    assert not box.post(call())
    assert box.post(incoming())
    box.wait(0)
    assert box.post(call())


def test_calls_can_be_taken_out_alone():
    box, first = Inbox(), call()
    box.post(incoming())
    box.post(first)
    assert box.calls() == [first]
    assert len(box.wait(0)) == 1


@pytest.mark.parametrize("most", ["MOST_ITEMS", "MOST_HEARTBEATS"])
def test_what_floods_is_dropped_and_said(most):
    box, one, beat = Inbox(), incoming(), heartbeat()
    post = (lambda: box.post(one)) if most == "MOST_ITEMS" else (lambda: box.beat("box-1", beat))
    assert all(post() for _ in range(getattr(inbox, most)))
    assert not post()
    assert box.post(Connected()), "the broker and the operator are still heard"
    assert len(box.wait(0)) + len(box.heartbeats()) == getattr(inbox, most) + 1
    assert post()


def asks(seq):
    return LeaseRequest(incarnation=FIRST, boot=1, seq=seq, challenge=b"c" * 32)


def test_of_a_node_that_asks_for_its_leases_the_newest_counts_and_wakes_the_writer():
    box, found = Inbox(), []
    thread = threading.Thread(target=lambda: found.append(box.wait(30)))
    thread.start()
    for seq in (1, 2):
        assert box.lease("box-1", asks(seq))
    thread.join(10)
    assert found == [[]]
    assert box.leases() == [("box-1", asks(2))]
    assert box.leases() == []


def test_nodes_that_ask_for_their_leases_are_bounded():
    box, one = Inbox(), asks(1)
    assert all(box.lease(f"box-{number}", one) for number in range(inbox.MOST_LEASES))
    assert not box.lease("box-x", one)
    assert box.lease("box-0", asks(2))
    assert len(box.leases()) == inbox.MOST_LEASES
