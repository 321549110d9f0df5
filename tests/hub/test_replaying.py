"""Every decision replays to the same, whatever happened since; what was tampered with is told."""

import dataclasses
import random
import zlib

import pytest
import sqlalchemy as sa
from tests.hub.histories import History, Hub
from tests.hub.records import capability, changed, finished, node, workload

from skerry_hub import desired, draining, tables
from skerry_hub.api.decisions import DecisionAnswers
from skerry_hub.decisions import Asked, Question, outcome_digest
from skerry_hub.fleet_log import packed, unpacked
from skerry_hub.latency import Network, endpoint
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness, Resources
from skerry_hub.placement.coordinates import Coordinates
from skerry_hub.recording import content_of
from skerry_hub.store_opening import open_store
from skerry_hub.terms import Latency, Placement
from skerry_hub.work import put_node
from skerry_hub.writer.calling import BusyError
from skerry_wire.lifecycle import Job

SEEDS = 40
STEPS = 45
GIB = 2**30


@pytest.fixture
def hub(database):
    store = open_store(database)
    yield Hub(store)
    store.close()


def replayed(hub, scored=False):
    """Return every decision made again, the oldest first."""
    answers = DecisionAnswers(hub)
    made, _ = answers.listed(None, None, 1000)
    return [answers.replay(one.seq, scored=scored) for one in reversed(made)]


def results(hub):
    return [(one.seq, one.result, one.difference) for one in replayed(hub)]


def changes(hub, seq=1):
    return [(one.action, one.instance) for one in hub.store.decision(seq).answer.changes]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_decision_of_a_random_history_replays_to_the_same(tmp_path, seed):
    hub = Hub(open_store(f"sqlite:///{tmp_path / 'hub.db'}"))
    History(hub, random.Random(seed)).run(STEPS)
    found = results(hub)
    assert found, "nothing was decided"
    assert [one for one in found if one[1] != "same"] == []
    hub.store.close()


def test_a_random_history_replays_from_each_kind_of_database(hub):
    History(hub, random.Random(7)).run(2 * STEPS)
    found = results(hub)
    assert len(found) > 10
    assert [one for one in found if one[1] != "same"] == []


# --- one decision, and all that may happen after it ------------------------------------------


def shop(hub, replicas=2, **fields):
    """Let two nodes come, and place a shop on them."""
    for name in ("box-1", "box-2"):
        hub.call(lambda work, name=name: put_node(work, node(name)))
    one = workload(replicas=replicas, resources=Resources(memory_bytes=3 * GIB), **fields)
    hub.call(lambda work: desired.apply(work, [one], prune=False))
    return one


def label(hub):
    hub.call(lambda work: desired.label(work, hub.known.nodes["box-1"], {"site": "quay-3"}, ()))


def drain(hub):
    hub.call(lambda work: draining.drain(work, hub.known.nodes["box-1"], force=True))


def lose_and_forget(hub):
    hub.judge("box-2", Liveness.LOST)
    hub.call(lambda work: desired.forget(work, hub.known.nodes["box-2"]))


def come_again(hub):
    lose_and_forget(hub)
    hub.call(lambda work: put_node(work, node("box-2", capability=None)))


def delete(hub):
    hub.call(lambda work: desired.delete(work, "shop-web"))


def another(hub):
    one = workload("shop-db", replicas=1, resources=Resources(memory_bytes=GIB))
    hub.call(lambda work: desired.apply(work, [one], prune=True))


@pytest.mark.parametrize(
    "later", [label, drain, lose_and_forget, come_again, delete, another, Hub.start]
)
def test_what_happened_later_changes_no_replay(hub, later):
    shop(hub)
    later(hub)
    assert {result for _, result, _ in results(hub)} == {"same"}
    assert changes(hub) == [("create", "shop-web-0"), ("create", "shop-web-1")]


def test_a_drain_that_left_a_finished_job_alone_replays(hub):
    shop(hub, lifecycle=Lifecycle(job=Job()))
    first = next(one for one in hub.known.assignments.values() if one.node == "box-1")
    ended = changed(finished(first.id), revision=first.revision)
    hub.call(lambda work: work.draft.assignments.put(first.id, ended))
    plan = hub.call(lambda work: draining.drain(work, hub.known.nodes["box-1"], force=True))
    assert [(one.action, one.instance) for one in plan.changes] == [("keep", first.id)]
    hub.call(lambda work: desired.delete(work, "shop-web"))
    assert {result for _, result, _ in results(hub)} == {"same"}


def test_hardware_that_a_node_has_no_more_is_kept_for_replay(hub):
    shop(hub)
    assert hub.store.blobs({"x"}) == {}
    more = capability(revision="e" * 16, hostname="new")
    hub.call(lambda work: put_node(work, changed(hub.known.nodes["box-1"], capability=more)))
    assert results(hub) == [(1, "same", "")]
    with hub.store._engine.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.fleet_blobs)) == 1
        connection.execute(sa.delete(tables.fleet_blobs))
    ((_, result, difference),) = results(hub)
    assert (result, difference) == (
        "other_inputs",
        "the hardware that node box-1 had is not kept any more",
    )


def test_a_decision_is_held_to_the_round_trip_times_that_it_read(hub):
    near = Placement(latency=(Latency(to="endpoint", name="erp", max_ms=30.0),))
    coordinates = Coordinates()
    for name, ms in (("box-1", 50.0), ("box-2", 5.0)):
        coordinates.observe(name, {endpoint("erp"): ms})
    hub.network = Network(coordinates)
    shop(hub, placement=near)
    kept = hub.store.decision(1)
    assert [one.node for one in kept.answer.assignments] == ["box-2", "box-2"]
    hub.network = Network()
    assert results(hub) == [(1, "same", "")]
    with hub.store._engine.begin() as connection:
        connection.execute(sa.update(tables.fleet_blobs).values(content=zlib.compress(b"\x90")))
    ((_, result, difference),) = results(hub)
    assert result == "other_inputs"
    assert "round-trip times" in difference
    assert "damaged" in difference


def test_a_decision_about_a_limit_that_was_changed_replays_to_the_same(hub):
    coordinates = Coordinates()
    for name, ms in (("box-1", (90.0, 110.0)), ("box-2", (5.0, 6.0))):
        for one in ms:  # no time is wholly sure
            coordinates.observe(name, {endpoint("erp"): one})
    hub.network = Network(coordinates)
    one = shop(hub)
    for most in (500.0, 50.0):
        near = Placement(latency=(Latency(to="endpoint", name="erp", max_ms=most),))
        asked = dataclasses.replace(one, placement=near)
        hub.call(lambda work, asked=asked: desired.apply(work, [asked], prune=False))
    (_, moved) = (hub.store.decision(seq) for seq in (1, 2))
    (change,) = [step for step in moved.answer.changes if step.action == "move"]
    assert (change.node, change.detail.partition("erp ")[0]) == (
        "box-2",
        "from box-1: round trip to endpoint:",
    )
    assert moved.record.question.wanted[0].limits == ("latency to endpoint erp",)
    hub.network = Network()
    assert results(hub) == [(1, "same", ""), (2, "same", "")]


def test_a_decision_by_who_else_is_wanted_replays_to_the_same(hub):
    for name in ("box-1", "box-2"):
        hub.call(lambda work, name=name: put_node(work, node(name)))
    packed = Placement(strategy="pack")
    room = Resources(memory_bytes=2 * GIB)
    bound = workload(
        name="bound",
        replicas=3,
        resources=room,
        expressions=("node.id == box-1",),
        placement=packed,
    )
    free = workload(name="free", replicas=1, resources=room, placement=packed)
    hub.call(lambda work: desired.apply(work, [bound, free], prune=False))
    # Else it would fill the fuller one.
    assert [one.node for one in hub.known.of_workload("free")] == ["box-2"]
    hub.call(lambda work: desired.delete(work, "bound"))
    found = replayed(hub, scored=True)
    assert [one.result for one in found] == ["same"] * 3
    steps = [change for one in found for change in one.changes if change.workload == "free"]
    assert any("uncontended" in change.scores for change in steps)


def test_scores_are_those_by_which_the_nodes_were_chosen(hub):
    shop(hub)
    (found,) = replayed(hub, scored=True)
    assert [one.instance for one in found.changes] == ["shop-web-0", "shop-web-1"]
    assert all(one.score is not None and one.scores for one in found.changes)


# --- what was tampered with -------------------------------------------------------------------


def test_a_log_that_was_changed_is_told(hub):
    shop(hub)
    label(hub)
    newest = hub.store.newest_log()
    ((_, content),) = hub.store.fleet_log(newest, newest)
    ((section, name, fields),) = unpacked(content, "log")
    wrong = packed([[section, name, {**fields, "labels": {"site": "elsewhere"}}]])
    with hub.store._engine.begin() as connection:
        at = tables.fleet_log.c.seq == newest
        connection.execute(sa.update(tables.fleet_log).where(at).values(content=wrong))
    assert results(hub) == [(1, "other_inputs", "the nodes are not those that it was made from")]


def test_a_log_that_is_damaged_is_told(hub):
    shop(hub)
    label(hub)
    newest = hub.store.newest_log()
    with hub.store._engine.begin() as connection:
        at = tables.fleet_log.c.seq == newest
        connection.execute(sa.update(tables.fleet_log).where(at).values(content=b"no"))
    ((_, result, difference),) = results(hub)
    assert result == "other_inputs"
    assert f"the fleet's log at {newest} is damaged" in difference


def test_a_record_that_was_changed_behind_the_hub_is_told(hub):
    shop(hub)
    rich = changed(hub.known.nodes["box-1"], labels={"site": "elsewhere"})
    hub.known.nodes["box-1"] = rich
    hub.known._inputs = None
    assert results(hub) == [(1, "other_inputs", "the nodes are not those that it was made from")]


def rewritten(hub, change):
    """Store the first decision otherwise than it was."""
    kept = hub.store.decision(1)
    content = content_of(*change(kept.record, kept.answer))
    with hub.store._engine.begin() as connection:
        connection.execute(sa.update(tables.decisions).values(content=content))


def other_question(record, answer):
    asked = Asked(workload=workload(replicas=1), keep=False)
    return changed(record, question=Question(method="decide", wanted=(asked,))), answer


def other_time(record, answer):
    return changed(record, at=record.at + 1), answer


def other_answer(record, answer):
    return record, changed(answer, ended=("shop-web-7",))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_question, "what was asked, the time or the round-trip times"),
        (other_time, "what was asked, the time or the round-trip times"),
        (other_answer, "what came of it is not stored as it was"),
    ],
)
def test_a_decision_that_was_changed_is_told(hub, change, says):
    shop(hub)
    rewritten(hub, change)
    ((_, result, difference),) = results(hub)
    assert result == "other_inputs"
    assert says in difference


def test_an_engine_that_decides_otherwise_is_told_with_the_first_difference(hub):
    shop(hub)
    kept = hub.store.decision(1)
    # As if another engine had decided: its answer, with that answer's digest.
    (first, *others) = kept.answer.changes
    answer = changed(kept.answer, changes=(changed(first, node="box-9"), *others))
    record = changed(kept.record, outcome=outcome_digest(answer), engine="0.0.1")
    rewritten(hub, lambda *_: (record, answer))
    (found,) = replayed(hub)
    assert found.result == "other_outcome"
    assert found.difference == "shop-web-0: create on box-9, and now create on box-1"
    assert (found.engine, found.outcome != found.outcome_now) == ("0.0.1", True)


def test_one_replay_at_a_time(hub):
    shop(hub)
    answers = DecisionAnswers(hub)
    with answers._replaying, pytest.raises(BusyError, match="another decision is being replayed"):
        answers.replay(1, scored=False)
    assert answers.replay(1, scored=False).result == "same"


def test_what_is_not_kept_any_more_is_said(hub):
    shop(hub)
    with hub.store._engine.begin() as connection:
        connection.execute(sa.delete(tables.fleet_log))
    label(hub)
    assert results(hub) == [(1, "not_kept", "its inputs are not kept any more")]
