"""Views of a small fleet, as the hub's own classes have them."""

import dataclasses

from tests.cli.canned import NOW
from tests.hub import documents

from skerry_hub import model, terms, views
from skerry_hub.api.documents import document_json, version_json
from skerry_hub.documents import DocumentChange, KeptDocument
from skerry_wire import hardware
from skerry_wire.messages import Health, InstanceState
from skerry_wire.workload import Container, DeviceMapping, Mount, PortMapping

MIB = 1024 * 1024


def ago(seconds):
    """Return a moment a little longer ago than this, so that its age is not at an edge."""
    return NOW - seconds - 0.25


INSTANCE = views.InstanceView(
    id="shop-web-0",
    workload="shop-web",
    revision="1234567890abcdef",
    node="box-1",
    hostname="quay",
    state=InstanceState.RUNNING,
    health=Health.HEALTHY,
    image="localhost/web:1",
    started_at=ago(300),
)

BROKEN = views.InstanceView(
    id="shop-web-1",
    workload="shop-web",
    revision="0000000000000000",
    node="box-2",
    hostname="pier",
    state=InstanceState.FAILED,
    reason="image localhost/web:2 cannot be pulled",
    image="localhost/web:2",
    exit_code=125,
    restarts=4,
    current=False,
)

NODE = views.NodeView(
    id="box-1",
    hostname="quay",
    incarnation="f" * 32,
    liveness=model.Liveness.ONLINE,
    last_seen=ago(3),
    registered_at=ago(3 * 86400),
    version="0.1.0",
    arch="x86_64",
    os="linux",
    kernel="6.1.0",
    capability="c" * 16,
    labels={"kubernetes.io/arch": "arm64", "site": "quay-3", "zone": "harbour"},
    accelerators=(
        hardware.Accelerator(
            kind="gpu",
            vendor="nvidia",
            model="L4",
            bus="pci",
            address="0000:01:00.0",
            usable=True,
            memory_bytes=24 * 1024 * MIB,
        ),
        hardware.Accelerator(
            kind="npu",
            vendor="hailo",
            model="Hailo-8",
            bus="pci",
            address="0000:02:00.0",
            reason="no driver",
        ),
    ),
    runtimes=("podman",),
    resources=views.ResourcesView(
        cpu_milli=4000,
        cpu_reserved_milli=250,
        memory_bytes=8192 * MIB,
        memory_reserved_bytes=180 * MIB,
        memory_available_bytes=6000 * MIB,
        storage_bytes=64 * 1024 * MIB,
        cpu_percent=12.5,
        load_1m=0.42,
        temperature_c=51.0,
        battery_percent=80.0,
        on_battery=True,
        power_w=12.5,
        filesystems_available_bytes={"/data": 10 * 1024 * MIB},
    ),
    order=views.OrderView(issued=3, accepted=3, reached=3),
    instances=(INSTANCE,),
)

LOST = views.NodeView(
    id="box-2",
    hostname="pier",
    incarnation="e" * 32,
    liveness=model.Liveness.LOST,
    last_seen=0.0,
    registered_at=ago(90),
    problems=("podman does not answer: connection refused",),
    diverged="it is ahead: it accepted order 7, and this hub issued 5",
    order=views.OrderView(issued=5, accepted=7, reached=4, refusal="image x is not allowed"),
    instances=(BROKEN,),
)

DEVICES = (
    views.DeviceView(
        id="box-1/gpu/0000:01:00.0",
        node="box-1",
        hostname="quay",
        liveness=model.Liveness.ONLINE,
        kind="gpu",
        name="0000:01:00.0",
        vendor="nvidia",
        model="L4",
        size_bytes=24 * 1024 * MIB,
        bus="pci",
        address="0000:01:00.0",
        paths=("/dev/nvidia0", "/dev/nvidiactl"),
        driver="nvidia",
        usable=True,
        used_by=("shop-web-0", "shop-web-1"),
        held_milli={"shop-web-0": 500},
    ),
    views.DeviceView(
        id="box-1/npu/0000:02:00.0",
        node="box-1",
        hostname="quay",
        liveness=model.Liveness.ONLINE,
        kind="npu",
        name="0000:02:00.0",
        vendor="hailo",
        model="Hailo-8",
        bus="pci",
        address="0000:02:00.0",
        usable=False,
        reason="no driver",
    ),
    views.DeviceView(
        id="box-1/disk/sda",
        node="box-1",
        hostname="quay",
        liveness=model.Liveness.ONLINE,
        kind="disk",
        name="sda",
        size_bytes=256 * 1024 * MIB,
        bus="sata",
        paths=("/dev/sda",),
    ),
    views.DeviceView(
        id="box-2/camera/video0",
        node="box-2",
        hostname="pier",
        liveness=model.Liveness.LOST,
        kind="camera",
        name="video0",
        model="HD Webcam",
        paths=("/dev/video0",),
        usable=True,
    ),
)

EVENTS = (
    views.EventView(id="e1", node="box-1", kind="started", at=ago(3600)),
    views.EventView(
        id="e2",
        node="box-2",
        kind="failed",
        at=ago(30),
        subject="shop-web-1",
        detail="image localhost/web:2 cannot be pulled",
        generation=4,
    ),
)

HARDWARE = hardware.Hardware(
    system=hardware.System(
        arch="x86_64",
        hostname="quay",
        kernel="6.1.0",
        os_name="Debian GNU/Linux 12",
        board_vendor="Acme",
        board_model="Box 3",
        cgroup_version=2,
    ),
    cpu=hardware.Cpu(
        model="Acme A72", core_count=4, package_count=1, logical_count=4, effective_count=2
    ),
    memory=hardware.Memory(total_bytes=8192 * MIB, swap_bytes=0),
    storage=(hardware.Disk(name="nvme0n1", size_bytes=64 * 1024 * MIB, transport="nvme"),),
    filesystems=(
        hardware.Filesystem(
            mount="/data", device="/dev/sdb1", type="ext4", size_bytes=20 * 1024 * MIB
        ),
    ),
    nics=(
        hardware.Nic(name="eth0", hardware=True, kind="ethernet", speed_mbps=1000, operstate="up"),
        hardware.Nic(name="lo", hardware=False, kind="other"),
    ),
    pci=(
        hardware.PciFunction(
            address="0000:01:00.0",
            vendor="10de",
            device="27b8",
            class_="0300",
            vendor_name="NVIDIA Corporation",
            driver="nvidia",
        ),
    ),
    accelerators=NODE.accelerators,
    runtimes=(hardware.RuntimeInfo(name="podman", version="4.3.1", usable=True),),
    probes={"usb": hardware.ProbeStatus(status="failed", reason="no permission")},
)

ROUND_TRIPS = [
    views.RoundTripView(
        node="box-1", hostname="quay", target="broker", ms=8.125, error_ms=0.8125, measured=True
    ),
    views.RoundTripView(
        node="box-1", hostname="quay", target="endpoint/erp", ms=31.5, error_ms=6, measured=False
    ),
]
NODE_DETAIL = views.NodeDetail(
    node=NODE, hardware=HARDWARE, events=EVENTS[:1], round_trips=tuple(ROUND_TRIPS)
)
LOST_DETAIL = views.NodeDetail(node=LOST, events=EVENTS[1:])

WORKLOAD = views.WorkloadView(
    name="shop-web",
    project="shop",
    revision="1234567890abcdef",
    mode="replicated",
    images=("localhost/web:1",),
    wanted=1,
    placed=1,
    running=1,
    current=1,
    ready=1,
    state="running",
    created_at=ago(86400 * 2),
    updated_at=ago(600),
    instances=(INSTANCE,),
)

DEGRADED = views.WorkloadView(
    name="shop-web",
    project="shop",
    revision="1234567890abcdef",
    mode="replicated",
    images=("localhost/web:1",),
    wanted=3,
    placed=2,
    running=1,
    current=1,
    ready=1,
    state="unplaced",
    reason="1 of 3 replicas found no node",
    created_at=ago(86400 * 2),
    updated_at=ago(600),
    instances=(INSTANCE, BROKEN),
)

CONTENT = model.Workload(
    name="shop-web",
    project="shop",
    replicas=3,
    containers=(
        Container(
            name="web",
            image="localhost/web:1",
            command=("/bin/httpd", "-f"),
            environment={"PASSWORD": "secret-value", "MODE": "x"},
            ports=(PortMapping(host=8080, container=80, host_ip="127.0.0.1"),),
            mounts=(Mount(kind="volume", source="data", target="/data", read_only=True),),
            devices=(DeviceMapping(host="/dev/video0", container="/dev/video0"),),
        ),
    ),
    resources=model.Resources(
        cpu_milli=250,
        memory_bytes=180 * MIB,
        devices=(terms.DeviceRequest(kind="gpu", count=1),),
    ),
    constraints=(model.Constraint(key="node.labels.site", operator="==", value="quay-3"),),
    expressions=("node.labels.gpu exists",),
    labels={"team": "shop"},
)

DETAIL = views.WorkloadDetail(workload=WORKLOAD, content=CONTENT, events=EVENTS[:1])
DEGRADED_DETAIL = views.WorkloadDetail(workload=DEGRADED, content=CONTENT, events=EVENTS[1:])

EXPLANATION = model.Explanation(
    workload="shop-web",
    wanted=3,
    placed=2,
    feasible=0,
    blocked={"memory": 2, "label": 1},
    alone={"memory": 2},
    verdicts=(
        model.Verdict(
            node="box-2",
            hostname="pier",
            feasible=False,
            reasons=(
                model.Reason(constraint="memory", text="lacks 180 MiB of memory", missing=180.0),
            ),
        ),
        model.Verdict(
            node="box-1",
            hostname="quay",
            feasible=True,
            score=0.8251,
            scores={
                "spread": model.Part(value=0.75, weight=80, points=60.0),
                "balance": model.Part(value=0.9, weight=10, points=9.0),
            },
            instances=("shop-web-0", "shop-web-1"),
        ),
        model.Verdict(
            node="box-3",
            hostname="box-3",
            feasible=False,
            reasons=(
                model.Reason(constraint="memory", text="lacks 1 GiB of memory", missing=1024.0),
                model.Reason(constraint="label", text="node.labels.site is mars, not quay-3"),
            ),
        ),
    ),
)

PLACED = model.Explanation(
    workload="shop-web",
    wanted=1,
    placed=1,
    feasible=1,
    verdicts=(EXPLANATION.verdicts[1],),
)


def change(action, instance="shop-web-0", node="box-1", detail=""):
    return model.Change(
        action=action,
        instance=instance,
        workload=instance.rsplit("-", 1)[0],
        node=node,
        detail=detail,
    )


PLAN = views.PlanView(
    changes=(
        change("create"),
        change("replace", "shop-db-0", "box-2", "other image"),
        change("keep", "shop-db-1"),
        change("remove", "shop-old-0"),
        change("move", "shop-far-0", "box-3"),
    ),
    created=("shop-web",),
    updated=("shop-db",),
    unchanged=("shop-far",),
    removed=("shop-old",),
    orphans=("shop-lost",),
)
UNPLACED = views.PlanView(created=("shop-web",), unplaced=(EXPLANATION,))
SAME = views.PlanView(changes=(change("keep"),), unchanged=("shop-web",))
CREATED = views.PlanView(changes=(change("create"),), created=("shop-web",))
NOTHING = views.PlanView()


def kept(document, version=2):
    return document_json(
        KeptDocument(
            document=document, version=version, created_at=ago(86400 * 3), updated_at=ago(600)
        )
    )


POLICY, PRICES, DATASET, ENDPOINT, RESERVATION, WINDOW = map(kept, documents.EVERY)
DOCUMENTS = (POLICY, PRICES, DATASET, ENDPOINT, RESERVATION, WINDOW)
"""One of each kind, as the API's JSON."""


def _history():
    first = DocumentChange(document=documents.PRICES, version=1, action="put", at=ago(86400 * 3))
    dearer = dataclasses.replace(documents.PRICES, cpu_hour=0.05)
    second = DocumentChange(document=dearer, version=2, action="put", at=ago(600), who="ann")
    return {"items": [version_json(second, first), version_json(first, None)]}


HISTORY = _history()
OF_DOCUMENTS = views.PlanView(
    changes=(change("create"),),
    created=("shop-web",),
    documents=(
        views.DocumentPlan(kind="Policy", name="eu-only", action="created", version=1),
        views.DocumentPlan(
            kind="Prices",
            name="cloud",
            action="updated",
            version=2,
            changes=("cpu_hour: 0.031 -> 0.05",),
        ),
        views.DocumentPlan(kind="MaintenanceWindow", name="w", action="unchanged", version=7),
    ),
)
SAME_DOCUMENT = views.PlanView(documents=OF_DOCUMENTS.documents[2:])
DELETED = views.DocumentPlan(kind="Policy", name="eu-only", action="deleted", version=2)

FULL = (
    (views.NodeView, (NODE, LOST)),
    (views.InstanceView, (INSTANCE, BROKEN)),
    (views.WorkloadView, (WORKLOAD, DEGRADED)),
    (views.EventView, EVENTS),
    (views.DeviceView, DEVICES),
    (views.PlanView, (PLAN, UNPLACED, SAME, OF_DOCUMENTS)),
    (views.DocumentPlan, OF_DOCUMENTS.documents),
    (model.Explanation, (EXPLANATION, PLACED)),
)
"""Samples by their class."""
