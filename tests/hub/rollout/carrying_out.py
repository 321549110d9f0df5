"""Boxes that carry out what they are ordered, and a hub's records of them, for rollouts."""

import dataclasses

from tests.hub.records import NOW, capability, node, report, settled, status, work_on, workload

from skerry_hub import desired
from skerry_hub.lifecycle import Lifecycle, Update
from skerry_hub.model import Resources
from skerry_hub.orders import instances
from skerry_hub.rollout.advancing import advance
from skerry_hub.rollout.looking import EVERY_NODE
from skerry_hub.state import Known

MIB = 2**20
NAME = "shop-web"


def box(name, memory_mib, labels=None):
    one = capability(hostname=f"host-{name}")
    memory = dataclasses.replace(one.hardware.memory, total_bytes=memory_mib * MIB)
    hardware = dataclasses.replace(one.hardware, memory=memory)
    told = dataclasses.replace(one, hardware=hardware)
    return node(name, capability=told, labels=labels or {})


def shop(number, memory_mib, replicas=4, mode="replicated", **update):
    return workload(
        image=f"localhost/web:{number}",
        replicas=replicas,
        mode=mode,
        resources=Resources(memory_bytes=memory_mib * MIB),
        lifecycle=Lifecycle(update=Update(**{"settle_s": 0.0, **update})),
    )


class Fleet:
    """A hub's records, and boxes that do what they are ordered."""

    def __init__(self, *boxes):
        self.known = Known(list(boxes))
        self.now = NOW
        self.fewest = 0

    @property
    def content(self):
        return self.known.workloads[NAME].workload

    def change(self, do):
        work = work_on(self.known, self.now)
        do(work)
        for name in sorted({NAME, *(one.workload.name for one in work.draft.workloads.values())}):
            advance(work, name, EVERY_NODE, NOW)
        self.known = settled(self.known, work.draft)
        self.fewest = min(self.fewest, len(self.ordered() & self.runs()))

    def apply(self, content):
        self.change(lambda work: desired.apply(work, [content], prune=False))

    def put(self, *boxes):
        def come(work):
            for one in boxes:
                work.draft.nodes.put(one.id, one)
                work.columns.put(one)
            desired.fill(work, desired.wanting(work.draft))

        self.change(come)

    def fill(self):
        self.change(lambda work: desired.fill(work, desired.wanting(work.draft)))

    def ordered(self, name=None):
        """Return what the orders say: instance, node, revision."""
        wanted = {key: kept.workload for key, kept in self.known.workloads.items()}
        return {
            (one.id, box, one.revision)
            for box in ([name] if name else self.known.nodes)
            for one in instances(
                self.known.by_node.get(box, {}).values(),
                wanted,
                former=self.known.updates.former,
            )
        }

    def runs(self):
        """Return the same of what the boxes reported last."""
        return {
            (one.id, name, one.revision)
            for name, box in self.known.nodes.items()
            for one in box.report.instances
        }

    def report(self, names=None):
        for name in names or sorted(self.known.nodes):
            told = tuple(status(id_, revision=rev) for id_, _, rev in sorted(self.ordered(name)))
            one = dataclasses.replace(self.known.nodes[name], report=report(instances=told))
            self.known.nodes[name] = one
        self.now += 1
        self.change(lambda work: None)

    def goes_on(self, rounds=20):
        for _ in range(rounds):
            self.report()
            self.fill()

    def at(self, content):
        """Return how many run a content."""
        return sum(revision == content.revision for _, _, revision in self.runs())
