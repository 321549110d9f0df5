"""Loss through the whole hub: judged by its clock, told, stored, ordered."""

import threading
import time

import pytest
from tests.hub.records import heartbeat, presence, report, workload
from tests.hub.rig import Rig, until

from skerry_hub.api.answers import Answers
from skerry_hub.api.decisions import DecisionAnswers
from skerry_hub.lifecycle import Lifecycle
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience

AT_FIRST = ("node.id in [box-1, box-2]",)
QUICK = Patience(unreachable_s=1.5, lost_s=1.5, floor_s=1.5, new_for_s=0.5)


class Beating(Rig):
    """A hub whose boxes beat all the time, whatever a test waits for, but for the silent ones."""

    def __init__(self, *words, **fields):
        super().__init__(*words, **fields)
        self.silent, self._ending = set(), threading.Event()
        self._thread = threading.Thread(target=self._beat_all, daemon=True)

    def start(self):
        super().start()
        self._thread.start()
        return self

    def stop(self):
        self._ending.set()
        self._thread.join()
        super().stop()

    def _beat_all(self):
        seq = 10
        while not self._ending.wait(0.1):
            seq += 1
            for name in list(self.service.known.nodes):
                if name not in self.silent:
                    self.beat(name, heartbeat(seq=seq))

    def home(self, name="shop-web-0"):
        return self.service.known.assignments[name].node

    def ordered(self, node):
        orders = self.orders(node)
        return [one.id for one in orders[-1].instances] if orders else []

    def reason(self, name):
        (view,) = Answers(self.service).workload(name).workload.instances
        return view.reason

    def kinds(self):
        return [one.kind for one in self.store.events()]


@pytest.fixture
def rig(tmp_path):
    rig = Beating(tmp_path, patience=QUICK).start()
    yield rig
    rig.stop()


def test_what_a_lost_node_had_goes_elsewhere(rig):
    rig.join("box-1")
    only = ("node.id in [box-1, box-4]",)
    leased = workload("shop-db", lifecycle=Lifecycle(lease_s=15.0), expressions=AT_FIRST)
    rig.apply(workload(expressions=AT_FIRST), leased, workload("shop-old", expressions=only))
    assert {rig.home(f"shop-{name}-0") for name in ("web", "db", "old")} == {"box-1"}
    rig.join("box-2", "box-3")
    time.sleep(1)
    rig.silent.add("box-1")
    until("another place", lambda: rig.ordered("box-2") == ["shop-web-0"])
    assert rig.node("box-1").liveness is Liveness.LOST
    assert rig.ordered("box-1") == ["shop-old-0"], "which no other node takes"
    (told,) = [one for one in rig.store.events() if one.kind == "replaced"]
    assert (told.node, told.detail) == (
        "box-1",
        "placed elsewhere: shop-db-0 to box-2, shop-web-0 to box-2",
    )
    answers = DecisionAnswers(rig.service)
    for one in answers.listed(None, None, 2)[0]:
        assert one.cause == "loss"
        assert answers.replay(one.seq, scored=False).result == "same"

    assert "waits for its lease of 15 s on host-box-1" in rig.reason("shop-db")
    rig.service._leasing.leases._began -= 60  # as if its lease were over
    both = ["shop-db-0", "shop-web-0"]
    until("its order", lambda: rig.ordered("box-2") == both)

    assert "host-box-1 (box-1) is lost; it is replaced once" in rig.reason("shop-old")
    rig.join("box-4")
    until("its new place", lambda: rig.home("shop-old-0") == "box-4")
    rig.silent.clear()
    until("it to be back", lambda: rig.node("box-1").liveness is Liveness.ONLINE)
    assert rig.ordered("box-1") == []


def test_when_nobody_can_be_heard_or_most_vanish_nothing_moves(rig):
    rig.join("box-1", "box-2", "box-3")
    rig.apply(workload())
    rig.service.on_beating(False)
    rig.silent |= {"box-1", "box-3"}
    time.sleep(2)
    assert rig.node("box-1").liveness is Liveness.ONLINE
    rig.service.on_beating(True)
    time.sleep(2)
    assert rig.service.held_losses == (), "they may be coming back"
    rig.service._watch._back_by = 0.0
    until("that to be told", lambda: "loss_held" in rig.kinds())
    assert [str(one) for one in rig.service.held_losses] == ["2 of 3 nodes fell silent together"]
    time.sleep(1)
    assert rig.home() == "box-1"
    rig.silent.discard("box-3")
    until("that it goes on", lambda: "loss_resumed" in rig.kinds())
    until("its new place", lambda: rig.home() == "box-2")


def test_a_report_is_a_sign_of_life_and_a_last_will_is_none(rig):
    rig.join("box-1")
    seen = rig.node("box-1").last_seen
    assert rig.say("box-1", report(seq=9)).wait(20)
    reported = rig.node("box-1").last_seen
    assert reported > seen
    assert rig.say("box-1", presence(online=False, seq=9)).wait(20)
    assert rig.node("box-1").liveness is Liveness.UNREACHABLE
    assert rig.node("box-1").last_seen == rig.service.columns.last_seen("box-1") == reported
