"""A hub without threads on a real store, and random histories of all that can happen to it."""

import dataclasses

from tests.hub.placement.boxes import GIB, accelerator, node
from tests.hub.records import NOW, columns_of, workload

from skerry_hub import desired, documenting, draining, planning, replacing
from skerry_hub.documents import (
    Dataset,
    Endpoint,
    Policy,
    Prices,
    Quota,
    Reservation,
    Window,
)
from skerry_hub.latency import NOWHERE, Network, endpoint
from skerry_hub.model import Liveness, Resources, Taint, Toleration
from skerry_hub.placement.coordinates import Coordinates
from skerry_hub.planning import Wish
from skerry_hub.rebalance.moving import move_all
from skerry_hub.rebalance.records import Move
from skerry_hub.state import Draft
from skerry_hub.terms import (
    Affinity,
    AtMost,
    Cost,
    DataNeed,
    DeviceRequest,
    Latency,
    Placement,
    Spread,
)
from skerry_hub.work import RefusedError, Work, put_node

SITES = ("quay-1", "quay-2", "quay-3")
NODES = tuple(f"box-{number}" for number in range(8))
NAMES = ("shop-web", "shop-db", "shop-job", "yard-cam", "yard-log")


class Hub:
    """What the writer does with a change, and nothing around it. Stands for a service."""

    def __init__(self, store):
        self.store, self.now = store, NOW
        self.network, self.strategy = NOWHERE, "spread"
        self.start()

    def start(self):
        self.known = self.store.load()
        self.columns = columns_of(self.known)

    def call(self, change, *, dry=False):
        with self.columns.trial() as trial:
            work = Work(Draft(self.known), self.columns, self.now, self.network, self.strategy)
            answer = change(work)
            if not dry:
                self.store.commit(work.draft, self.known)
                self.known.settle(work.draft)
                trial.keep()
        return answer

    def judge(self, name, liveness):
        """Change a node as messages do: the columns follow after the commit."""
        draft = Draft(self.known)
        after = dataclasses.replace(self.known.nodes[name], liveness=liveness)
        draft.nodes.put(name, after)
        self.store.commit(draft, self.known)
        self.known.settle(draft)
        self.columns.put(after)


class History:
    """Steps drawn from a generator of chance."""

    def __init__(self, hub, chance):
        self.hub, self.chance = hub, chance
        self.steps = (
            (3, self.join),
            (3, self.judge),
            (2, self.label),
            (1, self.taint),
            (1, self.hold),
            (6, self.apply),
            (1, self.delete),
            (2, self.drain),
            (3, self.lose),
            (4, self.move),
            (1, self.uncordon),
            (1, self.forget),
            (4, self.fill),
            (2, self.documents),
            (1, self.measure),
            (1, self.restart),
        )

    def run(self, count):
        for _ in range(4):
            self.join()
        kinds = [step for times, step in self.steps for _ in range(times)]
        for _ in range(count):
            self.hub.now += self.chance.choice((0.2, 60.0, 7200.0))
            try:
                self.chance.choice(kinds)()
            except RefusedError:
                continue

    def one(self, *, online=None):
        found = sorted(
            name
            for name, node in self.hub.known.nodes.items()
            if online in (None, node.liveness is Liveness.ONLINE)
        )
        if not found:
            raise RefusedError(404)
        return self.hub.known.nodes[self.chance.choice(found)]

    # --- nodes ------------------------------------------------------------------------

    def join(self):
        """Let a node come, or one that is there have other hardware."""
        name, pick = self.chance.choice(NODES), self.chance
        gpus = [
            accelerator(f"0000:0{index}:00", vendor=pick.choice(("NVIDIA", "AMD")))
            for index in range(pick.randrange(4))
        ]
        made = node(
            name,
            cpus=pick.choice((2, 4, 8)),
            memory=pick.choice((2, 4, 8)) * GIB,
            accelerators=gpus,
            arch=pick.choice(("x86_64", "x86_64", "aarch64")),
            labels={"site": pick.choice(SITES), "environment": pick.choice(("edge", "cloud"))},
        )
        revision = f"{pick.getrandbits(64):016x}"
        capability = dataclasses.replace(made.capability, revision=revision)
        made = dataclasses.replace(made, capability=capability)
        before = self.hub.known.nodes.get(name)
        if before is not None:
            made = dataclasses.replace(before, capability=capability)
        self.hub.call(lambda work: put_node(work, made))

    def judge(self):
        self.hub.judge(self.one().id, self.chance.choice(list(Liveness)))

    def hold(self):
        name = self.one()
        diverged = None if name.diverged else "it is ahead of this hub"
        changed = dataclasses.replace(name, diverged=diverged)
        self.hub.call(lambda work: put_node(work, changed))

    def label(self):
        put = {self.chance.choice(("tier", "site")): self.chance.choice((*SITES, "front"))}
        found = self.one()
        self.hub.call(lambda work: desired.label(work, found, put, ()))

    def taint(self):
        one = Taint(key="only", value="gpu", effect=self.chance.choice(("NoSchedule", "NoExecute")))
        found = self.one()
        self.hub.call(lambda work: draining.taint(work, found, (one,)))

    def uncordon(self):
        found = self.one()
        self.hub.call(lambda work: draining.uncordon(work, found))

    def drain(self):
        found, force = self.one(), self.chance.random() < 0.3
        self.hub.call(lambda work: draining.drain(work, found, force=force))

    def lose(self):
        """Lose one or two nodes, and what they had."""
        lost = {self.one(online=None).id for _ in range(2)}
        for name in sorted(lost):
            self.hub.judge(name, Liveness.LOST)
        workloads = {
            one.workload: lost
            for name in lost
            for one in self.hub.known.on_node(name)
            if self.hub.known.workloads[one.workload].workload.mode == "replicated"
        }
        self.hub.call(lambda work: replacing.replace_all(work, workloads))

    def move(self):
        placed = sorted(self.hub.known.assignments)
        if not placed:
            raise RefusedError(404)
        one = self.hub.known.assignments[self.chance.choice(placed)]
        move = Move(
            instance=one.id,
            workload=one.workload,
            revision=one.revision,
            source=one.node,
            target=self.one(online=True).id,
        )
        self.hub.call(lambda work: move_all(work, [move]))

    def forget(self):
        found = self.one(online=False)
        self.hub.call(lambda work: desired.forget(work, found))

    # --- workloads --------------------------------------------------------------------

    def apply(self):
        names = self.chance.sample(NAMES, self.chance.choice((1, 1, 2, 3)))
        workloads = tuple(self.wanted(name) for name in names)
        documents = (self.document(),) if self.chance.random() < 0.2 else ()
        wish = Wish(workloads=workloads, documents=documents, prune=self.chance.random() < 0.1)
        self.hub.call(lambda work: planning.decide(work, wish))

    def delete(self):
        name = self.chance.choice(NAMES)
        self.hub.call(lambda work: desired.delete(work, name))

    def fill(self):
        def fill(work):
            desired.fill(work, desired.wanting(work.draft))

        self.hub.call(fill)

    def wanted(self, name):
        pick = self.chance
        devices = (
            (DeviceRequest(kind="gpu", share_milli=pick.choice((300, 1000))),)
            if pick.random() < 0.3
            else ()
        )
        return workload(
            name,
            image=f"localhost/web:{pick.randrange(3)}",
            mode=pick.choice(("replicated",) * 5 + ("global",)),
            replicas=pick.randrange(7),
            labels={"tier": pick.choice(("front", "back"))},
            resources=Resources(
                cpu_milli=pick.choice((0, 500, 1500)),
                memory_bytes=pick.choice((0, 1, 3)) * GIB,
                devices=devices,
            ),
            expressions=pick.choice(((), (), ("node.platform.arch == x86_64",))),
            tolerations=pick.choice(((), (Toleration(operator="Exists"),))),
            placement=self.placement(name),
        )

    def placement(self, name):
        pick, other = self.chance, self.chance.choice(NAMES)

        def sometimes(*choices):
            return (pick.choice(choices),) if pick.random() < 0.25 else ()

        return Placement(
            strategy=pick.choice(("", "", "spread", "pack")),
            affinity=sometimes(
                Affinity(workload=other, anti=True),
                Affinity(selector="tier=front", topology="site", weight=40),
                Affinity(workload=name, anti=True, topology="site"),
            ),
            spread=sometimes(Spread(topology="site"), Spread(topology="site", weight=30)),
            at_most=sometimes(AtMost(topology="site", count=2), AtMost(topology="node", count=1)),
            latency=sometimes(
                Latency(to="endpoint", name="erp", max_ms=30.0),
                Latency(to="site", name="quay-1", weight=50),
                Latency(to="workload", name=other, max_ms=40.0, weight=10),
            ),
            cost=pick.choice((Cost(), Cost(weight=60), Cost(max_per_hour=0.2))),
            data=sometimes(
                DataNeed(dataset="maps", weight=20), DataNeed(dataset="maps", local=True)
            ),
            priority=pick.choice((0, 0, 10, 100)),
            gang=pick.choice(("",) * 5 + ("crew",)) if name.startswith("yard") else "",
        )

    # --- what holds for all -------------------------------------------------------------

    def documents(self):
        if self.chance.random() < 0.2 and self.hub.known.documents:
            kind, name = self.chance.choice(sorted(self.hub.known.documents))
            self.hub.call(lambda work: documenting.delete(work, kind, name))
            return
        found = self.document()
        self.hub.call(lambda work: documenting.put(work, found))

    def document(self):
        pick = self.chance
        site = pick.choice(SITES)
        return pick.choice(
            (
                Policy(name="eu", selector="tier=front", residency={"site": (site, "quay-2")}),
                Policy(name="few", quota=Quota(instances=pick.randrange(4, 20))),
                Prices(name="all", cpu_hour=pick.choice((0.01, 0.2)), gib_hour=0.01),
                Prices(name="cloud", nodes=("node.labels.environment == cloud",), node_hour=0.3),
                Dataset(name="maps", size_bytes=GIB, places={"site": (site,)}),
                Endpoint(name="erp", host="erp.example", port=443),
                Reservation(name="cams", selector="tier=back", cpu_milli=1000),
                Window(
                    name="night",
                    nodes=(f"node.labels.site == {site}",),
                    start=self.hub.now + pick.choice((-60.0, 600.0)),
                    duration_s=3600.0,
                    repeats="daily",
                ),
            )
        )

    def measure(self):
        """Let the network look otherwise."""
        told = {
            name: {endpoint("erp"): self.chance.uniform(1, 60)}
            | {other: self.chance.uniform(1, 60) for other in NODES if other != name}
            for name in NODES
        }
        coordinates = Coordinates()
        for name, times in told.items():
            coordinates.observe(name, times)
        self.hub.network = Network(coordinates)

    def restart(self):
        self.hub.start()
