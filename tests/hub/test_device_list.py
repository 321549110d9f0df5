"""The fleet's devices: which are asked for, and who uses them."""

import dataclasses

import pytest
from tests.hub.records import assignment, capability, finished, node, workload

from skerry_hub.device_list import Wanted, device_views
from skerry_hub.devices import devices_of
from skerry_hub.fleet.device_states import device_id
from skerry_hub.model import Hold, Liveness
from skerry_hub.state import Kept, Known
from skerry_wire.hardware import Accelerator, Camera, Disk, SerialPort, UsbDevice
from skerry_wire.workload import Container, DeviceMapping

GPU = Accelerator(
    kind="gpu",
    vendor="NVIDIA",
    model="L4",
    bus="pci",
    address="0000:01:00.0",
    device_nodes=("/dev/dri/card0", "/dev/dri/renderD128"),
    usable=True,
)
NPU = Accelerator(
    kind="npu", vendor="hailo", model="Hailo-8", bus="pci", address="0000:02:00.0", reason="no"
)


def box(name="box-1", **fields):
    return node(
        name,
        capability=capability(
            hostname=f"host-{name}",
            accelerators=(NPU, GPU),
            cameras=(
                Camera(name="cam", path="/dev/video0"),
                Camera(name="cam", path="/dev/video1"),
            ),
            storage=(Disk(name="sda"),),
            serial_ports=(SerialPort(name="ttyUSB0", path="/dev/ttyUSB0"),),
        ),
        **fields,
    )


def naming(*paths, name="shop-web"):
    devices = tuple(DeviceMapping(host=path, container="/dev/x") for path in paths)
    containers = (Container(name="web", image="i", devices=devices),)
    content = dataclasses.replace(workload(name), containers=containers)
    return Kept(workload=content, created_at=0.0, updated_at=0.0)


def listed(known, wanted=Wanted()):  # noqa: B008 - frozen
    return list(device_views(known, known.nodes.values(), wanted))


def users(known):
    return {view.name: view.used_by for view in listed(known) if view.used_by}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["video0", "video1", "sda", "0000:01:00.0", "0000:02:00.0", "ttyUSB0"]),
        (Wanted(kinds=frozenset({"gpu", "npu"})), ["0000:01:00.0", "0000:02:00.0"]),
        (Wanted(vendor="nvid"), ["0000:01:00.0"]),
        (Wanted(vendor="intel"), []),
        (Wanted(usable=True), ["video0", "video1", "0000:01:00.0", "ttyUSB0"]),
        (Wanted(usable=False), ["0000:02:00.0"]),
    ],
)
def test_only_what_is_asked_for_is_given(wanted, names):
    assert [view.name for view in listed(Known([box()]), wanted)] == names


def test_a_device_says_where_it_is_and_how_its_node_is():
    known = Known([box(liveness=Liveness.LOST), node("box-2", capability=None)])
    view = next(view for view in listed(known) if view.kind == "npu")
    assert (view.id, view.node, view.hostname) == ("box-1/npu/0000:02:00.0", "box-1", "host-box-1")
    assert (view.liveness, view.usable, view.reason, view.bus) == (
        Liveness.LOST,
        False,
        "no",
        "pci",
    )


def test_ids_tell_all_devices_apart():
    ids = [view.id for view in listed(Known([box(), box("box-2")]))]
    assert len(ids) == len(set(ids)) == 12


def test_who_names_a_path_or_holds_an_accelerator_uses_it():
    known = Known(
        [box(), box("box-2")],
        [naming("/dev/video0"), naming("/dev/ttyUSB0", name="shop-db")],
        [
            assignment("shop-web-10"),
            assignment("shop-web-2", held=(Hold(device="gpu/0000:01:00.0", milli=250),)),
            assignment("shop-db-0", node="box-2"),
        ],
    )
    assert users(Known([box()], known.workloads.values(), known.assignments.values())) == {
        "video0": ("shop-web-2", "shop-web-10"),
        "0000:01:00.0": ("shop-web-2",),
    }
    held = {view.name: view.held_milli for view in listed(known) if view.held_milli}
    assert held == {"0000:01:00.0": {"shop-web-2": 250}}
    on_second = [v for v in listed(known) if v.node == "box-2" and v.used_by]
    assert [(v.name, v.used_by) for v in on_second] == [("ttyUSB0", ("shop-db-0",))]


def test_a_finished_job_uses_nothing():
    held = (Hold(device="gpu/0000:01:00.0", milli=250),)
    known = Known([box()], [naming("/dev/video0")], [finished(held=held)])
    assert users(known) == {}
    assert [view.held_milli for view in listed(known) if view.held_milli] == []


def test_a_folder_of_devices_gives_all_that_is_in_it_and_no_namesake():
    known = Known([box()], [naming("/dev/dri", "/dev/video")], [assignment()])
    assert users(known) == {"0000:01:00.0": ("shop-web-0",)}


def test_device_nodes_of_an_assignment_count_too():
    given = (DeviceMapping(host="/dev/ttyUSB0", container="/dev/ttyUSB0"),)
    known = Known([box()], [], [assignment(devices=given)])
    assert users(known) == {"ttyUSB0": ("shop-web-0",)}


def test_a_view_has_the_size_of_its_device():
    disk = Disk(name="sda", size_bytes=2**34)
    known = Known([node(capability=capability(storage=(disk,)))])
    assert [view.size_bytes for view in listed(known)] == [2**34]


def test_what_is_held_as_another_kind_at_the_same_place_is_used_and_free_for_nobody_else():
    serial = SerialPort(name="ttyUSB0", path="/dev/ttyUSB0", bus="usb", address="1-2:1.0")
    has = capability(
        usb=(UsbDevice(path="1-2"), UsbDevice(path="1-3")),
        serial_ports=(serial,),
    )
    (held,) = (one for one in devices_of(has.hardware) if one.kind == "serial")
    known = Known(
        [node("box-1", capability=has)], [], [assignment(held=(Hold(device=device_id(held)),))]
    )
    found = {view.name: view for view in listed(known, Wanted(kinds=frozenset({"usb", "serial"})))}
    assert {name: view.used_by for name, view in found.items()} == {
        "ttyUSB0": ("shop-web-0",),
        "1-2": ("shop-web-0",),
        "1-3": (),
    }
    assert found["1-2"].held_milli == {}
