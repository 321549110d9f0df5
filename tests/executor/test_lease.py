"""How long instances may run: what grants give, and when what is to be ended."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executor.orders import INCARNATION, KEYS, NODE, STRANGER, container, granted, instance

from skerry_executor import lease
from skerry_executor.lease import ENDED, KILL_MARGIN_S, NO_LEASE, Process, Terms
from skerry_executor.order import Identity
from skerry_wire.messages import Grant

BOOT = "boot-1"
EMPTY = Terms(boot_id=BOOT)
CHALLENGE = b"c" * 32
IDENTITY = Identity(node=NODE, incarnation=INCARNATION)


def grant(**durations):
    return Grant(node=NODE, incarnation=INCARNATION, challenge=CHALLENGE, instances=durations)


def given_terms(duration_s=60.0, from_s=100.0, grace_s=10.0):
    wanted = instance("a", stop_grace_s=grace_s)
    terms, _ = lease.granted(EMPTY, grant(a=duration_s), from_s, [wanted])
    return terms


def test_a_lease_counts_from_its_challenge_and_all_has_stopped_at_its_end():
    (term,) = given_terms().terms
    assert term.end_s == pytest.approx(159.97), "0.05 % less than granted"
    assert term.kill_s == term.end_s - KILL_MARGIN_S
    assert term.stop_s == term.kill_s - 10.0


def test_a_short_lease_leaves_two_thirds_of_itself_to_be_renewed_in():
    (term,) = given_terms(duration_s=15.0, from_s=0.0).terms
    assert term.grace_s == pytest.approx(3.0)
    assert term.stop_s == pytest.approx(10.0, abs=0.1)
    (term,) = given_terms(duration_s=5.0, from_s=0.0).terms
    assert term.grace_s == 0.0


def test_what_has_no_lease_or_not_enough_of_it_does_not_start():
    terms = given_terms()
    assert EMPTY.against("a", 0.0) == NO_LEASE
    assert terms.against("a", 146.9) is None
    assert terms.against("a", 147.5) == ENDED
    assert terms.against("b", 100.0) == NO_LEASE


def test_a_renewal_only_ever_counts_from_a_newer_challenge():
    wanted = [instance("a")]
    terms = given_terms(from_s=100.0)
    same, fresh = lease.granted(terms, grant(a=600.0), 100.0, wanted)
    assert (same.lease("a"), fresh) == (terms.lease("a"), frozenset())
    older, _ = lease.granted(terms, grant(a=600.0), 99.0, wanted)
    assert older.lease("a") == terms.lease("a")
    newer, fresh = lease.granted(terms, grant(a=60.0), 120.0, wanted)
    assert newer.lease("a").end_s == pytest.approx(179.97)
    assert fresh == frozenset(), "it runs already"
    shorter, _ = lease.granted(newer, grant(a=20.0), 121.0, wanted)
    assert shorter.lease("a").end_s < newer.lease("a").end_s, "the newest word counts"


def test_after_its_end_a_renewal_lets_it_start_anew():
    terms = lease.with_stopped(given_terms(), ["a"], 159.0)
    assert not terms.held()
    assert terms.against("a", 160.0) == ENDED
    terms, fresh = lease.granted(terms, grant(a=60.0), 200.0, [instance("a")])
    assert fresh == {"a"}
    assert terms.held()
    assert terms.against("a", 201.0) is None


def test_what_is_due_and_when_the_next_is():
    terms = given_terms()
    assert terms.due(147.0) == ()
    assert terms.next_s(147.0) == pytest.approx(147.97)
    assert [one.instance for one in terms.due(148.0)] == ["a"]
    assert terms.next_s(148.0) == pytest.approx(157.97)
    assert terms.next_s(158.0) is None
    assert lease.with_stopped(terms, ["a"], 147.0).held(), "not yet due: it may have crashed"


def test_what_starts_after_it_was_stopped_is_ended_again():
    terms = lease.with_stopped(given_terms(), ["a"], 159.0)
    terms = lease.with_processes(terms, {"a": [Process(pid=7, started=9)]})
    assert [one.instance for one in terms.due(160.0)] == ["a"]
    assert lease.with_processes(terms, {"a": []}).lease("a").processes == ()


def test_a_start_of_the_box_ends_all():
    terms = given_terms()
    assert lease.of_this_boot(terms, BOOT) is terms
    assert lease.of_this_boot(terms, "boot-2") == Terms(boot_id="boot-2")
    assert lease.of_this_boot(None, BOOT) == EMPTY


def test_deadlines_stop_at_their_end_and_kill_after_the_grace():
    terms = lease.with_deadlines(given_terms(), {"job": (500.0, 10.0)}, NODE)
    (term,) = terms.of("job")
    assert (term.stop_s, term.kill_s) == (500.0, 510.0)
    assert terms.lease("job") is None
    again = lease.with_deadlines(terms, {"job": (500.1, 10.0)}, NODE)
    assert again == terms, "a look more is not worth a write"
    assert list(lease.with_deadlines(terms, {}, NODE).of("job")) == []
    assert lease.with_deadlines(terms, {}, NODE).lease("a") is not None


def test_of_what_is_no_longer_ordered_only_what_is_over_is_forgotten():
    terms = given_terms()
    assert lease.without_others(terms, []) == terms
    over = lease.with_stopped(terms, ["a"], 159.0)
    assert lease.without_others(over, ["a"]) == over
    assert lease.without_others(over, []).terms == ()


def test_what_there_is_no_room_for_gets_no_lease():
    many = tuple(
        lease.Term(instance=f"i-{n}", kind="lease", end_s=1.0, grace_s=0.0)
        for n in range(lease.MAX_TERMS)
    )
    full = dataclasses.replace(EMPTY, terms=many)
    terms, _ = lease.granted(full, grant(a=60.0), 0.0, [])
    assert terms.against("a", 0.0) == NO_LEASE


def test_the_slowest_container_says_how_long_an_end_takes():
    parts = [container("a", stop_grace_s=1.0), container("b", stop_grace_s=30.0)]
    assert lease.grace_of(instance("x", containers=parts)) == 30.0


@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.floats(0, 60), st.floats(15, 600)), min_size=1, max_size=8
    )
)
def test_however_late_and_out_of_order_grants_come_none_gives_more_than_the_hub_counts_with(grants):
    # The hub counts from when it grants, which is after the challenge was made.
    terms, latest = EMPTY, 0.0
    for from_s, delay_s, duration_s in grants:
        latest = max(latest, from_s + delay_s + duration_s)
        terms, _ = lease.granted(terms, grant(a=duration_s), from_s, [instance("a")])
        term = terms.lease("a")
        assert term.stop_s <= term.kill_s <= term.end_s <= latest


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"nonsense", "it is not signed"),
        (granted(CHALLENGE, {}, key=STRANGER), "not among the box's trusted keys"),
        (granted(CHALLENGE, {}, node="box-2"), "it is for node box-2"),
        (granted(CHALLENGE, {}, incarnation="f" * 32), "incarnation ffff"),
    ],
)
def test_a_grant_that_is_not_the_hubs_for_this_box_is_refused(data, words):
    assert words in lease.verified(data, KEYS, IDENTITY)


def test_a_grant_is_read():
    found = lease.verified(granted(CHALLENGE, {"a": 60.0}), KEYS, IDENTITY)
    assert (found.challenge, found.instances) == (CHALLENGE, {"a": 60.0})
