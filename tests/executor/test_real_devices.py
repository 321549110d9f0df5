"""A device by its port in a real container of podman, and another number after it was plugged anew.

The tree of devices is made; the device nodes are harmless ones of this machine that no container
has by itself.
"""

import pathlib

import pytest
from tests.executor.bus_tree import BusTree, number_of
from tests.executor.client import asked
from tests.executor.orders import NODE, instance, order, signed
from tests.executor.test_serve import ADAPTER, POLICY, Box

from skerry_executor.runtimes import containers

NAMES = [
    name
    for name in ("hwrng", "btrfs-control", "cpu_dma_latency", "loop-control", "fuse")
    if pathlib.Path("/dev", name).is_char_device()
]
pytestmark = pytest.mark.skipif(len(NAMES) < 2, reason="this machine has no two such nodes")


@pytest.fixture
def real(tmp_path, podman):
    tree = BusTree(tmp_path / "tree")
    box = Box(tmp_path, root=tree.root)
    box.policy.write_text(POLICY + '[devices]\nallow = ["/dev/*"]\n')
    box.runtime = containers.connect(str(podman.socket))
    yield box, tree
    box.end()
    podman.run("rm", "--all", "--force", "--time=0", check=False)


def numbers(podman, name):
    """Return what number a device node has in the container; empty where it has none such."""
    (container,) = podman.run("ps", "--format", "{{.Names}}").split()
    words = ("exec", container, "/bin/busybox", "stat", "-c", "%t:%T", f"/dev/{name}")
    found = podman.run(*words, check=False).strip()
    return ":".join(str(int(part, 16)) for part in found.split(":")) if found else ""


def test_a_container_has_its_device_whatever_number_it_has(real, podman):
    box, tree = real
    first, second = NAMES[:2]
    tree.plug(nodes=[("1-2:1.0/ttyUSB0/tty/ttyUSB0", "tty", first)])
    wanted = order(instance(bus_devices=(ADAPTER,), stop_grace_s=0.0))
    assert asked(box.path, signed(wanted)).reached
    assert numbers(podman, first) == number_of(first)
    assert numbers(podman, second) == ""
    policy = podman.run("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "--latest")
    assert policy.strip() == "on-failure", "nobody starts it before its device was looked up"

    tree.unplug().plug(nodes=[("1-2:1.0/ttyUSB1/tty/ttyUSB1", "tty", second)])
    outcome = asked(box.path)
    assert outcome.reached
    assert numbers(podman, second) == number_of(second)
    assert numbers(podman, first) == ""

    # Killed while its device is away, it is not started with what has the number by now.
    tree.unplug()
    podman.run("kill", "--all")
    outcome = asked(box.path)
    assert not outcome.reached
    assert outcome.instances[0].reason == "there is no usb 1-2 on this box"
    assert podman.run("ps", "--quiet").split() == []
    tree.plug(nodes=[("1-2:1.0/ttyUSB0/tty/ttyUSB0", "tty", first)])
    assert asked(box.path).reached
    assert numbers(podman, first) == number_of(first)
    assert box.runtime.containers(NODE)[0].devices == f"/dev/{first}={number_of(first)}"
