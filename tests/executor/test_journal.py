"""The journal of switches: what is kept is kept whole, and damage costs one entry only."""

import pytest
from tests.executor.orders import instance, order
from tests.executor.test_switching import NEW, OLD, TRYING, WAITING

from skerry_executor.journal import FOLDER, Journal
from skerry_executor.state import StateError


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "state")


def test_what_is_put_is_there_for_the_next_run_until_it_is_dropped(tmp_path, journal):
    assert journal.load() == ({}, ())
    journal.put({"a-0": TRYING, "b-0": WAITING}, 1)
    journal.put({"b-0": TRYING}, 1)
    again = Journal(tmp_path / "state")
    assert again.load() == ({"a-0": TRYING, "b-0": TRYING}, ())
    again.drop("a-0", 1)
    again.drop("a-0", 1)
    assert list(journal.load()[0]) == ["b-0"]
    assert (tmp_path / "state" / FOLDER).stat().st_mode & 0o777 == 0o700
    journal.clear()
    assert journal.load() == ({}, ())


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-1], lambda data: data + b"x",
     lambda data: data.replace(b"switch 1", b"switch 2"), lambda data: b"x" * (4 * 2**20 + 1)],
)  # fmt: skip
def test_a_damaged_entry_is_said_and_costs_no_other(tmp_path, journal, damage):
    journal.put({"a-0": TRYING, "b-0": WAITING}, 1)
    path = tmp_path / "state" / FOLDER / "a-0.switch"
    path.write_bytes(damage(path.read_bytes()))
    entries, (problem,) = journal.load()
    assert entries == {"b-0": WAITING}
    assert "a-0.switch cannot be used, so that there is no way back" in problem


def test_an_order_that_is_accepted_leaves_what_is_gone_back_to(journal):
    before, after = order(OLD), order(NEW, generation=2)
    with journal.accepting(before, after):
        assert journal.load() == ({NEW.id: WAITING}, ())
    with pytest.raises(StateError, match="a newer order came, generation 2"):
        journal.drop(NEW.id, 1)
    journal.drop(NEW.id, 2)


def test_an_order_that_could_not_be_kept_is_not_the_newest(journal):
    with (
        pytest.raises(StateError, match="full"),
        journal.accepting(order(OLD), order(NEW, generation=2)),
    ):
        raise StateError("full")
    journal.put({"a-0": WAITING}, 1)


def test_without_a_switch_nothing_is_written(tmp_path, journal):
    with journal.accepting(order(instance()), order(instance(revision="2"), generation=2)):
        pass
    assert not (tmp_path / "state" / FOLDER).exists()
