"""The writer: a real store, its own thread, and a broker that does as it is told."""

import concurrent.futures
import contextlib
import os
import shutil
import sqlite3
import threading
import time

import pytest
import sqlalchemy.exc
from tests.hub.records import (
    AT_ONCE,
    FIRST,
    SECOND,
    event,
    heartbeat,
    presence,
    report,
    status,
    workload,
)
from tests.hub.rig import Rig, count, until

from skerry_hub import desired, documenting
from skerry_hub.api.node_answers import NodeAnswers
from skerry_hub.documents import Endpoint, Window
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness, Resources
from skerry_hub.patience import Patience
from skerry_hub.store import Store
from skerry_hub.store_opening import open_store
from skerry_hub.terms import Affinity, Latency, Placement
from skerry_hub.work import RefusedError
from skerry_hub.writer import inbox
from skerry_hub.writer.calling import BusyError
from skerry_wire import codec
from skerry_wire.lifecycle import Job, JobStatus
from skerry_wire.messages import InstanceState, Reply, Request

LARGE = Resources(memory_bytes=5 * 2**30)


@pytest.fixture
def rigs(tmp_path):
    """Makes lives of one hub; ends those that a test did not."""
    made = []

    def make(folder=None, **fields):
        rig = Rig(folder or tmp_path, **fields)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.stop()


@pytest.fixture
def rig(rigs):
    return rigs().start()


@contextlib.contextmanager
def failing(folder, table="nodes"):
    """A database that refuses what touches a table, until the block is left."""
    with sqlite3.connect(folder / "hub.db", timeout=30) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        yield
    finally:
        with sqlite3.connect(folder / "hub.db", timeout=30) as database:
            database.execute(f"ALTER TABLE away RENAME TO {table}")
        database.close()


# --- durable first ------------------------------------------------------------------------


def test_a_message_is_acknowledged_only_once_it_is_in_the_database(rig):
    seen = []
    said = rig.say("box-1", presence(), on_ack=lambda: seen.append(rig.store.load().nodes))
    assert said.wait(20)
    assert set(seen[0]) == {"box-1"}


@pytest.mark.sqlite_file
def test_a_store_that_fails_and_heals_loses_nothing(rig, tmp_path):
    rig.join("box-1")
    with failing(tmp_path):
        said = [rig.say("box-2", presence()), rig.say("box-1", event("e-1"))]
        with pytest.raises(BusyError, match="store fails"):
            rig.apply(workload())
        with pytest.raises(BusyError, match="no such table"):
            rig.apply(workload())
        assert not any(one.is_set() for one in said)
    assert all(one.wait(20) for one in said)
    found = rig.store.load()
    assert set(found.nodes) == {"box-1", "box-2"}
    assert "e-1" in [one.id for one in rig.store.events()]
    assert found.workloads == {}, "what was refused was not done"
    assert rig.apply(workload()).created == ("shop-web",)


@pytest.mark.sqlite_file
def test_a_message_that_the_database_never_takes_holds_up_no_other(rig, tmp_path):
    with sqlite3.connect(tmp_path / "hub.db", timeout=30) as database:
        database.execute(
            "CREATE TRIGGER bad BEFORE INSERT ON nodes WHEN NEW.id = 'box-bad'"
            " BEGIN SELECT RAISE(ABORT, 'never'); END"
        )
    database.close()
    before = count("presence", "failed")
    said = [rig.say(name, presence()) for name in ("box-1", "box-bad", "box-2")]
    assert all(one.wait(20) for one in said)
    assert set(rig.store.load().nodes) == {"box-1", "box-2"}
    assert count("presence", "failed") == before + 1


class Doubtful(Store):
    """A database that takes a transaction, and whose answer is lost on the way."""

    loses = False

    def commit(self, draft, known):
        queued = super().commit(draft, known)
        if self.loses:
            self.loses = False
            raise sqlalchemy.exc.OperationalError("COMMIT", {}, Exception("connection lost"))
        return queued


def test_a_commit_in_doubt_is_looked_at_before_anything_else_is_decided(rigs, tmp_path):
    store = Doubtful(open_store(f"sqlite:///{tmp_path / 'hub.db'}")._engine)
    rig = rigs(store=store).start()
    rig.join("box-1")
    store.loses = True
    with pytest.raises(BusyError, match="connection lost"):
        rig.apply(workload())
    again = rig.apply(workload())
    assert again.unchanged == ("shop-web",), "the database had taken it"
    until("the order", rig.orders)
    orders = rig.orders()
    assert {(one.generation, len(one.instances)) for one in orders} == {(1, 1)}
    assert len(set(rig.broker.payloads("skerry/v1/nodes/box-1/order"))) == 1, "one content"
    store.loses = True
    assert rig.say("box-1", report(seq=2, accepted=0)).wait(20)
    assert rig.store.load().nodes["box-1"] == rig.node()


# --- orders -------------------------------------------------------------------------------


def test_an_apply_is_placed_ordered_and_published_once(rig):
    rig.join("box-1")
    plan = rig.apply(workload())
    assert [change.action for change in plan.changes] == ["create"]
    (order,) = until("the order", rig.orders)
    assert [one.id for one in order.instances] == ["shop-web-0"]
    rig.apply(workload())
    rig.idle()
    assert len(rig.orders()) == 1
    until("the outbox to be empty", lambda: rig.store.outbox_count() == 0)


def test_a_plan_leaves_no_trace(rig):
    rig.join("box-1")
    assert rig.apply(workload(), dry=True).created == ("shop-web",)
    rig.idle()
    assert (rig.orders(), rig.store.load().workloads) == ([], {})
    assert rig.service.columns.assigned("box-1") == ()


def next_life(rigs, rig, **fields):
    rig.stop()
    return rigs(key=rig.key, **fields).start()


def test_a_hub_that_has_started_orders_nothing_before_it_has_heard_a_report(rigs, rig):
    rig.join("box-1")
    rig.apply(workload())
    until("the order", rig.orders)
    rig = next_life(rigs, rig)
    rig.apply(workload(image="localhost/web:2"))
    rig.idle()
    assert [one.generation for one in rig.orders()] == [], "nothing was waiting, nothing is due"
    assert rig.say("box-1", report(seq=2, accepted=1, digest=rig.node().digest)).wait(20)
    until("the order", rig.orders)
    assert rig.orders()[-1].generation == 2


def test_a_report_that_the_broker_had_kept_is_not_enough_until_its_node_beats(rigs, rig):
    # Hub and broker may both be copies of yesterday.
    rig.join("box-1")
    rig = next_life(rigs, rig)
    rig.join("box-1", retained=True)
    rig.apply(workload())
    rig.idle()
    assert rig.orders() == []
    rig.beat("box-1", heartbeat(seq=2))
    until("the order", rig.orders)


def images(order):
    return [container.image for one in order.instances for container in one.containers]


def test_a_box_made_anew_is_ordered_nothing_before_it_reports(rig):
    rig.join("box-1")
    rig.apply(workload())
    until("the order", rig.orders)
    assert rig.say("box-1", presence(incarnation=SECOND)).wait(20)
    rig.apply(workload(image="localhost/web:2"))
    rig.idle()
    assert len(rig.orders()) == 1
    rig.say("box-1", report(incarnation=SECOND))
    until("its order", lambda: images(rig.orders()[-1]) == ["localhost/web:2"])
    assert {one.incarnation for one in rig.orders()[1:]} == {SECOND}
    assert rig.orders()[1].generation == 2


@pytest.mark.sqlite_file
def test_an_older_database_holds_the_nodes_that_are_ahead_of_it(rigs, rig, tmp_path):
    rig.join("box-1", "box-2")
    rig.apply(workload(replicas=2))
    until("the orders", lambda: rig.orders() and rig.orders("box-2"))
    ahead = rig.node().digest
    rig.stop()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "hub.db", copy)
    rig = rigs(key=rig.key).start()
    for name in ("box-1", "box-2"):
        rig.join(name, seq=2, accepted=1, digest=rig.node(name).digest)
    rig.apply(workload(replicas=2), workload("other-web"))
    until("the second order", lambda: len(rig.orders()) == 1)
    newest = rig.node().digest
    assert newest != ahead

    restored = next_life(rigs, rig, folder=copy)
    restored.join("box-1", seq=3, accepted=2, digest=newest)
    restored.join("box-2", seq=3, accepted=1, digest=restored.node("box-2").digest)
    assert "ahead of this hub" in restored.node().diverged
    assert restored.node("box-2").diverged is None
    restored.service.call(lambda work: desired.delete(work, "shop-web"))
    until("the other's order", lambda: restored.orders("box-2"))
    restored.idle()
    assert restored.orders() == [], "nothing is removed from a node that is held"


def test_an_order_of_the_same_number_and_another_content_holds_the_node(rig):
    rig.join("box-1")
    rig.apply(workload())
    until("the order", rig.orders)
    assert rig.say("box-1", report(seq=2, accepted=1, digest="f" * 64)).wait(20)
    assert "another content" in rig.node().diverged


def test_a_node_that_is_behind_and_there_is_sent_its_order_again(rigs, rig):
    rig.join("box-1")
    rig.apply(workload())
    until("the order", rig.orders)
    until("the outbox to be empty", lambda: rig.store.outbox_count() == 0)
    rig = next_life(rigs, rig)
    rig.idle()
    assert rig.orders() == []
    rig.join("box-1", seq=2)
    until("the order again", rig.orders)
    assert [one.generation for one in rig.orders()] == [1]


def test_what_the_broker_has_not_acknowledged_is_said_again_when_it_is_back(rig):
    rig.join("box-1")
    rig.broker.holds_back = True
    rig.apply(workload())
    until("the order", rig.orders)
    assert rig.store.outbox_count() == 1
    rig.broker.go_away()
    rig.apply(workload(image="localhost/web:2", lifecycle=AT_ONCE))
    assert rig.store.outbox_count() == 1, "the newest order of a node is the one that counts"
    rig.broker.holds_back = False
    before = len(rig.orders())
    rig.broker.come_back()
    until("the newest order", lambda: len(rig.orders()) > before)
    assert {one.generation for one in rig.orders()[before:]} == {2}
    until("the outbox to be empty", lambda: rig.store.outbox_count() == 0)


def test_a_broker_that_lost_everything_gets_everything_again(rig):
    rig.join("box-1")
    rig.apply(workload())
    until("the order", rig.orders)
    rig.broker.go_away()
    rig.broker.sent.clear()
    rig.broker.come_back()
    until("presence", lambda: rig.broker.payloads("skerry/v1/hub/presence"))
    until("the order", rig.orders)
    until("the node's view", lambda: rig.broker.payloads("skerry/v1/fleet/box-1"))
    until("the workload's view", lambda: rig.broker.payloads("skerry/v1/workloads/shop-web"))


# --- what waits ---------------------------------------------------------------------------


def test_what_found_no_node_is_placed_when_one_joins_and_when_room_is_made(rig):
    plan = rig.apply(workload("shop-a", resources=LARGE), workload("shop-b", resources=LARGE))
    assert len(plan.unplaced) == 2
    rig.join("box-1")
    until("the first", lambda: rig.service.known.of_workload("shop-a"))
    assert rig.service.known.of_workload("shop-b") == ()
    rig.service.call(lambda work: desired.delete(work, "shop-a"))
    until("the second", lambda: rig.service.known.of_workload("shop-b"))
    until("its order", lambda: [i.id for i in rig.orders()[-1].instances] == ["shop-b-0"])


def test_what_a_job_had_is_given_to_who_waits_as_soon_as_it_has_failed_for_good(rig):
    rig.join("box-1")
    job = workload("shop-a", resources=LARGE, lifecycle=Lifecycle(job=Job()))
    assert len(rig.apply(job, workload("shop-b", resources=LARGE)).unplaced) == 1
    until("its order", rig.orders)
    ended = JobStatus(runs=1, attempts=4, succeeded=False)
    told = status("shop-a-0", InstanceState.FAILED, revision=job.revision, job=ended)
    said = report(seq=2, accepted=1, digest=rig.node().digest, instances=(told,))
    rig.say("box-1", said)
    until("the other", lambda: rig.service.known.of_workload("shop-b"))
    assert rig.service.known.assignments["shop-a-0"].finished.status == told
    until("its order", lambda: len(rig.orders()[-1].instances) == 2)


def test_what_waits_for_the_end_of_a_time_of_maintenance_is_placed_then(rig):
    rig.join("box-1")
    window = Window(name="night", start=time.time() - 60, duration_s=63)
    rig.service.call(lambda work: documenting.put(work, window))
    assert len(rig.apply(workload()).unplaced) == 1
    until("it to be placed", lambda: rig.service.known.of_workload("shop-web"))
    assert time.time() >= window.start + window.duration_s


def test_what_waits_for_a_distance_is_placed_when_it_is_known_and_what_waits_for_that_too(rig):
    rig.join("box-1")
    erp = Endpoint(name="erp", host="erp.example", port=443)
    rig.service.call(lambda work: documenting.put(work, erp))
    near = Latency(to="endpoint", name="erp", max_ms=20)
    beside = Affinity(workload="shop-web")
    plan = rig.apply(
        workload(placement=Placement(latency=(near,))),
        workload("shop-log", placement=Placement(affinity=(beside,))),
    )
    assert len(plan.unplaced) == 2
    topic = "skerry/v1/nodes/box-1/targets"
    until("the endpoint to be a target", lambda: b"erp" in b"".join(rig.broker.payloads(topic)))
    rig.beat("box-1", heartbeat(seq=1, round_trip_ms={"endpoint/erp": 12.5}))
    until("it to be placed", lambda: rig.service.known.of_workload("shop-web"))
    until("the other", lambda: rig.service.known.of_workload("shop-log"))


def test_nothing_is_filled_while_nothing_has_changed(rig):
    rig.join("box-1")
    rig.apply(workload(replicas=2, resources=LARGE))
    rig.idle()
    before = rig.service.changes.count
    rig.beat("box-1", heartbeat())
    rig.idle()
    assert rig.service.changes.count == before


# --- heartbeats and liveness --------------------------------------------------------------


def test_heartbeats_are_taken_by_who_is_known_and_only_newer_ones(rig):
    rig.join("box-1")
    taken, stale = count("heartbeat", "taken"), count("heartbeat", "stale")
    for seq in (1, 2, 2, 1, 3):
        rig.beat("box-1", heartbeat(seq=seq, load_1m=float(seq)))
    rig.beat("ghost-1", heartbeat(seq=9))
    rig.beat("box-1", heartbeat(incarnation=SECOND, seq=9))
    until("them", lambda: count("heartbeat", "stale") == stale + 4)
    assert count("heartbeat", "taken") == taken + 3
    assert rig.service.columns.sample("box-1").load_1m == 3.0


def test_silence_is_judged_only_by_a_hub_that_can_listen(rigs):
    rig = rigs(patience=Patience(unreachable_s=0.01, lost_s=3600)).start()
    rig.broker.go_away()
    rig.join("box-1")
    ticks = rig.service._watch
    for _ in range(2):
        before = ticks._ticked
        until("a second", lambda before=before: ticks._ticked != before)
    assert rig.node().liveness is Liveness.ONLINE
    rig.broker.come_back()
    before = ticks._ticked
    until("a second more", lambda: ticks._ticked != before and ticks.listening)
    assert rig.node().liveness is Liveness.ONLINE, "it may be coming back"
    ticks._back_by = 0.0
    until("judgement", lambda: rig.node().liveness is Liveness.UNREACHABLE)
    kinds = [one.kind for one in rig.store.events(node="box-1")]
    assert kinds == ["registered", "online", "unreachable"]


# --- nonsense -----------------------------------------------------------------------------

NONSENSE = [b"", b"\xc1", b"\x91" * 5000, b"{}", b"\x80", os.urandom(300), b"x" * 300_000]


@pytest.mark.parametrize("topic", ["presence", "capability", "report", "event", "reply"])
def test_nonsense_is_counted_acknowledged_and_changes_nothing(rig, topic):
    rig.join("box-1")
    known, before = rig.node(), count(topic, "malformed")
    acknowledged = []
    for payload in NONSENSE:
        where = f"skerry/v1/nodes/box-1/{topic}"
        rig.service.on_message(where, payload, lambda: acknowledged.append(1))
    rig.idle()
    assert count(topic, "malformed") == before + len(NONSENSE)
    assert len(acknowledged) == len(NONSENSE)
    assert rig.node() == known


@pytest.mark.parametrize(
    "topic",
    ["", "a/b", "skerry/v1/nodes/UPPER/presence", "skerry/v1/nodes/box-1/order",
     "skerry/v1/nodes/box-1/nonsense", "skerry/v1/hub/presence", "skerry/v1/nodes//presence",
     "skerry/v2/nodes/box-1/presence", "skerry/v1/nodes/box-1/request/probe", "x" * 60_000],
)  # fmt: skip
def test_a_topic_that_is_none_of_the_nodes_is_counted_and_acknowledged(rig, topic):
    before, acknowledged = count("other", "malformed"), []
    rig.service.on_message(topic, codec.encode(presence()), lambda: acknowledged.append(1))
    assert count("other", "malformed") == before + 1
    assert acknowledged == [1]


def test_heartbeats_of_nonsense_are_counted(rig):
    before = count("heartbeat", "malformed")
    for payload in NONSENSE:
        rig.service.on_heartbeat("skerry/v1/nodes/box-1/heartbeat", payload)
    rig.service.on_heartbeat("skerry/v1/nodes/UPPER/heartbeat", codec.encode(heartbeat()))
    assert count("heartbeat", "malformed") == before + len(NONSENSE) + 1


# --- many ---------------------------------------------------------------------------------


def test_a_burst_of_messages_is_kept_whole_in_few_transactions(rig):
    rig.join("box-1")
    said = [rig.say("box-1", event(f"e-{number}")) for number in range(5000)]
    again = [rig.say("box-1", event(f"e-{number}")) for number in range(0, 5000, 50)]
    assert all(one.wait(60) for one in (*said, *again))
    kept = [one.id for one in rig.store.events(limit=10_000) if one.kind == "exited"]
    assert kept == [f"e-{number}" for number in range(5000)]


def test_calls_of_many_threads_are_each_answered(rig):
    rig.join("box-1")
    answers = []

    def call(number):
        answers.append(rig.apply(workload(f"shop-{number}")).created)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == sorted((f"shop-{number}",) for number in range(30))
    assert len(rig.store.load().assignments) == 30


def test_too_many_calls_at_once_are_told_so(rigs):
    rig = rigs()  # not started: nobody works
    for _ in range(inbox.MOST_CALLS):
        rig.service._inbox.post(inbox.Call(lambda work: None, concurrent.futures.Future()))
    with pytest.raises(BusyError, match="too many"):
        rig.apply(workload())
    rig.start()


def test_a_call_that_fails_is_answered_and_changes_nothing(rig):
    def bad(work):
        desired.apply(work, [workload()], prune=False)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rig.service.call(bad)
    assert rig.store.load().workloads == {}
    assert rig.apply(workload()).created == ("shop-web",)


def test_an_order_that_would_not_fit_refuses_the_apply(rig):
    rig.join("box-1")
    with pytest.raises(RefusedError, match="does not fit") as raised:
        rig.apply(workload(replicas=513))
    assert raised.value.status == 400
    assert rig.store.load().workloads == {}


@pytest.mark.sqlite_file
def test_who_waits_when_the_hub_ends_is_told(rigs, tmp_path):
    rig = rigs().start()
    rig.join("box-1")
    with failing(tmp_path):
        rig.say("box-1", report(seq=2))
        waiting = concurrent.futures.Future()
        rig.service._inbox.post(inbox.Call(lambda work: None, waiting))
        rig.service.stop()
        assert isinstance(waiting.exception(0), BusyError)


# --- holds --------------------------------------------------------------------------------


@pytest.fixture
def held(rigs, rig, tmp_path):
    """A hub that knows less than its node: its database is a copy from before the apply."""
    rig.join("box-1")
    rig.stop()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "hub.db", copy)
    rig = rigs(key=rig.key).start()
    rig.join("box-1", seq=2)
    rig.apply(workload())
    until("the order", rig.orders)
    data, digest = rig.broker.payloads("skerry/v1/nodes/box-1/order")[-1], rig.node().digest
    restored = next_life(rigs, rig, folder=copy)
    restored.join("box-1", seq=3, accepted=1, digest=digest, instances=(status(),))
    assert restored.node().diverged

    def answer(node, verb, payload):
        request = codec.decode(Request, payload)
        restored.say(node, Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, body=data))

    restored.broker.answer = answer
    return restored


@pytest.mark.sqlite_file
def test_what_a_held_node_runs_is_adopted_by_asking_it(held):
    view = NodeAnswers(held.service).adopt("host-box-1")
    assert (view.diverged, view.order.issued) == (None, 1)
    assert held.broker.requests == [("box-1", "order")]
    assert held.store.load().workloads["shop-web"].workload == workload()
    held.idle()
    assert held.orders() == [], "it has what is wanted already"
    held.apply(workload(), workload("other-web"))
    until("the next order", held.orders)
    assert held.orders()[-1].generation == 2


@pytest.mark.sqlite_file
def test_what_the_hub_wants_is_ordered_above_what_a_held_node_accepted(held):
    view = NodeAnswers(held.service).overwrite("box-1")
    assert view.diverged is None
    until("the order", held.orders)
    assert [(one.generation, one.instances) for one in held.orders()] == [(2, ())]
    assert held.say("box-1", report(seq=4, accepted=1, digest="e" * 64)).wait(20)
    assert held.node().diverged is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "did not sign"),
        (lambda data: b"\xc1", "did not sign"),
        (lambda data: b"", "did not sign"),
    ],
)
@pytest.mark.sqlite_file
def test_an_order_that_this_hub_did_not_sign_is_not_adopted(held, change, says):
    honest = held.broker.answer

    def forge(node, verb, payload):
        sent = []
        held.say, say = lambda node, message: sent.append((node, message)), held.say
        honest(node, verb, payload)
        held.say = say
        ((node, message),) = sent
        fields = {name: getattr(message, name) for name in ("incarnation", "boot", "seq", "id")}
        held.say(node, Reply(**fields, body=change(message.body)))

    held.broker.answer = forge
    with pytest.raises(RefusedError, match=says):
        NodeAnswers(held.service).adopt("box-1")
    assert held.node().diverged


@pytest.mark.sqlite_file
def test_a_node_that_says_why_not_is_quoted(held):
    def refuse(node, verb, payload):
        request = codec.decode(Request, payload)
        held.say(node, Reply(incarnation=FIRST, boot=1, seq=1, id=request.id, error="no order"))

    held.broker.answer = refuse
    with pytest.raises(RefusedError, match=r"host-box-1 \(box-1\): no order"):
        NodeAnswers(held.service).adopt("box-1")


def test_a_node_that_does_not_answer_in_time_is_told_of(rig):
    rig.join("box-1")
    with pytest.raises(RefusedError, match=r"\(box-1\) did not answer within 0\.05 s") as caught:
        rig.service.ask(rig.node(), "probe", 0.05)
    assert caught.value.status == 504
    assert rig.broker.requests == [("box-1", "probe")]


@pytest.mark.sqlite_file
def test_a_node_that_is_not_there_cannot_be_asked(held):
    assert held.say("box-1", presence(online=False, seq=9)).wait(20)
    with pytest.raises(RefusedError, match="must be online"):
        NodeAnswers(held.service).adopt("box-1")


def test_a_forgotten_node_is_gone_from_the_broker_too(rig):
    rig.join("box-1", "box-2")
    rig.apply(workload(replicas=2))
    until("the orders", lambda: rig.orders() and rig.orders("box-2"))
    with pytest.raises(RefusedError, match="is online: stop its agent first"):
        NodeAnswers(rig.service).forget("host-box-1")
    assert rig.say("box-1", presence(online=False, seq=9)).wait(20)
    NodeAnswers(rig.service).forget("host-box-1")
    for topic in ("presence", "capability", "report", "order"):
        until(
            topic, lambda t=topic: rig.broker.payloads(f"skerry/v1/nodes/box-1/{t}")[-1:] == [b""]
        )
    assert rig.broker.payloads("skerry/v1/fleet/box-1")[-1] == b""
    assert {one.node for one in rig.service.known.assignments.values()} == {"box-2"}
    assert rig.service.columns.ids() == ["box-2"]
