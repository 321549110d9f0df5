import collections

import pytest
from benchmarks import fleet
from benchmarks.makes import MAKES, Variant, hardware_of

from skerry_hub.model import Liveness
from skerry_wire import codec
from skerry_wire.capability import Capability


@pytest.fixture(scope="module")
def nodes():
    return list(fleet.boxes(4000))


def test_the_shares_of_the_makes_are_all_there_is():
    assert sum(make.share for make in MAKES) == 100
    assert len({make.name for make in MAKES}) == len(MAKES) >= 12


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_what_a_make_has_is_a_message_that_reads_back(make):
    variant = Variant(memory_gib=make.memory_gib[0], gpus=2, cameras=2, adapters=1, modem=True)
    hardware = hardware_of(make, variant)
    capability = Capability(
        incarnation=fleet.INCARNATION, boot=1, seq=1, revision="00ff00ff00ff00ff", hardware=hardware
    )
    assert codec.decode(Capability, codec.encode(capability)) == capability
    gpus = [one for one in hardware.accelerators if one.bus == "pci"]
    assert len(gpus) == (2 if make.gpu else 0)
    assert {one.address for one in gpus} <= {one.address for one in hardware.pci}


def test_the_fleet_is_the_same_each_time_and_no_two_nodes_are_one(nodes):
    again = list(fleet.boxes(4000))
    assert [one.id for one in again] == [one.id for one in nodes]
    assert again[77].capability == nodes[77].capability
    assert len({one.id for one in nodes}) == len({one.hostname for one in nodes}) == 4000


def test_it_is_as_uneven_as_it_says(nodes):
    hardware = [one.capability.hardware for one in nodes]

    def share(test):
        return sum(map(test, hardware)) / len(hardware)

    assert 0.05 < share(lambda one: any(gpu.kind == "gpu" for gpu in one.accelerators)) < 0.15
    assert 0.1 < share(lambda one: bool(one.cameras)) < 0.25
    assert 0.25 < share(lambda one: bool(one.serial_ports)) < 0.75
    assert max(len(one.accelerators) for one in hardware) == 8
    assert 0.01 < sum(bool(one.taints) for one in nodes) / len(nodes) < 0.05
    lost = sum(one.liveness is not Liveness.ONLINE for one in nodes)
    assert 0.005 < lost / len(nodes) < 0.04
    sites = collections.Counter(one.all_labels["site"] for one in nodes)
    assert len(sites) == 200
    assert len({one.all_labels["zone"] for one in nodes}) == fleet.ZONES
    assert len({one.all_labels["region"] for one in nodes}) == fleet.REGIONS


def test_boxes_of_one_make_share_their_records(nodes):
    parts = {id(one.capability.hardware.pci) for one in nodes}
    assert len(parts) < len(nodes) / 8


def test_labels_are_those_of_a_box_whether_they_are_shared_or_not(nodes):
    for shared, own in zip(nodes[:50], fleet.boxes(4000, shared=False), strict=False):
        labels = own.capability.hardware.labels
        assert dict(shared.capability.hardware.labels) == labels
        assert labels["kubernetes.io/hostname"] == own.hostname
        assert any(key.startswith("feature.node.kubernetes.io/cpu-cpuid.") for key in labels)
        assert len(shared.capability.hardware.labels) == len(labels)
