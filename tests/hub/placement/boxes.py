"""Nodes and workloads in one line each, and a column of them."""

from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.device_states import WHOLE
from skerry_hub.fleet.facts import Resource
from skerry_hub.fleet.fields import field
from skerry_hub.fleet.ports import Port
from skerry_hub.model import (
    Assignment,
    Constraint,
    Liveness,
    Node,
    Resources,
    Workload,
)
from skerry_hub.placement import engine, leaving
from skerry_hub.placement import explain as explaining
from skerry_hub.placement.constraints import requirements_of
from skerry_hub.placement.world import World
from skerry_hub.terms import DeviceRequest
from skerry_wire.capability import Capability
from skerry_wire.hardware import (
    Accelerator,
    Cpu,
    Filesystem,
    Hardware,
    Memory,
    RuntimeInfo,
    System,
)
from skerry_wire.messages import Heartbeat
from skerry_wire.workload import Container

INCARNATION = "00112233445566778899aabbccddeeff"
MIB = 2**20
GIB = 2**30
PODMAN = RuntimeInfo(name="podman", socket="/run/podman/podman.sock", usable=True)


def accelerator(address, kind="gpu", vendor="NVIDIA", usable=True, **more):
    more.setdefault("device_nodes", (f"/dev/{kind}-{address}",))
    return Accelerator(
        kind=kind,
        vendor=vendor,
        model="Example",
        bus="pci",
        address=address,
        usable=usable,
        **more,
    )


def node(
    name,
    *,
    cpus=4,
    memory=4 * GIB,
    storage=32 * GIB,
    accelerators=(),
    runtimes=(PODMAN,),
    labels=None,
    hub_labels=None,
    arch="x86_64",
    liveness=Liveness.ONLINE,
    diverged=None,
    incarnation=INCARNATION,
    known=True,
    last_seen=0.0,
    **hardware,
):
    filesystems = (
        ()
        if storage is None
        else (Filesystem(mount="/", device="/dev/a", type="ext4", size_bytes=storage),)
    )
    hardware.setdefault("filesystems", filesystems)
    capability = Capability(
        incarnation=incarnation,
        boot=1,
        seq=1,
        revision="00ff00ff",
        hardware=Hardware(
            system=System(hostname=f"host-{name}", arch=arch),
            cpu=Cpu(logical_count=cpus),
            memory=Memory(total_bytes=memory),
            accelerators=tuple(accelerators),
            runtimes=tuple(runtimes),
            labels=labels or {},
            **hardware,
        ),
    )
    return Node(
        id=name,
        incarnation=incarnation,
        registered_at=0.0,
        capability=capability if known else None,
        liveness=liveness,
        labels=hub_labels or {},
        diverged=diverged,
        last_seen=last_seen,
    )


def workload(
    name="shop-web",
    *,
    replicas=1,
    mode="replicated",
    cpu=0,
    memory=0,
    storage=0,
    ports=(),
    accelerators=(),
    constraints=(),
    image="web:1",
    **fields,
):
    return Workload(
        name=name,
        project="shop",
        mode=mode,
        replicas=replicas,
        containers=(Container(name="web", image=image),),
        resources=Resources(
            cpu_milli=cpu,
            memory_bytes=memory,
            storage_bytes=storage,
            ports=tuple(ports),
            devices=tuple(accelerators),
        ),
        constraints=tuple(constraint(text) for text in constraints),
        **fields,
    )


def constraint(text):
    key, operator, value = text.split(" ", 2)
    return Constraint(key=key, operator=operator, value=value)


def gpus(count=1, vendor=None, kind="gpu"):
    return DeviceRequest(kind=kind, count=count, vendor=vendor)


def assignment(instance, where, *, of=None, **more):
    of = of or workload()
    return Assignment(
        id=instance,
        workload=of.name,
        revision=of.revision,
        node=where,
        resources=of.resources,
        **more,
    )


def fleet(*nodes, reserved=()):
    columns = Columns()
    for one in nodes:
        columns.put(one)
    for one in reserved:
        columns.reserve(one)
    return columns


FIELDS = (
    "node.id",
    "node.hostname",
    "node.platform.arch",
    "node.labels.site",
    "node.labels.x",
    "node.hardware.cpu.logical_count",
    "node.hardware.accelerators.vendor",
)
SEEN_KINDS = ("gpu", "npu", "camera", "usb", "serial")


def told(columns, path):
    """Return what each node tells of a field, by id."""
    found = columns.told(field(path))
    return [found.values[code] for code in found.codes(columns.rows()).tolist()]


def free_devices(columns, kind="gpu"):
    """Return the names of the devices of which nothing is held, of each node by id."""
    states = [columns.state(kind, row) for row in columns.rows().tolist()]
    return [
        [one.name for one, left in zip(devices, free, strict=True) if left == WHOLE]
        for devices, free in states
    ]


def seen(columns):
    """Return everything that placement and liveness see, by the nodes' ids."""
    rows = columns.rows()
    facts = list(columns.each(rows))
    found = {
        "facts": facts,
        "capacity": [columns.capacity(one.id) for one in facts],
        "free": [columns.free(resource, rows).tolist() for resource in Resource],
        "total": [columns.total(resource, rows).tolist() for resource in Resource],
        "instances": columns.instances(rows).tolist(),
        "online": columns.online(rows).tolist(),
        "diverged": columns.diverged(rows).tolist(),
        "runtime": columns.has_runtime(rows).tolist(),
        "answers": columns.runtime_answers(rows).tolist(),
        "idle": columns.accelerators_idle(rows).tolist(),
        "told": {path: told(columns, path) for path in FIELDS},
        "states": {
            kind: [columns.state(kind, row) for row in rows.tolist()] for kind in SEEN_KINDS
        },
        "taints": [
            columns.without_taints(lambda taints, one=one: taints == one.taints, rows).tolist()
            for one in facts
        ],
        "assigned": {one.id: frozenset(columns.assigned(one.id)) for one in facts},
        "signs": [(columns.last_seen(one.id), columns.sample(one.id)) for one in facts],
    }
    there = {one for held in found["assigned"].values() for one in held}
    found["of"] = {
        name: frozenset(columns.instances_of(name).values())
        for name in {one.workload for one in there} | {"shop-web", "shop-db", "x"}
    }
    ports = sorted({text for one in there for text in one.resources.ports})
    found["ports"] = {
        text: [columns.port_holder(row, Port.parse(text)) for row in rows.tolist()]
        for text in (*ports, "tcp/80", "udp/80")
    }
    return found


def beat(seq, boot=1, incarnation=INCARNATION, **more):
    return Heartbeat(
        incarnation=incarnation, boot=boot, seq=seq, capability="00ff00ff", generation=3, **more
    )


def where(decision):
    """Return each instance's node."""
    return {one.id: one.node for one in decision.assignments}


def steps(decision):
    """Return what changes, `keep` left out."""
    return [(c.action, c.instance, c.node) for c in decision.changes if c.action != "keep"]


def place(columns, load, current, *, keep, **world):
    """Decide about a workload in a world of these columns."""
    return engine.place(World(columns, **world), load, current, keep=keep)


def evacuate(columns, load, current, node, *, force):
    """Let a workload leave a node in a world of these columns."""
    return leaving.evacuate(World(columns), load, current, node, force=force)


def explain(columns, load, current, *, node=None, most=10_000, instance=None, standings=0, **world):
    """Explain a workload in a world of these columns."""
    return explaining.explain(
        World(columns, **world),
        load,
        current,
        node=node,
        most=most,
        instance=instance,
        standings=standings,
    )


def requirements(columns, load):
    """Return what a workload requires."""
    return requirements_of(World(columns), load)
