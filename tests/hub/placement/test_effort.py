"""What a search may spend."""

import pytest

from skerry_hub.placement.effort import Effort, TooMuchError


def test_so_much_and_no_more():
    effort = Effort(5)
    effort.spend(3)
    effort.spend(2)
    assert effort.left == 0
    effort.spend(0)
    with pytest.raises(TooMuchError):
        effort.spend(1)
