"""Which keys a box trusts after changes of them, and what no change can do."""

import dataclasses

import pytest
from tests.executor.changes import (
    AGAIN,
    CHAIN,
    NEW,
    NEWEST,
    OLD,
    RETIRED,
    ROTATED,
    THIEF,
    change,
    name,
    public,
    several,
)
from tests.executor.orders import KEYS, order, signed

from skerry_executor.key_changes import MAX_RETIRED, KeyRing, LearnedKey, Taken, taken, trusted
from skerry_wire import codec, envelope
from skerry_wire.messages import Envelope
from skerry_wire.order_keys import MAX_TRUSTED

NONE = KeyRing()


def after(*changes, ring=NONE, by_root=KEYS):
    found = taken(several(*changes), ring, by_root)
    assert isinstance(found, Taken), found
    return found


def trusts(ring, by_root=KEYS):
    return set(trusted(ring, by_root))


def test_a_rotation_adds_a_key_and_then_retires_the_old_one():
    rotated = after(ROTATED)
    assert rotated.refused is None
    assert trusts(rotated.ring) == {name(OLD), name(NEW)}
    retired = after(RETIRED, ring=rotated.ring)
    assert retired.refused is None
    assert trusts(retired.ring) == {name(NEW)}, "root's file is still there"


def test_a_box_that_was_away_for_two_rotations_follows_the_chain():
    found = after(*CHAIN)
    assert found.refused is None
    assert trusts(found.ring) == {name(NEWEST)}
    assert found.ring.sequence == 21


def test_one_that_joined_in_the_midst_passes_over_what_was_before():
    by_root = {name(NEW): public(NEW)}
    found = after(*CHAIN, by_root=by_root)
    assert found.refused is None
    assert trusts(found.ring, by_root) == {name(NEWEST)}
    assert after(ROTATED, by_root=by_root).refused == (
        f"key {name(OLD)} is not among the box's trusted keys"
    )


def test_the_same_again_changes_nothing_and_is_no_trouble():
    once = after(*CHAIN)
    again = after(*CHAIN, ring=once.ring)
    assert (again.ring, again.refused) == (once.ring, None)


@pytest.mark.parametrize("replayed", CHAIN[:-1])
def test_an_old_change_brings_no_retired_key_back(replayed):
    found = after(*CHAIN)
    replay = after(replayed, ring=found.ring)
    assert replay.ring == found.ring
    assert replay.refused is not None


def test_what_is_older_is_refused_though_a_trusted_key_signed_it():
    found = after(ROTATED, AGAIN)
    assert after(change(15, NEW, [NEW]), ring=found.ring).refused == (
        "change 15 is older than 20, which was taken"
    )


def test_no_newer_change_brings_a_retired_key_back_either():
    found = after(ROTATED, RETIRED)
    back = after(change(99, NEW, [NEW, OLD]), ring=found.ring)
    assert back.ring == found.ring
    assert f"would bring back {name(OLD)}" in back.refused


def test_a_thief_of_the_old_key_is_refused_once_it_is_retired():
    found = after(ROTATED, RETIRED)
    stolen = after(change(99, OLD, [THIEF], [NEW]), ring=found.ring)
    assert stolen.ring == found.ring
    assert "is not among the box's trusted keys" in stolen.refused


def test_a_stolen_key_can_be_retired_by_the_very_change_that_names_the_next():
    found = after(change(10, OLD, [NEW], [OLD]))
    assert trusts(found.ring) == {name(NEW)}


def test_what_was_learned_by_a_key_that_root_took_away_counts_no_more():
    """A box that joins at another hub obeys the former one no more, whatever it learned of it."""
    found = after(*CHAIN).ring
    other = {name(THIEF): public(THIEF)}
    assert trusts(found, other) == {name(THIEF)}
    further = after(change(99, NEWEST, [NEW]), ring=found, by_root=other)
    assert further.ring == found
    assert "is not among the box's trusted keys" in further.refused
    assert trusts(found) == {name(NEWEST)}, "and again where root puts it back"


def test_a_newer_key_in_root_s_file_is_where_all_begins_anew():
    found = after(ROTATED, RETIRED).ring
    renewed = {name(NEW): public(NEW)}
    assert trusts(found, renewed) == {name(NEW)}
    later = after(AGAIN, ring=found, by_root=renewed).ring
    assert trusts(later, renewed) == {name(NEW), name(NEWEST)}


def test_two_hubs_keys_go_back_each_to_its_own_file():
    both = {**KEYS, name(THIEF): public(THIEF)}
    found = after(ROTATED, change(12, THIEF, [THIEF, NEWEST]), by_root=both).ring
    assert trusts(found, both) == {name(OLD), name(NEW), name(THIEF), name(NEWEST)}
    assert trusts(found, KEYS) == {name(OLD), name(NEW)}


def test_what_root_put_there_is_trusted_beside_what_was_learned():
    other = {**KEYS, name(THIEF): public(THIEF)}
    assert trusts(after(ROTATED, RETIRED).ring, other) == {name(NEW), name(THIEF)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (change(5, THIEF, [THIEF]), "is not among the box's trusted keys"),
        (signed(order()), "is no change of keys"),
        (change(0, OLD, [NEW]), "sequence 0"),
        (change(5, OLD, [], [OLD]), "no key to be trusted"),
        (change(5, OLD, [OLD], [OLD]), "at once"),
        (codec.encode(dataclasses.replace(codec.decode(Envelope, ROTATED), type=envelope.PLAIN)),
         "the signature is not that of key"),
        (codec.encode(dataclasses.replace(codec.decode(Envelope, ROTATED), key_id=name(NEW))),
         "is not among"),
        (b"\xc1", "it is not signed"),
        (b"", "it is not signed"),
    ],
)  # fmt: skip
def test_what_is_no_change_of_the_hub_is_refused_with_the_reason(data, reason):
    found = after(data)
    assert found.ring == NONE
    assert reason in found.refused


def test_a_change_that_does_not_fit_silences_no_other():
    assert after(change(5, THIEF, [THIEF]), ROTATED).ring == after(ROTATED).ring


def test_bytes_that_are_no_changes_are_said():
    assert "no changes of keys" in taken(b"\xc1", NONE, KEYS)


def test_a_box_remembers_only_so_many():
    learned = tuple(
        LearnedKey(key=bytes([n]) * 32, root=public(OLD)) for n in range(100, 100 + MAX_TRUSTED)
    )
    full = KeyRing(sequence=1, learned=learned)
    assert "too many keys" in after(ROTATED, ring=full).refused
    retired = tuple(n.to_bytes(32, "big") for n in range(MAX_RETIRED))
    newer = LearnedKey(key=public(NEW), root=public(OLD))
    full = KeyRing(sequence=1, learned=(newer,), retired=retired)
    assert "too many keys" in after(RETIRED, ring=full).refused
