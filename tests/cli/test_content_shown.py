"""Everything that was asked for is shown, or said here not to be, and why."""

import copy
import re

import pytest
from tests.cli.samples import WORKLOAD

from skerry_cli.container_text import container_facts
from skerry_cli.content_records import Content
from skerry_cli.describe_workload import facts
from skerry_cli.records import Workload as WorkloadRecord
from skerry_cli.records import read
from skerry_cli.workload_placement import placement_lines
from skerry_hub import lifecycle, model, terms
from skerry_wire import lifecycle as wire
from skerry_wire.codec import to_plain
from skerry_wire.workload import (
    BusDevice,
    Container,
    DeviceMapping,
    HealthCheck,
    Mount,
    PortMapping,
)

EXCEPTIONS = {
    "name": "the hub's view of the workload has it",
    "project": "the hub's view of the workload has it",
    "replicas": "the hub's view of the workload has it",
    "containers[].name": "is the heading",
    "containers[].environment.*": "its value may be secret",
    "containers[].credentials.*": "is never part of what is asked for",
    "containers[].secret_environment.*.version": "is the hub's affair; skerry get secrets has it",
    "containers[].secret_environment.*.box": "is sealed, and never told",
    "containers[].files[].secret.version": "is the hub's affair; skerry get secrets has it",
    "containers[].files[].secret.box": "is sealed, and never told",
}
SECRET = wire.Sealed(name="token", version="1", box=b"x")
TIMES = {"interval_s": 3.0, "timeout_s": 2.0, "start_period_s": 7.0, "retries": 4}
WEB = Container(
    name="web",
    image="localhost/web:1",
    pull="always",
    entrypoint=("/bin/sh",),
    command=("-c",),
    environment={"MODE": "x"},
    labels={"team": "shop"},
    user="1000",
    working_dir="/srv",
    ports=(PortMapping(host=8080, container=80, host_ip="127.0.0.1"),),
    mounts=(Mount(kind="volume", source="data", target="/data", read_only=True),),
    devices=(DeviceMapping(host="/dev/video0", container="/dev/video1", permissions="r"),),
    bus_devices=(
        BusDevice(
            bus="usb", address="1-1", vendor="0403", product="6001", subsystem="tty", number=1
        ),
    ),
    restart="on-failure",
    restart_retries=3,
    health=HealthCheck(command=("CMD", "/bin/true"), **TIMES),
    stop_signal="SIGINT",
    stop_grace_s=5.0,
    cpu_limit_milli=500,
    memory_limit_bytes=2**20,
    pids_limit=100,
    read_only=True,
    init=True,
    privileged=True,
    network="host",
    pid="host",
    ipc="host",
    cap_add=("NET_ADMIN",),
    cap_drop=("ALL",),
    after=(wire.After(container="db", condition="healthy"),),
    files=(
        wire.File(path="/etc/x", content=b"abc", mode=0o444, uid=1, gid=2),
        wire.File(path="/run/secrets/x", secret=SECRET),
    ),
    secret_environment={"TOKEN": SECRET},
    credentials=SECRET,
    cdi_devices=("nvidia.com/gpu=0",),
    log=wire.LogLimits(max_bytes=5000, files=3),
)
OTHERS = (
    Container(name="a", image="x", health=HealthCheck(command=(), http=wire.HttpProbe(port=1))),
    Container(name="b", image="x", health=HealthCheck(command=(), tcp=wire.TcpProbe(port=1))),
)
PLACEMENT = terms.Placement(
    strategy="pack",
    numa="single",
    affinity=(
        terms.Affinity(workload="shop-db", topology="site", anti=True, weight=3),
        terms.Affinity(selector="team=shop"),
    ),
    spread=(terms.Spread(topology="site", max_skew=2, weight=4, weights={"quay": 3}),),
    at_most=(terms.AtMost(topology="site", count=2),),
    latency=(terms.Latency(to="site", name="quay", max_ms=5.0, weight=6),),
    traffic=(
        terms.Traffic(environment="cloud", gb_per_hour=1.5),
        terms.Traffic(workload="shop-db", gb_per_hour=2.5),
    ),
    cost=terms.Cost(max_per_hour=0.5, weight=7),
    data=(
        terms.DataNeed(dataset="maps", max_transfer_s=60.0, weight=8),
        terms.DataNeed(dataset="more", local=True),
    ),
    priority=9,
    preemption="Never",
    gang="press",
)
FULL = model.Workload(
    name="shop-web",
    project="shop",
    replicas=3,
    containers=(WEB, *OTHERS),
    resources=model.Resources(
        cpu_milli=250,
        memory_bytes=2**20,
        storage_bytes=2**21,
        ports=("tcp/8080",),
        devices=(
            terms.DeviceRequest(
                kind="gpu",
                count=2,
                vendor="nvidia",
                share_milli=500,
                expressions=("device.x == 1",),
                only_reserved=True,
            ),
        ),
    ),
    constraints=(model.Constraint(key="node.labels.site", operator="==", value="quay-3"),),
    labels={"team": "shop"},
    expressions=("node.labels.gpu exists",),
    tolerations=(model.Toleration(key="a", value="b", effect="NoExecute"),),
    placement=PLACEMENT,
    lifecycle=lifecycle.Lifecycle(
        job=wire.Job(retries=2, deadline_s=60.0, schedule="* * * * *"),
        lease_s=3600.0,
        lost_after_s=90.0,
        on_site_loss="move",
        shared_network=True,
    ),
)
UPDATED = model.Workload(
    name="shop-web",
    project="shop",
    containers=(),
    lifecycle=lifecycle.Lifecycle(
        update=lifecycle.Update(
            strategy="canary",
            max_unavailable="2",
            max_failed=1,
            on_failure="rollback",
            canary="3",
            canary_pauses=True,
            wave_by="site",
            settle_s=5.0,
            deadline_s=100.0,
        )
    ),
)


def json_of(content):
    """Return what the API says of it: its bytes are texts in base64."""

    def as_text(plain):
        if isinstance(plain, dict):
            return {key: as_text(value) for key, value in plain.items()}
        if isinstance(plain, list):
            return [as_text(value) for value in plain]
        return ("YWJj" if plain else "") if isinstance(plain, bytes) else plain

    return as_text(to_plain(content, nulls=True))


def shown(plain):
    content = read(Content, plain)
    workload = read(WorkloadRecord, to_plain(WORKLOAD, nulls=True))
    return [
        *map(str, facts(workload, content, 0.0)),
        *placement_lines(content.placement),
        *(str(fact) for one in content.containers for fact in container_facts(one)),
    ]


def leaves(plain, path=(), generic=""):
    """Yield where each value is: the way to it, and the same with all items of a list alike."""
    if isinstance(plain, dict) and plain:
        named = "environment" in generic or "labels" in generic or generic.endswith("weights")
        for key, value in plain.items():
            step = "*" if named and path[-1] in ("environment", "secret_environment") else key
            yield from leaves(value, (*path, key), f"{generic}.{step}".lstrip("."))
    elif isinstance(plain, list) and plain:
        for index, value in enumerate(plain):
            yield from leaves(value, (*path, index), f"{generic}[]")
    else:
        yield path, generic, plain


def other(value):
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if value < 1000 else value * 2
    return {"replicated": "global"}.get(value, f"{value}zzzz")


def changed(plain, path):
    copied = copy.deepcopy(plain)
    there = copied
    for step in path[:-1]:
        there = there[step]
    there[path[-1]] = other(there[path[-1]])
    return copied


def is_excepted(generic):
    return any(
        re.fullmatch(re.escape(one).replace(r"\*", ".*"), generic) is not None for one in EXCEPTIONS
    )


EMPTY = ([], {}, None, "", False, 0, 0.0)
FULL_JSON, UPDATED_JSON = json_of(FULL), json_of(UPDATED)
PLACES = [
    (plain, path, generic)
    for plain, part in ((FULL_JSON, "update"), (UPDATED_JSON, ""))
    for path, generic, value in leaves(plain)
    if value not in EMPTY
    and ((generic.startswith("lifecycle.update")) is (part == ""))
    and not is_excepted(generic)
]


@pytest.mark.parametrize(("plain", "path", "generic"), PLACES, ids=[one[2] for one in PLACES])
def test_what_is_asked_for_otherwise_is_shown_otherwise(plain, path, generic):
    assert shown(changed(plain, path)) != shown(plain), generic


def test_the_samples_above_have_every_field():
    told = {generic for _, _, generic in PLACES}
    empty = {
        generic
        for plain in (FULL_JSON, UPDATED_JSON)
        for _, generic, value in leaves(plain)
        if value in EMPTY and not is_excepted(generic)
    }
    left = {
        one
        for one in empty
        if one not in told
        and not any(each.startswith((f"{one}.", f"{one}[")) for each in (*told, *EXCEPTIONS))
    }
    assert left == set(), "no sample says anything of these"


def test_no_value_that_may_be_secret_is_shown():
    out = "\n".join(shown(changed(FULL_JSON, ("containers", 0, "environment", "MODE"))))
    assert "zzzz" not in out
    assert "YWJj" not in out
