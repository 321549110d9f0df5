"""Parts of an answer, put in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.records import FIRST

from skerry_hub.reply_parts import MOST_AHEAD, Gap, Parts
from skerry_wire.messages import Reply


def part(number):
    return Reply(incarnation=FIRST, boot=1, seq=1, id="r-1", part=number)


def taken(numbers):
    parts = Parts()
    return [one.part for number in numbers for one in parts.take(part(number))]


@pytest.mark.parametrize(
    ("came", "passed_on"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([0, 0, 1, 0, 1], [0, 1]),
        ([2, 1, 0], [0, 1, 2]),
        ([0, 2, 2, 3], [0]),
        ([], []),
    ],
)
def test_they_are_passed_on_in_order_and_once(came, passed_on):
    assert taken(came) == passed_on


def test_parts_that_come_again_later_never_make_a_gap():
    again = [number for number in range(3 * MOST_AHEAD) for _ in range(2)]
    assert taken([*again, *again]) == list(range(3 * MOST_AHEAD))


def test_a_part_that_is_lost_ends_the_answer():
    parts = Parts()
    parts.take(part(0))
    for number in range(2, MOST_AHEAD + 2):
        assert parts.take(part(number)) == []
    with pytest.raises(Gap, match="part 1 of the answer was lost"):
        parts.take(part(MOST_AHEAD + 2))
    assert len(parts.waiting) == MOST_AHEAD + 1


@given(st.permutations(range(MOST_AHEAD)), st.lists(st.integers(0, MOST_AHEAD - 1)))
def test_any_order_with_any_repetition_gives_the_same(order, again):
    assert taken([*order, *again]) == list(range(MOST_AHEAD))
