"""Rollouts under random fleets: never more at work than allowed, and always an end or a reason.

A made-up fleet does what it is given, late, wrongly or not at all; operators pause, resume, undo
and apply anew at any moment; the hub is restarted. The seeds are fixed; SKERRY_SOAK tries more.
"""

import dataclasses
import os
import random

import pytest
from tests.hub.records import NOW, node, report, settled, status, work_on, workload

from skerry_hub import desired
from skerry_hub.draining import drain, uncordon
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.model import Liveness
from skerry_hub.orders import instances
from skerry_hub.replacing import replace_all
from skerry_hub.rollout.advancing import advance, pause, resume
from skerry_hub.rollout.counting import many
from skerry_hub.rollout.records import RevisionRecord
from skerry_hub.rollout.state import KnownRollouts
from skerry_hub.state import Known
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.messages import InstanceState

CASES = int(os.environ.get("SKERRY_SOAK", "1")) * 60
BOXES = 8
DEADLINE_S = 100.0


class Fleet:
    """A hub's records, and boxes that report by chance what became of their orders."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.now = NOW
        self.update = Update(
            strategy=self.chance.choice(["rolling", "rolling", "canary", "blue-green"]),
            max_unavailable=self.chance.choice(["1", "25%", "3", "100%"]),
            max_failed=self.chance.choice([0, 0, 1, 3]),
            on_failure=self.chance.choice(["pause", "rollback", "continue"]),
            canary=self.chance.choice(["1", "50%"]),
            canary_pauses=self.chance.random() < 0.3,
            wave_by=self.chance.choice(["", "site"]),
            settle_s=self.chance.choice([0.0, 30.0]),
            deadline_s=DEADLINE_S,
        )
        labels = [{"site": self.chance.choice(["a", "b"])} for _ in range(BOXES)]
        self.known = Known([node(f"box-{at}", labels=labels[at]) for at in range(BOXES)])
        self.history = {}
        self.bad = set()
        """Revisions that never come up."""
        self.listening_since = self.now
        self.runs = {}
        """What runs, by instance and node: the revision."""
        self.image = 0
        self.calm = False
        self.holding = set()
        """Boxes that hold updates back."""

    # --- the hub ------------------------------------------------------------------------

    def change(self, do, *, step=True):
        work = work_on(self.known, self.now)
        do(work)
        if step:
            self.stepped(work)
        self.commit(work)

    def stepped(self, work):
        before = work.draft.updates.members_of("shop-web")
        advance(work, "shop-web", self.heard, self.listening_since)
        members = work.draft.updates.members_of("shop-web")
        rollout = work.draft.updates.rollouts.get("shop-web")
        if rollout is None or rollout.strategy == "blue-green":
            return
        given = {
            key
            for key, one in members.items()
            if one.state == "updating"
            and key in before
            and before[key].state == "waiting"
            and work.draft.assignments.get(key).node == before[key].former.node
        }
        if given:
            # One that was away begins when it likes: then nobody is given more.
            most = many(self.update.max_unavailable, max(rollout.total, 1))
            assert len(self.at_work(members)) <= most, "more at work than allowed"

    def at_work(self, members):
        """Return those that are given the new content, on boxes that are there."""
        return {
            key
            for key, one in members.items()
            if (one.state == "updating" and not one.away) or (one.withdrawn and self.online(key))
        }

    def online(self, instance):
        node_ = self.known.nodes[self.known.assignments[instance].node]
        return node_.liveness is Liveness.ONLINE

    def commit(self, work):
        for record in work.draft.updates.records.values():
            self.history[record.number] = record
        self.known = settled(self.known, work.draft)
        self.check_orders()

    def check_orders(self):
        """No instance is ordered the digest of one content and the containers of another."""
        kept = self.known.workloads.get("shop-web")
        wanted = {"shop-web": kept.workload} if kept else {}
        for one in instances(
            self.known.assignments.values(), wanted, former=self.known.updates.former
        ):
            content = dataclasses.replace(kept.workload, containers=one.containers)
            assert content.revision == one.revision

    def restart(self):
        """Lose what is not in the store: records are made anew of what is."""
        updates = self.known.updates
        known = Known(
            self.known.nodes.values(),
            self.known.workloads.values(),
            self.known.assignments.values(),
        )
        known.updates = KnownRollouts(
            updates.rollouts.values(),
            updates.members.values(),
            updates.numbers,
            {key: updates.contents[key] for key in self.referenced()},
        )
        self.known, self.listening_since, self.heard = known, self.now, set()

    def referenced(self):
        members = self.known.updates.members.values()
        return {(one.workload, one.number) for one in members if one.number}

    heard = set()  # noqa: RUF012 - replaced by each restart

    def apply(self):
        self.image += 1
        content = workload(
            image=f"localhost/web:{self.image}",
            replicas=self.chance.choice([5, 6, 6, 7]),
            lifecycle=Lifecycle(update=self.update),
        )
        if self.image > 1 and not self.calm and self.chance.random() < 0.4:
            self.bad.add(content.revision)
        self.change(lambda work: desired.apply(work, [content], prune=False))

    def undo(self):
        number = self.chance.choice(sorted(self.history))
        self.change(lambda work: desired.undo(work, self.history[number]))

    # --- the boxes ----------------------------------------------------------------------

    def boxes_report(self, share):
        """Let some boxes carry out their orders, or fail to, and report."""
        nodes = dict(self.known.nodes)
        for name in sorted(nodes):
            if self.chance.random() > share or nodes[name].liveness is not Liveness.ONLINE:
                continue
            self.heard.add(name)
            told = tuple(self.told(name, one) for one in self.ordered(name))
            nodes[name] = node(name, labels=nodes[name].labels, report=report(instances=told))
        self.known.nodes.update(nodes)
        self.change(lambda work: None)

    def ordered(self, name):
        kept = self.known.workloads["shop-web"].workload
        placed = [one for one in self.known.assignments.values() if one.node == name]
        return instances(placed, {"shop-web": kept}, former=self.known.updates.former)

    def told(self, name, one):
        had = self.runs.get((one.id, name))
        if had == one.revision:
            return status(one.id, revision=had)
        if had and name in self.holding:
            told = UpdateStatus(revision=one.revision, state="held", reason="it is day")
            return status(one.id, revision=had, update=told)
        roll = 1.0 if self.calm else self.chance.random()
        if one.revision in self.bad:
            told = UpdateStatus(revision=one.revision, state="rolled_back", reason="bad")
            state = InstanceState.RUNNING if had else InstanceState.FAILED
            return status(one.id, revision=had or one.revision, update=told, state=state)
        if roll < 0.2:
            word = self.chance.choice(["waiting", "held", "switching"])
            told = UpdateStatus(revision=one.revision, state=word, reason="by chance")
            state = InstanceState.RUNNING if had else InstanceState.PENDING
            return status(one.id, revision=had or one.revision, update=told, state=state)
        self.runs[one.id, name] = one.revision
        return status(one.id, revision=one.revision)

    def windows_shut(self):
        self.holding = set(self.chance.sample(sorted(self.known.nodes), self.chance.randint(1, 8)))

    def windows_open(self):
        """Let all that hold back begin at one moment."""
        rollout = self.known.updates.rollouts.get("shop-web")
        if rollout is not None and rollout.strategy != "blue-green" and not rollout.is_first:
            members = self.known.updates.members
            held = [key for key in self.at_work(members) if members[key].held]
            most = many(self.update.max_unavailable, max(rollout.total, 1))
            assert len(held) <= most, "more may begin together than allowed"
        self.holding = set()

    def some_go_away(self):
        name = self.chance.choice(sorted(self.known.nodes))
        one = self.known.nodes[name]
        back = one.liveness is not Liveness.ONLINE
        self.known.nodes[name] = dataclasses.replace(
            one, liveness=Liveness.ONLINE if back else Liveness.UNREACHABLE
        )
        self.change(lambda work: None)

    def some_move(self):
        """Empty a box, and let it be filled again; or have what was on one that is lost moved."""
        name = self.chance.choice(sorted(self.known.nodes))
        one = self.known.nodes[name]
        if one.liveness is Liveness.ONLINE:
            self.change(lambda work: drain(work, one, force=False))
            self.change(lambda work: uncordon(work, work.draft.nodes.get(name)))
        else:
            self.change(lambda work: replace_all(work, {"shop-web": {name}}))

    def deleted(self):
        """Delete it in the middle, and apply it anew."""
        self.change(lambda work: desired.delete(work, "shop-web"))
        assert not self.known.updates.members
        assert self.known.updates.contents == {}
        self.apply()

    def some_call(self, do):
        rollout = self.known.updates.rollouts.get("shop-web")
        if rollout is None:
            return
        if do is pause and (rollout.state != "done" or self.known.updates.members):
            self.change(lambda work: pause(work, "shop-web"))
        if do is resume and rollout.state == "paused":
            self.change(lambda work: resume(work, "shop-web"))

    def roll_back(self):
        """Do as the writer does where a rollout is to be rolled back."""
        for name in sorted(self.known.updates.rolling_back):
            number = self.known.updates.rollouts[name].stable
            self.change(lambda work: desired.undo(work, self.history[number], "rollback"))  # noqa: B023

    def chaos(self):
        acts = [
            *[lambda: self.boxes_report(0.5)] * 6,
            self.some_go_away,
            self.restart,
            self.windows_shut,
            self.windows_open,
            self.some_move,
            lambda: self.some_call(pause),
            lambda: self.some_call(resume),
            lambda: self.some_call(resume),
            *([self.apply, self.undo, self.deleted] if self.chance.random() < 0.3 else []),
        ]
        self.chance.choice(acts)()
        self.now += self.chance.choice([0.1, 1, 10, 50])
        self.roll_back()

    def until_it_ends(self):
        """Let all boxes be there and do their best, and time pass; return how it ended."""
        self.calm = True
        self.windows_open()
        for name, one in list(self.known.nodes.items()):
            self.known.nodes[name] = dataclasses.replace(one, liveness=Liveness.ONLINE)
        ended = 0
        for _ in range(80):
            self.boxes_report(1.0)
            self.now += 40
            self.roll_back()
            # An undo may be done at once: the boxes have yet to be told.
            ended = ended + 1 if self.has_ended() else 0
            if ended == 2:
                break
        return self.known.updates.rollouts.get("shop-web")

    def has_ended(self):
        rollout = self.known.updates.rollouts.get("shop-web")
        if rollout is None or rollout.state in ("done", "failed"):
            return True
        return rollout.state == "paused" and not rollout.rolls_back


@pytest.mark.parametrize("seed", range(CASES))
def test_a_rollout_ends_or_says_why_it_pauses_whatever_happens(seed):
    fleet = Fleet(seed)
    fleet.heard = set()
    fleet.apply()
    fleet.boxes_report(1.0)
    fleet.apply()
    for _ in range(40):
        fleet.chaos()
    rollout = fleet.until_it_ends()
    if rollout is None:
        return
    assert rollout.state in ("done", "paused", "failed")
    assert not rollout.rolls_back
    assert rollout.state != "failed" or (rollout.is_first and rollout.revision in fleet.bad)
    if rollout.state != "done":
        assert rollout.reason
        return
    members = fleet.known.updates.members.values()
    assert {one.state for one in members} <= {"failed"}
    failed = {one.id for one in members}
    revision = fleet.known.workloads["shop-web"].workload.revision
    for one in fleet.known.assignments.values():
        if one.id not in failed and one.revision not in fleet.bad:
            assert fleet.runs.get((one.id, one.node)) == revision
    if not failed:
        assert fleet.known.updates.contents == {}


def test_a_record_is_kept_for_every_number():
    fleet = Fleet(1)
    fleet.apply()
    fleet.apply()
    assert sorted(fleet.history) == [1, 2]
    assert all(isinstance(one, RevisionRecord) for one in fleet.history.values())
