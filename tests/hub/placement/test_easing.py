"""What is said to be changed of each constraint, and that the workload so changed passes it."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest
from tests.hub.placement.boxes import (
    GIB,
    MIB,
    accelerator,
    assignment,
    fleet,
    gpus,
    node,
    workload,
)

from skerry_hub import placement
from skerry_hub.documents import Dataset, Policy, Prices, Quota, Reservation, Window
from skerry_hub.latency import Network, endpoint
from skerry_hub.model import UNSCHEDULABLE, Taint, Toleration
from skerry_hub.placement.constraints import requirements_of
from skerry_hub.placement.easing import AMOUNTS, EASINGS, Spot, all_eased
from skerry_hub.placement.governance import Forbidden, Governed
from skerry_hub.placement.quotas import budgets_of
from skerry_hub.placement.rules import rules_of
from skerry_hub.placement.world import World
from skerry_hub.terms import Cost, DataNeed, DeviceRequest, Latency, Placement
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.hardware import SerialPort
from skerry_wire.workload import Container, DeviceMapping

BOX = dataclasses.replace(
    node(
        "box",
        cpus=2,
        memory=1900 * MIB,
        labels={"site": "pier", "rank": "7"},
        accelerators=[accelerator("0"), accelerator("1", vendor="AMD")],
        serial_ports=(SerialPort(name="ttyUSB1", path="/dev/ttyUSB1"),),
    ),
    taints=(
        Taint(key="gpu", value="only", effect="NoSchedule"),
        Taint(key=UNSCHEDULABLE, effect="NoExecute"),
    ),
)
NETWORK = Network.of({"box": {endpoint("erp"): 34.04}})
RULES = (
    Prices(name="p", cpu_hour=0.03125),
    Dataset(name="maps", size_bytes=75 * 10**8),
    Reservation(name="room", selector="tier=batch", storage_bytes=16 * GIB),
)
BORNE = (Toleration(operator="Exists"),)


def world_of(*documents, box=BOX, reserved=(), **more):
    rules = rules_of([*RULES, *documents], 1)
    return World(fleet(box, reserved=reserved), rules=rules, network=NETWORK, **more)


def eased(world, load):
    """Return what is said of all that refuses, and what refuses a workload so changed."""
    columns = world.columns
    row = columns.row("box")

    def refusing(one):
        return [
            need
            for need in requirements_of(world, one)
            if any(True for _ in need.refusals(columns, row))
        ]

    budgets = [one for one in budgets_of(world, load) if any(True for _ in one.short())]
    found = all_eased(Spot(world, row, load), refusing(load), budgets)
    texts = [text for one in found for text in one.texts]
    changed = found[-1].workload
    return texts, None if changed is None else refusing(changed)


def placed(**more):
    return dataclasses.replace(workload(), placement=Placement(**more), tolerations=BORNE)


def borne(**more):
    return dataclasses.replace(workload(**more), tolerations=BORNE)


def expressed(*texts):
    return dataclasses.replace(borne(), expressions=texts)


def with_device(path):
    device = DeviceMapping(host=path, container=path)
    container = Container(name="web", image="web:1", devices=(device,))
    return dataclasses.replace(borne(), containers=(container,))


CASES = {
    "cpu": (borne(cpu=2500), ["ask for at most 2 cpu (0.5 less)"]),
    "memory": (borne(memory=2 * GIB), ["ask for at most 1.8 GiB memory (148 MiB less)"]),
    "reserved": (
        borne(storage=20 * GIB),
        [
            "ask for at most 16 GiB storage (4 GiB less) or change reservation room, "
            "which keeps the rest for others"
        ],
    ),
    "constraint": (
        borne(constraints=["node.labels.site == quay"]),
        ["drop constraint node.labels.site == quay (host-box (box) has site=pier)"],
    ),
    "no label": (
        borne(constraints=["node.labels.x == quay"]),
        ["drop constraint node.labels.x == quay (host-box (box) has no x)"],
    ),
    "arch": (
        borne(constraints=["node.platform.arch == arm64"]),
        ["drop constraint node.platform.arch == arm64 (host-box (box) has platform.arch=x86_64)"],
    ),
    "at least": (
        expressed("node.hardware.memory.total_bytes > 2GiB"),
        [
            "ask for node.hardware.memory.total_bytes >= 1.8GiB"
            " instead of node.hardware.memory.total_bytes > 2GiB"
        ],
    ),
    "at most": (
        expressed("node.hardware.cpu.logical_count < 2"),
        [
            "ask for node.hardware.cpu.logical_count <= 2"
            " instead of node.hardware.cpu.logical_count < 2"
        ],
    ),
    "a label's number": (
        expressed("node.labels.rank >= 8"),
        ["ask for node.labels.rank >= 7 instead of node.labels.rank >= 8"],
    ),
    "no number": (
        expressed("node.labels.site >= 8"),
        ["drop constraint node.labels.site >= 8 (host-box (box) has site=pier)"],
    ),
    "expression": (
        expressed("node.labels.site in [quay, mole]"),
        ["drop constraint node.labels.site in [quay, mole] (host-box (box) has site=pier)"],
    ),
    "nested": (
        expressed("not(node.labels.site exists)"),
        [
            "drop constraint not(node.labels.site exists)"
            ' (host-box (box): site is "pier": node.labels.site exists holds, which is excluded)'
        ],
    ),
    "ports": (
        borne(ports=["tcp/80", "tcp/81"]),
        ["ask for another port than tcp/80 (other-0 has it on host-box (box))"],
    ),
    "fewer": (
        borne(accelerators=[gpus(3)]),
        ["ask for 2 gpu instead of 3 (host-box (box): 2 usable gpu free < 3: 2 there)"],
    ),
    "none": (
        borne(accelerators=[gpus(kind="camera")]),
        ["ask for no camera (host-box (box): no usable camera free: none there)"],
    ),
    "path": (
        with_device("/dev/ttyUSB0"),
        [
            "drop device /dev/ttyUSB0"
            " (host-box (box): has no /dev/ttyUSB0, 1 of that sort: /dev/ttyUSB1)"
        ],
    ),
    "taints": (
        workload(),
        [
            "tolerate the taint gpu=only:NoSchedule",
            f"uncordon host-box (box) or tolerate the taint {UNSCHEDULABLE}:NoExecute",
        ],
    ),
    "latency": (
        placed(latency=(Latency(to="endpoint", name="erp", max_ms=20.0),)),
        ["allow 34.1 ms of latency to endpoint:erp (14.1 ms more)"],
    ),
    "latency that nobody knows": (
        placed(latency=(Latency(to="endpoint", name="x", max_ms=20.0),)),
        [
            "drop the limit on the latency to endpoint:x"
            " (host-box (box): there is no endpoint x, so the time to it is not known)"
        ],
    ),
    "local data": (
        placed(data=(DataNeed(dataset="maps", local=True),)),
        ["let dataset maps be moved to host-box (box), 600 s on its way"],
    ),
    "data too late": (
        placed(data=(DataNeed(dataset="maps", max_transfer_s=60.0),)),
        ["let dataset maps be moved to host-box (box), 600 s on its way"],
    ),
    "no data": (
        placed(data=(DataNeed(dataset="gone"),)),
        ["drop data gone or add the dataset gone"],
    ),
}


@pytest.mark.parametrize(("load", "texts"), CASES.values(), ids=CASES)
def test_it_is_said_what_to_do_and_so_changed_the_node_takes_it(load, texts):
    world = world_of(
        reserved=[assignment("other-0", "box", of=workload("other", ports=["tcp/80"]))]
    )
    assert eased(world, load) == (texts, [])


def test_the_price_is_that_of_what_is_asked_for_then():
    limit = Placement(cost=Cost(max_per_hour=0.05))
    dear = dataclasses.replace(borne(cpu=2000), placement=limit)
    assert eased(world_of(), dear) == (["allow a cost of 0.0625 an hour (0.0125 more)"], [])
    large = dataclasses.replace(borne(cpu=4000), placement=limit)
    assert eased(world_of(), large) == (
        [
            "ask for at most 2 cpu (2 less)",
            "allow a cost of 0.0625 an hour (0.0125 more)",
        ],
        [],
    )
    cheap = dataclasses.replace(large, placement=Placement(cost=Cost(max_per_hour=0.07)))
    assert eased(world_of(), cheap) == (["ask for at most 2 cpu (2 less)"], [])


def test_a_quota_is_asked_less_of_or_raised():
    team = Policy(name="team", quota=Quota(memory_bytes=GIB))
    assert eased(world_of(team), borne(memory=1536 * MIB)) == (
        ["ask for at most 1 GiB memory (512 MiB less) or raise the quota of policy team"],
        [],
    )


def test_a_limit_with_a_wish_stays_a_wish():
    wish = Latency(to="endpoint", name="x", max_ms=20.0, weight=3)
    world = world_of()
    load = placed(latency=(wish,))
    (need,) = [one for one in requirements_of(world, load) if one.name == "latency to endpoint x"]
    (easing,) = all_eased(Spot(world, world.columns.row("box"), load), [need], [])
    assert easing.workload.placement.latency == (dataclasses.replace(wish, max_ms=None),)


def test_what_a_box_or_a_document_refuses_for_is_told_to_be_changed_there():
    strict = dataclasses.replace(
        BOX,
        capability=dataclasses.replace(
            BOX.capability,
            hardware=dataclasses.replace(BOX.capability.hardware, policy=BoxPolicy()),
        ),
    )
    texts, changed = eased(world_of(box=strict), borne())
    assert changed is None
    assert texts[0].startswith("change the workload or the policy.toml of host-box (box): image ")
    night = Window(name="night", start=0.0, duration_s=90.0)
    assert eased(world_of(night, now=5.0), borne()) == (
        ["wait until 1970-01-01 00:02 UTC, when maintenance night of host-box (box) ends"],
        None,
    )


def test_one_that_gives_no_way_leaves_nothing_to_say():
    forbidden = Policy(name="eu", residency={"region": ("eu",)})
    world = world_of(forbidden)
    needs = [one for one in requirements_of(world, workload()) if isinstance(one, Governed)]
    assert all_eased(Spot(world, world.columns.row("box"), workload()), needs, []) is None


def test_every_constraint_that_gives_way_has_a_line_in_the_table():
    modules = [
        importlib.import_module(f"{placement.__name__}.{one.name}")
        for one in pkgutil.iter_modules(placement.__path__)
    ]
    kinds = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if hasattr(kind, "gives_way") and hasattr(kind, "refusals")
    }
    assert Forbidden in kinds
    gives_way = {kind for kind in kinds if kind.gives_way is True}
    assert {
        kind for kind in gives_way if not set(kind.__mro__) & (EASINGS.keys() | {*AMOUNTS})
    } == set()
    assert EASINGS.keys() <= gives_way


def test_a_device_request_keeps_what_it_has_of_it():
    share = DeviceRequest(kind="gpu", vendor="AMD", count=2, share_milli=500)
    texts, refusing = eased(world_of(), borne(accelerators=[share]))
    assert (texts[0].partition(" (")[0], refusing) == ("ask for 1 AMD gpu instead of 2", [])
