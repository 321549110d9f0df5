"""`./dev soak tamper` in small: nothing changed is accepted, and it would be seen if it were."""

import random

import pytest

from lab import soak_tamper, tampering
from lab.soak_progress import Progress
from lab.soak_tamper import KINDS, Tampered, table, tamper


def quiet(wanted):
    return Progress(wanted, "attempts", say=lambda _: None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_of_each_kind_are_refused(kind):
    (found,) = tamper(1000, 7, quiet(1000), [kind])
    assert found.accepted == ()
    assert found.good
    assert (found.tried, found.met) == (1000, True)


class Careless:
    """Takes everything, or nothing."""

    def __init__(self, takes):
        self._takes = takes

    def attempt(self, chance):
        return "something" if self._takes and chance.random() < 0.01 else None

    def accepts_good(self):
        return self._takes

    def close(self):
        pass


@pytest.mark.parametrize("takes", [True, False])
def test_what_takes_anything_or_nothing_is_seen(takes):
    progress = quiet(1500)
    soak_tamper._tamper_with("x", Careless(takes), 1500, random.Random(1), progress)
    assert [one.tried for one in progress.found] == [1000, 500]
    assert not any(one.met for one in progress.found)


def test_what_it_came_to_is_told_by_kind():
    found = [
        Tampered("tokens", 1000, 1.0, (), True),
        Tampered("tokens", 500, 2.0, ("'x'",), True),
        Tampered("requests", 10, 0.1, (), True),
    ]
    assert table(found).splitlines() == [
        "tokens: 1500 changed ones, ACCEPTED: 'x' (3 s)",
        "requests: 10 changed ones, none accepted (0 s)",
    ]


@pytest.mark.parametrize("change", tampering.TEXT)
def test_every_way_to_change_a_text_does(change):
    chance = random.Random(1)
    made = {change("some good text", ["another good one!"], chance) for _ in range(50)}
    assert len(made - {"some good text"}) > 1 or change is tampering._twice


@pytest.mark.parametrize("change", tampering.DATA)
def test_every_way_to_change_bytes_does(change):
    chance, good = random.Random(1), bytes(range(40))
    made = {change(good, [bytes(40)], chance) for _ in range(50)}
    assert len(made - {good}) > 10
