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


def test_several_share_a_whole():
    whole = Effort(5)
    Effort(3, whole).spend(3)
    assert whole.left == 2
    part = Effort(3, whole)
    with pytest.raises(TooMuchError):
        part.spend(3)
    alone = Effort(1, Effort(9))
    with pytest.raises(TooMuchError):
        alone.spend(2)
