"""Device nodes that containers name by their path."""

import dataclasses

import pytest
from tests.hub.placement.boxes import explain, fleet, node, place, where, workload

from skerry_wire.hardware import ProbeStatus, SerialPort
from skerry_wire.workload import DeviceMapping

PORT = SerialPort(name="ttyUSB0", path="/dev/ttyUSB0")
OTHER = SerialPort(name="ttyUSB1", path="/dev/ttyUSB1")


def asking(*paths):
    load = workload()
    devices = tuple(DeviceMapping(host=path, container="/dev/x") for path in paths)
    (container,) = load.containers
    return dataclasses.replace(load, containers=(dataclasses.replace(container, devices=devices),))


def test_only_a_box_that_has_the_device_node_takes_it():
    columns = fleet(node("a"), node("b", serial_ports=(OTHER,)), node("c", serial_ports=(PORT,)))
    load = asking("/dev/ttyUSB0")
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "c"}
    told = {one.node: one.reasons[0].text for one in explain(columns, load, []).verdicts[1:]}
    assert told == {
        "a": "has no /dev/ttyUSB0, 0 of that sort",
        "b": "has no /dev/ttyUSB0, 1 of that sort: /dev/ttyUSB1",
    }


def naming(*names):
    load = workload()
    (container,) = load.containers
    named = dataclasses.replace(container, cdi_devices=names)
    return dataclasses.replace(load, containers=(named,))


def test_only_a_box_that_has_the_name_in_cdi_takes_it():
    columns = fleet(node("a"), node("c", cdi_devices=("hailo.ai/npu=0",)))
    load = naming("hailo.ai/npu=0")
    assert where(place(columns, load, [], keep=False)) == {"shop-web-0": "c"}
    told = {one.node: one.reasons[0].text for one in explain(columns, load, []).verdicts[1:]}
    assert told == {"a": "has no hailo.ai/npu=0, 0 of that sort"}


def test_a_unique_number_is_left_to_the_box():
    load = naming("nvidia.com/gpu=GPU-4bd6a6a1-7d22-4f3a-9a55-2b1f5d1f0c11")
    assert explain(fleet(node("a")), load, []).feasible == 1


@pytest.mark.parametrize("path", ["/dev/snd", "/dev/fuse", "/dev/tty1"])
def test_what_no_box_tells_of_is_left_to_the_box(path):
    assert explain(fleet(node("a")), asking(path), []).feasible == 1


def test_what_a_failed_look_hides_is_not_known():
    failed = {"serial_ports": ProbeStatus(status="failed", reason="cannot be read")}
    columns = fleet(node("a", probes=failed), node("b", known=False))
    found = explain(columns, asking("/dev/ttyUSB0"), [])
    texts = {one.node: [reason.text for reason in one.reasons] for one in found.verdicts}
    assert texts["a"] == ["whether it has /dev/ttyUSB0 is not known: cannot be read"]
    assert "whether it has /dev/ttyUSB0 is not known" in texts["b"]


def test_workloads_that_differ_in_their_paths_alone_are_not_mixed_up():
    columns = fleet(node("a", serial_ports=(PORT,)), node("b", serial_ports=(OTHER,)))
    assert where(place(columns, asking("/dev/ttyUSB0"), [], keep=False)) == {"shop-web-0": "a"}
    assert where(place(columns, asking("/dev/ttyUSB1"), [], keep=False)) == {"shop-web-0": "b"}
