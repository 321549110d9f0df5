"""Which accelerators an instance gets."""

import pytest
from tests.hub.placement.boxes import accelerator, gpus

from skerry_hub.placement.devices import MAX_DEVICES, choose, mappings

IDLE = [
    accelerator("1"),
    accelerator("2", vendor="AMD"),
    accelerator("3"),
    accelerator("4", kind="npu", vendor="Hailo"),
]


@pytest.mark.parametrize(
    ("requests", "prefer", "addresses"),
    [
        ([], (), ()),
        ([gpus()], (), ("1",)),
        ([gpus()], ("3",), ("3",)),
        ([gpus()], ("4", "9"), ("1",)),
        ([gpus(1, "amd")], (), ("2",)),
        ([gpus(2), gpus(1, "AMD")], (), ("1", "2", "3")),
        ([gpus(1), gpus(2, "nvidia")], (), ("1", "2", "3")),
        ([gpus(1, kind="npu"), gpus(1)], (), ("1", "4")),
        ([gpus(4)], (), None),
        ([gpus(3, "nvidia")], (), None),
        ([gpus(2), gpus(2, "nvidia")], (), None),
    ],
)
def test_accelerators_are_chosen(requests, prefer, addresses):
    chosen = choose(IDLE, requests, prefer)
    assert (None if chosen is None else tuple(a.address for a in chosen)) == addresses


def test_each_device_node_is_mapped_once_to_the_same_place():
    shared = ("/dev/nvidiactl", "/dev/nvidia0"), ("/dev/nvidiactl", "/dev/nvidia1", "not a path")
    chosen = [accelerator(str(i), device_nodes=nodes) for i, nodes in enumerate(shared)]
    found = mappings(chosen)
    assert [m.host for m in found] == ["/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia1"]
    assert all(m.container == m.host and m.permissions == "rwm" for m in found)


def test_no_node_makes_more_devices_than_an_assignment_can_hold():
    many = [
        accelerator(str(i), device_nodes=tuple(f"/dev/{i}-{n}" for n in range(64)))
        for i in range(4)
    ]
    assert len(mappings(many)) == MAX_DEVICES
