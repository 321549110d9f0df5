"""Changes of keys over the executor's real socket: what is signed by whom, before and after."""

import threading

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
from tests.executor.client import Client, asked
from tests.executor.orders import NODE, granted, instance, order, requested, signed
from tests.executor.test_serve import Box

from skerry_executor import key_ring
from skerry_executor.sealing import load_or_make
from skerry_wire import codec, envelope
from skerry_wire.messages import Targets
from skerry_wire.order_keys import KeyStanding


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    box.end()


def changed(box, *changes):
    client = Client(box.path).ask(keys=several(*changes))
    reply = client.until(lambda reply: reply.kind == "done")
    assert client.next() is None
    return reply


def accepts(box, key, generation):
    """Say whether an order that a key signed is accepted."""
    outcome = asked(box.path, signed(order(instance(), generation=generation), key))
    return outcome.accepted == generation and outcome.refusal is None


def test_a_rotation_from_end_to_end(box):
    assert accepts(box, OLD, 1)
    assert not accepts(box, NEW, 2)
    reply = changed(box, ROTATED)
    assert reply.error is None
    assert reply.keys == KeyStanding(sequence=10, trusted=tuple(sorted((name(OLD), name(NEW)))))
    assert accepts(box, OLD, 2)
    assert accepts(box, NEW, 3)
    assert changed(box, RETIRED).keys == KeyStanding(sequence=11, trusted=(name(NEW),))
    assert not accepts(box, OLD, 4)
    assert accepts(box, NEW, 4)


def test_each_visit_tells_which_keys_are_trusted(box):
    client = Client(box.path).ask()
    client.done()
    assert client.replies[-1].keys == KeyStanding(trusted=(name(OLD),))
    changed(box, *CHAIN)
    client = Client(box.path).ask(signed(order(instance()), NEWEST))
    client.done()
    assert client.replies[-1].keys == KeyStanding(sequence=21, trusted=(name(NEWEST),))


def test_the_order_that_runs_goes_on_though_its_key_was_retired(box):
    assert accepts(box, OLD, 1)
    changed(box, ROTATED, RETIRED)
    (one,) = box.runtime.containers(NODE)
    box.runtime.remove(one.id)
    assert asked(box.path).reached
    assert len(box.runtime.containers(NODE)) == 1


def test_the_same_order_signed_anew_is_the_same_order(box):
    message = order(instance(), generation=5)
    assert asked(box.path, signed(message, OLD)).reached
    changed(box, ROTATED, RETIRED)
    again = asked(box.path, signed(message, NEW))
    assert (again.accepted, again.refusal) == (5, None)


def test_a_hacked_broker_that_replays_old_changes_gains_nothing(box):
    changed(box, *CHAIN)
    for replay in ((ROTATED,), (ROTATED, RETIRED), (AGAIN,), CHAIN, CHAIN[::-1]):
        changed(box, *replay)
        assert set(key_ring.standing(box.settings).trusted) == {name(NEWEST)}
    assert not accepts(box, OLD, 1)
    assert not accepts(box, NEW, 1)


def test_what_a_thief_of_no_key_sends_is_refused_and_said(box):
    reply = changed(box, change(99, THIEF, [THIEF], [OLD]))
    assert f"key {name(THIEF)} is not among the box's trusted keys" in reply.error
    assert reply.keys == KeyStanding(trusted=(name(OLD),))
    assert not (box.settings.state / key_ring.FILE).exists()


def test_after_retirement_the_old_key_signs_nothing_at_all(box):
    """Targets, grants and requests are verified by the same keys as orders."""
    assert accepts(box, OLD, 1)
    changed(box, ROTATED, RETIRED)
    for key, fits in ((OLD, False), (NEW, True)):
        targets = requested(Targets(node=NODE, issued_at=1.0), key, envelope.seal_targets)
        client = Client(box.path).ask(targets=targets)
        reply = client.until(lambda reply: reply.kind == "done")
        assert (reply.targets is not None) is fits
        grant = granted(Client(box.path).challenge(), {}, key)
        reply = Client(box.path).grant(grant)
        assert (reply.error is None) is fits, reply.error
        assert ("trusted keys" in (reply.error or "")) is not fits


def test_many_changes_at_once_end_with_the_newest(box):
    threads = [
        threading.Thread(target=changed, args=(box, *CHAIN[: 1 + n % len(CHAIN)]))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    changed(box, *CHAIN)
    assert key_ring.standing(box.settings).trusted == (name(NEWEST),)


def test_a_full_disk_keeps_the_old_keys_and_says_so(box):
    changed(box, ROTATED)
    (box.settings.state / f"{key_ring.FILE}.new").mkdir()
    reply = changed(box, ROTATED, RETIRED)
    assert "cannot be written" in reply.error
    assert reply.keys.sequence == 10
    assert accepts(box, OLD, 1)


def test_a_damaged_file_stops_no_workload_and_refuses_what_is_new(box):
    assert accepts(box, OLD, 1)
    changed(box, ROTATED)
    (box.settings.state / key_ring.FILE).write_bytes(b"damaged")
    outcome = asked(box.path)
    assert outcome.reached
    refused = asked(box.path, signed(order(instance(), generation=2), NEW))
    assert refused.refusal.code == "unknown_key"
    assert any("is damaged" in problem for problem in refused.problems)
    assert len(box.runtime.containers(NODE)) == 1


def test_the_key_of_secrets_has_no_part_in_it(box):
    before = load_or_make(box.settings.state).public
    changed(box, *CHAIN)
    assert load_or_make(box.settings.state).public == before
    assert codec.pack(key_ring.load(box.settings.state)).count(public(NEWEST)) == 1
