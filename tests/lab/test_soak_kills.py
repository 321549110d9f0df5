"""What is seen of containers around a kill, and what the kills came to."""

import pytest

from lab.soak_box import Ran
from lab.soak_kills import Kill, differences, table

ONE = Ran("1" * 64, "a-0", 100, 7)
AGAIN = Ran("1" * 64, "a-0", 200, 8)
OTHER = Ran("2" * 64, "a-0", 200, 9)


@pytest.mark.parametrize(
    ("after", "wanted", "changed", "said"),
    [
        ({"a-0": [ONE]}, {"a-0"}, set(), ()),
        ({"a-0": [OTHER]}, {"a-0"}, {"a-0"}, ()),
        ({"a-0": [AGAIN]}, {"a-0"}, set(), ("a-0 was restarted",)),
        ({"a-0": [OTHER]}, {"a-0"}, set(), ("a-0 was restarted",)),
        ({"a-0": [ONE, OTHER]}, {"a-0"}, set(), ("a-0 is there 2 times",)),
        ({"a-0": [ONE, OTHER]}, {"a-0"}, {"a-0"}, ("a-0 is there 2 times",)),
        ({}, {"a-0"}, {"a-0"}, ("a-0 is gone",)),
        ({"a-0": [ONE], "b-0": [OTHER]}, {"a-0"}, set(), ("b-0 is an orphan",)),
    ],
)
def test_what_differs(after, wanted, changed, said):
    found = differences({"a-0": [ONE]}, after, wanted, changed)
    assert tuple(one.split(":")[0] for one in found) == said


@pytest.mark.parametrize(
    ("took_s", "problems", "met"),
    [(5.0, (), True), (5.1, (), False), (None, (), False), (1.0, ("a-0 is gone",), False)],
)
def test_what_is_asked_for(took_s, problems, met):
    kill = Kill(1, "agent", 0.1, (), took_s, problems)
    assert kill.met == met
    assert f"{int(bool(problems))} with something restarted" in table([kill])
