"""How much may be on its way: a transcript with a clock of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from skerry_agent.part_window import LEAST, MOST, PartWindow


def sent(window, now, count):
    for _ in range(count):
        assert window.has_room
        window.sent(now)


def test_it_grows_while_the_broker_takes_parts_at_once():
    window = PartWindow()
    sent(window, 0.0, LEAST)
    assert not window.has_room
    window.taken(0.6)
    assert window.size == LEAST + 1
    for _ in range(100):
        sent(window, 1.0, 1)
        window.taken(1.1)
    assert window.size == MOST


def test_a_slow_part_makes_it_small_again():
    window = PartWindow()
    for _ in range(20):
        sent(window, 0.0, 1)
        window.taken(0.1)
    sent(window, 10.0, 3)
    window.taken(11.5)
    assert window.size == MOST, "neither quick nor slow"
    window.taken(12.5)
    assert window.size == LEAST
    assert window.has_room
    window.sent(13.0)
    assert not window.has_room


def test_an_arrival_that_was_not_sent_counts_nothing():
    window = PartWindow()
    window.taken(0.0)
    assert window.size == LEAST
    sent(window, 0.0, LEAST)
    assert not window.has_room


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5))))
def test_no_more_than_the_most_is_ever_on_its_way(story):
    window, now, out = PartWindow(), 0.0, 0
    for sends, pause in story:
        now += pause
        if sends and window.has_room:
            window.sent(now)
            out += 1
        elif not sends:
            window.taken(now)
            out = max(0, out - 1)
        assert out <= MOST
        assert LEAST <= window.size <= MOST
