"""A capability that is too large for a message loses what says least, and says so."""

import dataclasses

import pytest

from skerry_agent.fitting import CUTS, MOST_BYTES, fitted
from skerry_wire import codec
from skerry_wire.box_policy import MAX_TOLD_BYTES, BoxPolicy
from skerry_wire.capability import Capability
from skerry_wire.hardware import Accelerator, Hardware, Nic, PciFunction, ProbeStatus

FOUND = ProbeStatus(status="found")
GPU = Accelerator(kind="gpu", vendor="NVIDIA", model="A100", bus="pci", address="0000:65:00.0")


def box(functions, virtual, *, names="x" * 60):
    """A server with so many PCI functions, each with an interface, and so many virtual ones."""
    pci = tuple(
        PciFunction(
            address=f"{number >> 8:04x}:{number & 0xFF:02x}:00.0",
            vendor="8086", device="154c", class_="020000", driver="iavf", vendor_name=names,
            device_name=names, virtual_function=number >= functions,
        )
        for number in range(functions + virtual)
    )  # fmt: skip
    nics = tuple(
        Nic(name=f"eth{n}", hardware=True, kind="ethernet", driver="iavf", mtu=1500,
            operstate="down", address=one.address, virtual_function=one.virtual_function)
        for n, one in enumerate(pci[:1024])
    )  # fmt: skip
    probes = {"pci": FOUND, "nics": FOUND}
    return Hardware(pci=pci, nics=nics, accelerators=(GPU,), probes=probes)


def sent(hardware):
    message = Capability(incarnation="0" * 32, boot=1, seq=1, revision="0" * 16, hardware=hardware)
    return codec.decode(Capability, codec.encode(message)).hardware


def test_what_fits_is_left_alone():
    hardware = box(300, 0)
    assert fitted(hardware) is hardware


@pytest.mark.parametrize(
    ("hardware", "pci", "nics", "words"),
    [
        (box(20, 800), 820, 820, {"pci": "names of virtual functions are"}),
        (box(20, 1604), 1624, 20, {"nics": "virtual interfaces are"}),
        (box(20, 2028), 2048, 20, {"nics": "virtual interfaces are"}),
        (box(1024, 1024), 1024, 1024, {"pci": "names are"}),
        (box(2048, 0, names="x" * 128), 2048, 1024, {"pci": "names are"}),
    ],
    ids=["names", "interfaces", "many", "real ones", "all names"],
)
def test_what_says_least_goes_first(hardware, pci, nics, words):
    cut = sent(fitted(hardware))
    assert (len(cut.pci), len(cut.nics)) == (pci, nics)
    for probe, start in words.items():
        assert cut.probes[probe].status == "found"
        assert cut.probes[probe].reason == f"{start} left out: too much for a message"
    assert cut.accelerators == (GPU,)


def test_the_same_hardware_is_cut_the_same():
    assert fitted(box(20, 1004)) == fitted(box(20, 1004))


def test_every_cut_makes_it_smaller_and_the_last_leaves_nothing_of_these():
    hardware = box(1000, 1000)
    hardware = dataclasses.replace(
        hardware, nics=(*hardware.nics, Nic(name="br0", hardware=False, kind="other"))
    )
    for cut in CUTS:
        before, hardware = hardware, cut(hardware)
        assert len(codec.pack(hardware)) < len(codec.pack(before))
    assert hardware.pci == hardware.nics == ()


def test_there_is_room_for_the_largest_policy_that_is_told_beside_the_largest_hardware():
    hardware = dataclasses.replace(fitted(box(2048, 0, names="x" * 128)), policy=None)
    filler = next(
        padded
        for size in range(1024, 0, -1)
        if len(codec.pack(padded := _padded(hardware, size))) <= MOST_BYTES
    )
    assert fitted(filler) is filler
    globs = tuple(f"/dev/{number:04}" + "x" * 80 for number in range(128))
    policy = BoxPolicy(devices=globs)
    assert MAX_TOLD_BYTES * 0.95 < len(codec.pack(policy)) <= MAX_TOLD_BYTES
    assert sent(dataclasses.replace(filler, policy=policy)).policy == policy


def _padded(hardware, size):
    """Return the hardware with labels that fill up a message."""
    return dataclasses.replace(hardware, labels={f"a{n:03}": "x" * 250 for n in range(size)})
