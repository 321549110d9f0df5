"""Which fields there are, and what nodes say of them."""

import pytest
from tests.hub.placement.boxes import GIB, accelerator, node

from skerry_hub.fleet.facts import facts_of
from skerry_hub.fleet.fields import Kind, UnknownFieldError, field
from skerry_wire.hardware import PciFunction, ProbeStatus

BOX = facts_of(
    node(
        "a",
        labels={"site": "quay-3", "own": "1"},
        hub_labels={"site": "quay-4"},
        arch="aarch64",
        accelerators=[accelerator("1"), accelerator("2", "npu", memory_bytes=GIB)],
        features={"cpu-pstate.turbo": "true"},
        pci=(PciFunction(address="0000:00:01.0", vendor="10de", device="1", class_="0302"),),
        probes={"cameras": ProbeStatus(status="failed", reason="no access")},
    )
)


@pytest.mark.parametrize(
    ("path", "kind", "values"),
    [
        ("node.id", Kind.TEXT, ("a",)),
        ("node.hostname", Kind.TEXT, ("host-a",)),
        ("node.platform.arch", Kind.TEXT, ("aarch64", "arm64")),
        ("node.platform.os", Kind.TEXT, ("linux",)),
        ("node.labels.site", Kind.LABEL, ("quay-4",)),
        ("node.labels.own", Kind.LABEL, ("1",)),
        ("node.labels.none", Kind.LABEL, ()),
        ("node.hardware.memory.total_bytes", Kind.BYTES, (4 * GIB,)),
        ("node.hardware.cpu.logical_count", Kind.NUMBER, (4,)),
        ("node.hardware.cpu.core_count", Kind.NUMBER, ()),
        ("node.hardware.system.secure_boot", Kind.BOOLEAN, ()),
        ("node.hardware.accelerators", Kind.RECORD, BOX.accelerators),
        ("node.hardware.accelerators.kind", Kind.TEXT, ("gpu", "npu")),
        ("node.hardware.accelerators.memory_bytes", Kind.BYTES, (GIB,)),
        ("node.hardware.accelerators.device_nodes", Kind.TEXT, ("/dev/gpu-1", "/dev/npu-2")),
        ("node.hardware.cpu.flags", Kind.TEXT, ()),
        ("node.hardware.pci.class", Kind.TEXT, ("0302",)),
        ("node.hardware.features.cpu-pstate.turbo", Kind.TEXT, ("true",)),
        ("node.hardware.probes.cameras.status", Kind.TEXT, ("failed",)),
        ("node.hardware.probes.usb.status", Kind.TEXT, ()),
    ],
)
def test_a_field_and_its_values(path, kind, values):
    found = field(path)
    assert (found.kind, found.values(BOX)) == (kind, values)


def test_a_node_that_has_told_nothing_has_no_values():
    silent = facts_of(node("a", known=False, arch="x86_64"))
    for path in ("node.platform.os", "node.hardware.cpu.logical_count", "node.hardware.usb"):
        assert field(path).values(silent) == ()
    assert field("node.id").values(silent) == ("a",)


def test_a_probe_that_failed_is_why_a_field_is_not_known():
    assert field("node.hardware.cameras.name").unknown_because(BOX) == "no access"
    assert field("node.hardware.usb.path").unknown_because(BOX) is None
    assert field("node.labels.cameras").unknown_because(BOX) is None


def test_the_words_of_a_field_are_known():
    assert "gpu" in field("node.hardware.accelerators.kind").choices
    assert field("node.hardware.accelerators.vendor").choices == ()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("node.role", "'node.role' is not a field: node.id,"),
        ("node.labels.", "is not a field"),
        ("node.hardware.", "is not a field"),
        ("node.hardware.memry.total_bytes", "did you mean memory?"),
        ("node.hardware.cpu.cores", "node.hardware.cpu.cores is not a field"),
        ("node.hardware.cpu", "is not one value; name one below it: logical_count"),
        ("node.hardware.cpu.flags.avx2", "nothing is below cpu.flags"),
        ("node.hardware.memory.total_bytes.x", "nothing is below"),
        ("node.hardware.labels.site", "write node.labels.<label>"),
        ("node.hardware.features", "names no entry"),
        ("node.hardware.probes.usb", "is not one value"),
        ("node.hardware.pci.class_", "did you mean class?"),
        ("node.labels." + "x" * 400, "longer than"),
    ],
)
def test_what_is_no_field(path, reason):
    with pytest.raises(UnknownFieldError, match=r"field|value|entry|below|write") as told:
        field(path)
    assert reason in str(told.value)
