"""The executor's side of a session, with a clock of numbers."""

import threading

import pytest
from tests.executor.sessions import FarEnd

from lab.processes import wait_for
from skerry_agent import requests
from skerry_executor import session as sessions
from skerry_executor.pieces import Rate
from skerry_executor.session import IDLE_S, TELL_S, Session
from skerry_wire.messages import Terminal
from skerry_wire.session import MAX_INPUT_BYTES, SILENCE_S, WINDOW, SessionError


class Seat:
    """A session, and whoever types into it."""

    def __init__(self):
        self.now = 100.0
        self.far = FarEnd()
        self.session = Session(self.far.key, takes_input=True, clock=lambda: self.now)
        self.read = []
        assert self.session.due_at() <= self.now
        assert self.far.read(self.session.sealed("out", b"")).data == b"", "its first word"

    def type(self, *texts):
        for text in texts:
            self.session.take(self.far.typed(text))

    def run(self):
        """Read in a thread, as a program does, until the input ends."""
        thread = threading.Thread(target=lambda: self.read.extend(self.session.input()))
        thread.start()
        return thread


@pytest.fixture
def seat():
    return Seat()


def test_what_is_typed_is_read_in_order_until_it_ends(seat):
    seat.type(b"one", b"", b"two")
    seat.session.take(seat.far.typed(terminal=Terminal(columns=9, rows=8)))
    seat.session.take(seat.far.typed(b"three", eof=True))
    thread = seat.run()
    thread.join(10)
    assert seat.read == [b"one", b"two", Terminal(columns=9, rows=8), b"three"]
    assert seat.far.read(seat.session.sealed("out", b"hello")).taken == 4


def test_input_is_counted_as_taken_once_it_was_read(seat):
    seat.type(b"one")
    given = seat.session.input()
    assert next(given) == b"one"
    assert seat.session.due_at() is None
    seat.type(b"two")
    next(given)
    assert seat.session.due_at() == seat.now + TELL_S
    for _ in range(WINDOW // 2 - 1):
        seat.type(b"x")
        next(given)
    assert seat.session.due_at() == seat.now, "whoever types waits for it"
    assert seat.far.read(seat.session.sealed("out", b"")).taken == WINDOW // 2
    assert seat.session.due_at() is None


def test_more_than_may_wait_ends_the_session_and_words_without_content_take_no_room(seat):
    seat.type(*[b"x", b""] * WINDOW)
    with pytest.raises(SessionError, match="more than 8 pieces of input"):
        seat.type(b"y")


def test_what_was_made_by_others_is_refused(seat):
    with pytest.raises(SessionError, match="was not sealed with the session's key"):
        seat.session.take(FarEnd().typed(b"rm -rf /\r"))
    seat.far.typed(b"lost")
    with pytest.raises(SessionError, match="piece 0 is missing"):
        seat.type(b"next")


def test_a_session_ends_when_nobody_is_heard_or_nothing_happens(seat):
    assert seat.session.over_at()[0] == seat.now + SILENCE_S
    for _ in range(int(IDLE_S / 50)):
        seat.now += 50.0
        seat.type(b"")
    at, why = seat.session.over_at()
    assert (at, why) == (seat.now, "nothing was typed or written for 900 s")
    seat.session.sealed("out", b"x")
    at, why = seat.session.over_at()
    assert (at, why) == (seat.now + SILENCE_S, "nothing was heard of the hub for 60 s")


def test_the_end_of_the_session_ends_its_input(seat):
    thread = seat.run()
    seat.type(b"x")
    wait_for("it to be read", lambda: seat.read or seat.session.due_at())
    seat.session.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_flood_is_read_at_a_rate(seat):
    thread = seat.run()
    sent = 0
    while sent < sessions.INPUT_BURST_BYTES + 20_000:
        seat.type(b"x" * 8192)
        sent += 8192
        wait_for("room", lambda: len(seat.session._waiting) < WINDOW)
    assert len(seat.session._waiting) >= 1, "the rest waits"
    seat.session.close()
    thread.join(10)


def test_a_piece_of_one_byte_counts_as_a_full_one(seat):
    """Whoever pipes single lines is held back, and the agent, which counts pieces, ends nothing."""
    thread = seat.run()
    for _ in range(sessions.INPUT_BURST_BYTES // MAX_INPUT_BYTES + 1):
        seat.type(b"x")
        wait_for("room", lambda: len(seat.session._waiting) < WINDOW)
    until = len(seat.read)
    seat.type(b"y")
    assert len(seat.read) - until <= 1
    assert len(seat.session._waiting) >= 1, "the rest waits"
    seat.session.close()
    thread.join(10)


def test_no_executor_reads_more_pieces_than_its_agent_lets_through():
    rate = Rate(sessions.INPUT_BYTES_PER_S, sessions.INPUT_BURST_BYTES)
    now, room_at = 1000.0, 1000.0 - requests.INPUT_BURST / requests.INPUT_PER_S
    for piece in range(5000):
        now = max(now, rate.paid_until if piece >= WINDOW else now)
        rate.pay(MAX_INPUT_BYTES, now)
        room_at = max(room_at, now - requests.INPUT_BURST / requests.INPUT_PER_S)
        room_at += 1 / requests.INPUT_PER_S
        assert room_at <= now, f"piece {piece} would end the session"


def test_how_it_ended_is_sealed(seat):
    piece = seat.session.ended("it was ended", 130)
    assert b"ended" not in piece
    found = seat.far.read(piece)
    assert (found.end, found.error, found.exit_code) == (True, "it was ended", 130)


def test_what_takes_no_input_waits_for_none_and_is_never_idle():
    far, now = FarEnd(), [100.0]
    session = Session(far.key, takes_input=False, clock=lambda: now[0])
    assert session.due_at() is None
    assert session.over_at()[0] > now[0] + 10 * IDLE_S
    assert far.read(session.sealed("err", b"line")).data == b"line"
    with pytest.raises(SessionError, match="the request takes no input"):
        session.take(far.typed(b"x"))
