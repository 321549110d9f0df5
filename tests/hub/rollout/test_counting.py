"""How many a part is: rounded up, and never none."""

import pytest

from skerry_hub.rollout.counting import many


@pytest.mark.parametrize(
    ("amount", "total", "count"),
    [("1", 10, 1), ("25%", 12, 3), ("25%", 13, 4), ("1%", 3, 1), ("100%", 7, 7), ("30", 4, 30)],
)
def test_an_amount_of_so_many(amount, total, count):
    assert many(amount, total) == count
