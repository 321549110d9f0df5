"""Records and messages for the hub's tests, small and whole; what a test is about it names."""

import dataclasses

from skerry_hub.documents import KeptDocument
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.listening import Listening
from skerry_hub.lifecycle import Finished, Lifecycle, Update
from skerry_hub.loss import Judgement
from skerry_hub.model import Assignment, Liveness, Node, Resources, Workload
from skerry_hub.patience import Patience
from skerry_hub.rollout.state import KnownRollouts
from skerry_hub.state import Draft, Kept, Known
from skerry_hub.work import Work
from skerry_wire.capability import Capability
from skerry_wire.hardware import Cpu, Hardware, Memory, RuntimeInfo, System
from skerry_wire.lifecycle import JobStatus
from skerry_wire.messages import (
    Event,
    EventKind,
    Heartbeat,
    InstanceState,
    InstanceStatus,
    Presence,
    Refusal,
    Report,
)
from skerry_wire.workload import Container

NOW = 1_790_000_000.0
AS_USUAL = Judgement(patience=Patience(), listening=Listening(NOW), now=NOW + 60)
AT_ONCE = Lifecycle(update=Update(strategy="at-once"))
FIRST = "a" * 32
SECOND = "b" * 32


def hardware(hostname="till-1", **fields):
    return Hardware(
        system=System(arch="x86_64", hostname=hostname, os_name="Debian", kernel="6.1"),
        cpu=Cpu(logical_count=4),
        memory=Memory(total_bytes=2**33),
        runtimes=(RuntimeInfo(name="podman", version="4.3.1", usable=True),),
        **fields,
    )


def presence(online=True, incarnation=FIRST, boot=1, seq=1):
    return Presence(
        incarnation=incarnation, boot=boot, seq=seq, online=online, since=NOW, version="0.1.0"
    )


def capability(incarnation=FIRST, boot=1, seq=1, revision="c" * 16, hostname="till-1", **fields):
    return Capability(
        incarnation=incarnation,
        boot=boot,
        seq=seq,
        revision=revision,
        hardware=hardware(hostname, **fields),
    )


def report(incarnation=FIRST, boot=1, seq=1, accepted=0, generation=None, **fields):
    return Report(
        incarnation=incarnation,
        boot=boot,
        seq=seq,
        accepted=accepted,
        generation=accepted if generation is None else generation,
        **fields,
    )


def heartbeat(incarnation=FIRST, boot=1, seq=1, **fields):
    return Heartbeat(
        incarnation=incarnation, boot=boot, seq=seq, capability="c" * 16, generation=0, **fields
    )


def event(name="aaaaaaaa-1-1", incarnation=FIRST, boot=1, seq=1, subject="", **fields):
    return Event(
        incarnation=incarnation,
        boot=boot,
        seq=seq,
        id=name,
        kind=EventKind.EXITED,
        at=NOW,
        subject=subject,
        **fields,
    )


def refusal(generation=1, code="policy", reason="not allowed"):
    return Refusal(generation=generation, code=code, reason=reason)


def status(name="shop-web-0", state=InstanceState.RUNNING, revision=None, **fields):
    workload_name = name.rpartition("-")[0]
    revision = revision or workload(workload_name).revision
    return InstanceStatus(id=name, workload=workload_name, revision=revision, state=state, **fields)


def node(name="box-1", **fields):
    """Return a node that is online, known and well."""
    whole = {
        "incarnation": FIRST,
        "registered_at": NOW,
        "presence": presence(),
        "capability": capability(hostname=f"host-{name}"),
        "report": report(),
        "liveness": Liveness.ONLINE,
        "last_seen": NOW,
    }
    return Node(id=name, **{**whole, **fields})


def workload(name="shop-web", project=None, image="localhost/web:1", resources=None, **fields):
    return Workload(
        name=name,
        project=project or name.partition("-")[0],
        containers=(Container(name="web", image=image),),
        resources=resources or Resources(),
        **fields,
    )


def kept(name="shop-web", **fields):
    return Kept(workload=workload(name, **fields), created_at=NOW, updated_at=NOW)


def kept_document(document, version=1, created_at=NOW, updated_at=NOW):
    return KeptDocument(
        document=document, version=version, created_at=created_at, updated_at=updated_at
    )


def assignment(name="shop-web-0", node="box-1", revision=None, **fields):
    owner = name.rpartition("-")[0]
    whole = {"resources": Resources(), "revision": revision or workload(owner).revision}
    return Assignment(id=name, workload=owner, node=node, **{**whole, **fields})


def finished(name="shop-web-0", node="box-1", succeeded=True, **fields):
    """Return a job that has ended for good."""
    job = JobStatus(runs=1, attempts=1, succeeded=succeeded)
    state = InstanceState.EXITED if succeeded else InstanceState.FAILED
    told = Finished(incarnation=FIRST, status=status(name, state, job=job))
    return assignment(name, node, finished=told, **fields)


def columns_of(known):
    columns = Columns()
    for one in known.nodes.values():
        columns.put(one)
    for one in known.assignments.values():
        columns.reserve(one)
    return columns


def work_on(known, now=NOW):
    """Return what one call may change."""
    return Work(Draft(known), columns_of(known), now)


def settled(known, draft):
    """Return what is known once a draft is committed."""
    after = Known(
        known.nodes.values(),
        known.workloads.values(),
        known.assignments.values(),
        known.orders.values(),
        known.documents.values(),
        known.document_versions,
        vacating=known.vacating.values(),
        unplaced=known.unplaced,
    )
    updates = known.updates
    after.updates = KnownRollouts(
        updates.rollouts.values(),
        updates.members.values(),
        updates.numbers,
        updates.contents,
        updates.images,
    )
    after.settle(draft)
    return after


def changed(record, **fields):
    return dataclasses.replace(record, **fields)
