"""What the store's tests keep: some of everything, and how two states are compared."""

from tests.hub.records import (
    FIRST,
    NOW,
    assignment,
    kept,
    kept_document,
    node,
    refusal,
    report,
    status,
    workload,
)

from skerry_hub.documents import DocumentChange, Policy, Prices, Quota, key_of
from skerry_hub.leases import Place, Vacating
from skerry_hub.model import Liveness
from skerry_hub.orders import Issued
from skerry_hub.rollout.records import Member, RevisionRecord, Rollout
from skerry_hub.state import Draft, Publication
from skerry_hub.views import EventView

VACATING = Vacating(
    instance="shop-web-0",
    workload="shop-web",
    places=(
        Place(node="box-2", incarnation=FIRST, generation=7, since=NOW, lease_s=60.0),
        Place(node="box-3", incarnation=FIRST, generation=9, since=NOW),
    ),
)
ISSUED = Issued(
    node="box-1", incarnation=FIRST, generation=3, content="0" * 16, envelope=b"\x00\xff signed"
)

EU = Policy(name="eu", residency={"region": ("eu-west", "eu-north")}, quota=Quota(instances=3))
CLOUD = Prices(name="cloud", cpu_hour=0.031, device_hour={"gpu": 1.2})


def told(name, node="box-1", workload="", at=NOW, **fields):
    return EventView(id=name, node=node, kind="exited", at=at, workload=workload, **fields)


def say(topic, payload=b"x", **fields):
    return Publication(topic=topic, payload=payload, **fields)


def commit(store, known, change):
    """Let `change` fill a draft, commit it, and return what is to be published."""
    draft = Draft(known)
    change(draft)
    queued = store.commit(draft, known)
    known.settle(draft)
    return queued


def same(known, other):
    for name in (
        "nodes", "workloads", "assignments", "orders", "documents", "document_versions",
        "by_node", "by_workload", "vacating", "vacating_on",
    ):  # fmt: skip
        assert getattr(known, name) == getattr(other, name), name
    for name in ("rollouts", "members", "by_workload", "numbers", "contents", "rolling_back"):
        assert getattr(known.updates, name) == getattr(other.updates, name), name


OLDER = "f" * 16
"""A revision of which nothing is kept."""


def revision(number, image="localhost/web:1"):
    return RevisionRecord(
        workload="shop-web", number=number, at=NOW, cause="apply", content=workload(image=image)
    )


def rollout(**fields):
    whole = {
        "workload": "shop-web",
        "number": 2,
        "revision": workload().revision,
        "cause": "apply",
        "strategy": "rolling",
        "stable": 1,
        "started_at": NOW,
        "progressed_at": NOW,
    }
    return Rollout(**{**whole, **fields})


def waiting(name="shop-web-0", number=1):
    return Member(
        id=name,
        workload="shop-web",
        state="waiting",
        former=assignment(name),
        number=number,
        since=NOW,
    )


def everything(draft):
    draft.nodes.put(
        "box-1",
        node(
            labels={"site": "quay-3"},
            retired=("c" * 32,),
            sequences={"presence": (1, 2), "report": (7, 9)},
            report=report(accepted=3, instances=(status(),), refusal=refusal()),
            diverged="it is ahead of this hub",
            generation=2**40,
            digest="d" * 64,
            liveness=Liveness.LOST,
        ),
    )
    draft.nodes.put("box-2", node("box-2", presence=None, capability=None, report=None))
    draft.workloads.put("shop-web", kept(replicas=3, labels={"tier": "front"}))
    for number in range(3):
        draft.assignments.put(f"shop-web-{number}", assignment(f"shop-web-{number}"))
    draft.orders.put("box-1", ISSUED)
    draft.vacating.put("shop-web-0", VACATING)
    for document in (EU, CLOUD):
        put(draft, document)
    draft.updates.record(revision(1))
    draft.updates.record(revision(2, "localhost/web:2"))
    draft.updates.contents.put(("shop-web", 1), workload())
    draft.updates.members.put("shop-web-0", waiting())
    draft.updates.rollouts.put("shop-web", rollout(rolls_back=True, state="paused"))


def put(draft, document, version=1, **fields):
    """Keep a document's version, as `documenting` would."""
    kept = kept_document(document, version=version, **fields)
    draft.documents.put(key_of(document), kept)
    change = DocumentChange(
        document=document, version=version, action="put", at=kept.updated_at, who="ann"
    )
    draft.document_changes.append(change)


def delete(draft, document, version):
    draft.documents.remove(key_of(document))
    change = DocumentChange(document=document, version=version, action="delete", at=NOW + 9)
    draft.document_changes.append(change)
