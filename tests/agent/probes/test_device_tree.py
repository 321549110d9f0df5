"""The device tree: which nodes there are, and which of them firmware has turned off."""

import pytest
from tests.agent.trees import Tree

from skerry_agent.host import Host
from skerry_agent.probes.device_tree import MAX_DEPTH, MAX_NODES, base_of, device_tree


def paths(tree):
    return [node.path for node in device_tree(tree.host)]


def test_the_root_comes_first_with_all_of_its_compatibles(tree):
    tree.node("/", "radxa,rock-5b rockchip,rk3588").node("/npu@1", "rockchip,rk3588-rknpu")
    root, npu = device_tree(tree.host)
    assert (root.path, root.compatibles) == ("/", ("radxa,rock-5b", "rockchip,rk3588"))
    assert (npu.path, npu.name, npu.is_enabled) == ("/npu@1", "npu@1", True)


@pytest.mark.parametrize(
    ("status", "is_enabled"),
    [("okay", True), ("ok", True), ("", True), ("disabled", False), ("reserved", False)],
)
def test_what_a_status_means(tree, status, is_enabled):
    tree.node("/", "x,y").node("/soc", "simple-bus").node("/soc/npu@1", "a,b", status=status)
    *_, npu = device_tree(tree.host)
    assert npu.is_enabled is is_enabled


def test_what_is_below_a_node_that_is_off_is_off(tree):
    tree.node("/", "x,y").node("/soc", "simple-bus", status="disabled").node("/soc/npu@1", "a,b")
    assert [node.is_enabled for node in device_tree(tree.host)] == [True, False, False]


def test_nodes_without_a_compatible_are_walked_through(tree):
    tree.node("/", "x,y").node("/remoteproc@1/glink-edge/fastrpc", "qcom,fastrpc")
    assert paths(tree) == ["/", "/remoteproc@1/glink-edge/fastrpc"]


def test_wiring_is_passed_over(tree):
    tree.node("/", "x,y")
    for name in ("clocks", "i2c@1", "pinctrl@2", "reserved-memory", "__symbols__"):
        tree.node(f"/{name}/npu@1", "a,b")
    assert paths(tree) == ["/"]


def test_the_tree_may_stand_in_proc_only(tree):
    tree.write("proc/device-tree/compatible", b"x,y\0")
    assert (base_of(tree.host), paths(tree)) == ("/proc/device-tree", ["/"])


def test_a_box_without_a_tree_has_no_nodes(tree):
    assert (base_of(tree.host), paths(tree)) == (None, [])


def test_how_deep_and_how_far_is_looked(tree):
    tree.node("/", "x,y").node("/a" * (MAX_DEPTH + 1), "too,deep").node("/a" * MAX_DEPTH, "deep")
    assert paths(tree) == ["/", "/a" * MAX_DEPTH]
    for number in range(MAX_NODES + 10):
        (tree.root / f"sys/firmware/devicetree/base/n{number}").mkdir()
    tree.node("/zz", "after,all")
    assert "/zz" not in paths(tree)


def test_bytes_that_are_no_text_are_no_compatible(tree):
    tree.node("/", "x,y").write("sys/firmware/devicetree/base/npu/compatible", b"\x01\x02\0\xff\0")
    assert paths(tree) == ["/", "/npu"]
    assert "\x01" not in "".join(device_tree(tree.host)[1].compatibles)


def test_a_running_box_is_walked_once(tmp_path):
    tree = Tree(tmp_path).node("/", "x,y")
    host = Host(tmp_path, live=True)
    first = device_tree(host)
    tree.node("/npu@1", "a,b")
    assert device_tree(host.afresh()) is first
    assert len(device_tree(Host(tmp_path))) == 2
